package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/migrate"
	"github.com/eventgateway/eventgateway/providers"
)

// rehearse returns a gateway in this process that has what states say and whose Configuration API is the real one: what it
// refuses is refused, and what it shows is shown. It keeps nothing and calls no function.
func rehearse(states []*migrate.State) (*migrate.Gateway, error) {
	api, err := rehearsalAPI(states)
	if err != nil {
		return nil, err
	}
	return migrate.InProcess(api), nil
}

func rehearsalAPI(states []*migrate.State) (*configapi.Handler, error) {
	logger := slog.New(slog.DiscardHandler)
	mirror := configapi.NewMirror(asIs, logger)
	view, err := mirror.NewView(configapi.Static{})
	if err != nil {
		return nil, err
	}
	kinds := map[migrate.Kind]configapi.Kind{
		migrate.Functions: configapi.Functions, migrate.EventTypes: configapi.EventTypes,
		migrate.CORS: configapi.CORS, migrate.Subscriptions: configapi.Subscriptions,
	}
	store := &rehearsalStore{mirror: mirror, revision: 1, versions: map[string]int64{}}
	loader := mirror.Load()
	for _, state := range states {
		for _, r := range state.Resources {
			loader.Add(configapi.Change{Entry: configapi.Entry{
				Key: configapi.Key{Space: state.Space, Kind: kinds[r.Kind], ID: r.ID}, Value: r.Body, CreateRevision: 1, ModRevision: 1,
			}})
		}
	}
	loader.Commit(store.revision)
	if mirror.Skipped() > 0 {
		return nil, errors.New("the gateway has resources this program cannot use: it is of another version. Import with the gateway's own program")
	}
	return &configapi.Handler{View: view, Mirror: mirror, Store: store, Observer: unobserved{}, Logger: logger}, nil
}

// rehearsalStore passes what is written on to the mirror. What a resource was created at does not matter there.
type rehearsalStore struct {
	mirror   *configapi.Mirror
	mu       sync.Mutex
	revision int64
	versions map[string]int64
}

func (s *rehearsalStore) Commit(_ context.Context, w configapi.Write) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions[w.Space] != w.Version {
		return s.versions[w.Space], configapi.ErrVersion
	}
	s.revision++
	s.versions[w.Space] = s.revision
	entry := func(key configapi.Key, value []byte) configapi.Entry {
		return configapi.Entry{Key: key, Value: value, CreateRevision: s.revision, ModRevision: s.revision}
	}
	changes := []configapi.Change{{Entry: entry(configapi.Key{Space: w.Space}, nil), SpaceVersion: true}}
	for _, put := range w.Puts {
		changes = append(changes, configapi.Change{Entry: entry(put.Key, put.Value)})
	}
	for _, key := range w.Deletes {
		changes = append(changes, configapi.Change{Entry: entry(key, nil), Deleted: true})
	}
	s.mirror.Apply(s.revision, changes)
	return s.revision, nil
}

func (s *rehearsalStore) Status() configapi.StoreStatus {
	return configapi.StoreStatus{State: "connected", Embedded: true}
}

// unobserved is told of requests and forgets them.
type unobserved struct{}

func (unobserved) ConfigRequest(string, string, string, int, time.Duration) {}

var (
	_ configapi.Store    = (*rehearsalStore)(nil)
	_ configapi.Observer = unobserved{}
)

// asIs opens no function: none is called.
func asIs(fn *eventgateway.Function) *providers.Handle { return &providers.Handle{Function: fn} }
