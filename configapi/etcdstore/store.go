// Package etcdstore keeps the configuration in etcd: in a cluster, or in a server inside this process.
package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/configapi"
)

// closeGrace is how long Close lets writes in flight find their end by themselves.
const closeGrace = time.Second

// Store is a configapi.Store in etcd. It keeps a sink filled with what etcd holds.
type Store struct {
	keys   keyspace
	sink   Sink
	logger *slog.Logger
	conns  *connections
	status *status
	server *embedded
	saver  *saver
	ready  chan struct{}
	// doubt asks for a look whether the sink still follows the history etcd has.
	doubt chan struct{}

	mu  sync.Mutex
	cfg Config
	// renew wakes the goroutine that makes clients when cfg has changed.
	renew chan struct{}

	stop   context.CancelFunc
	hurry  context.Context
	rush   context.CancelFunc
	tasks  sync.WaitGroup
	closed sync.Once
}

// Sink is what a Store fills: the mirror, of which it also saves a copy.
type Sink interface {
	configapi.Sink
	// Entries yields everything the sink holds at one revision, in the form the store has it. It is called while the sink
	// is filled.
	Entries() (revision int64, entries func(yield func(configapi.Change) bool))
}

// Open starts to follow etcd into sink and returns without waiting for the first list. Only a configuration that can
// never work is an error: a data directory that cannot be used or that another process uses, a malformed endpoint. With
// a cluster, the copy saved last is loaded into sink before Open returns if sink has nothing yet.
func Open(cfg Config, sink Sink, logger *slog.Logger) (*Store, error) {
	cfg, err := cfg.normalize()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the data directory: %w", err)
	}
	s := &Store{
		keys:   keyspace(cfg.Prefix + "/"),
		sink:   sink,
		logger: logger,
		conns:  newConnections(),
		status: newStatus(cfg, logger),
		ready:  make(chan struct{}),
		doubt:  make(chan struct{}, 1),
		cfg:    cfg,
		renew:  make(chan struct{}, 1),
	}
	if cfg.embedded() {
		if s.server, err = startEmbedded(cfg.DataDir, logger); err != nil {
			return nil, err
		}
	} else {
		s.saver = newSaver(cfg, sink, logger)
		s.loadSaved()
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.hurry, s.rush = context.WithCancel(context.Background())
	s.tasks.Go(func() { s.connect(ctx) })
	s.tasks.Go(func() { s.follow(ctx) })
	if s.saver != nil {
		s.tasks.Go(func() { s.saver.run(ctx) })
	}
	return s, nil
}

// loadSaved fills an empty sink with the copy saved last. A copy that cannot be used is as good as none.
func (s *Store) loadSaved() {
	if s.sink.Revision() != 0 {
		return
	}
	copied, err := s.saver.load()
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		s.logger.Warn("the saved copy of the configuration cannot be used; waiting for etcd", "file", s.saver.path(), "error", err)
	default:
		s.status.servesSaved(copied.at)
		s.logger.Info("serving the saved copy of the configuration until etcd is reached",
			"saved", copied.at, "revision", copied.revision, "entries", copied.entries)
	}
}

// Status implements configapi.Store. Error also tells when a saved copy is served.
func (s *Store) Status() configapi.StoreStatus { return s.status.get() }

// Ready is closed once the sink has been loaded from etcd itself.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Reconfigure changes how the cluster is reached: username, password, TLS and dial timeout, and the directory of the saved
// copy. A new connection takes the place of the one in use as soon as it works; until then, and for writes in flight, the
// old one stays. What cannot change while the store is open is an error: the cluster, the prefix, the embedded server's
// data directory.
func (s *Store) Reconfigure(cfg Config) error {
	cfg, err := cfg.normalize()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cfg.Identity() != s.cfg.Identity() {
		return fmt.Errorf("the store cannot change from %s to %s while it is open", s.cfg.Identity(), cfg.Identity())
	}
	if s.saver != nil && cfg.DataDir != s.cfg.DataDir {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return fmt.Errorf("creating the data directory: %w", err)
		}
		s.saver.move(cfg)
	}
	same := sameAccess(cfg, s.cfg)
	s.cfg = cfg
	if !same && s.server == nil {
		select {
		case s.renew <- struct{}{}:
		default:
		}
	}
	return nil
}

func (s *Store) config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

// Close stops following, saves the last state of a cluster, and stops the embedded server. Writes in flight have a second
// to end. Close may be called more than once; only the first call does something.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		s.stop()
		defer time.AfterFunc(closeGrace, s.rush).Stop()
		s.tasks.Wait()
		s.conns.close()
		s.rush()
		if s.saver != nil {
			err = s.saver.save()
		}
		if s.server != nil {
			err = s.server.close()
		}
	})
	return err
}
