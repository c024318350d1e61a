package etcdstore

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/configapi"
)

// The states of a store, see configapi.StoreStatus.
const (
	connecting   = "connecting"
	connected    = "connected"
	disconnected = "disconnected"
)

// status remembers how the store is. It logs a change of state once, however many attempts fail.
type status struct {
	logger    *slog.Logger
	embedded  bool
	endpoints []string

	mu    sync.Mutex
	state string
	since time.Time
	err   error
	// saved is when the copy that is served was saved; zero when the sink has been loaded from etcd itself.
	saved time.Time
}

func newStatus(cfg Config, logger *slog.Logger) *status {
	return &status{
		logger: logger, embedded: cfg.embedded(), endpoints: cfg.Endpoints, state: connecting, since: time.Now(),
	}
}

// get returns the status as it is shown.
func (s *status) get() configapi.StoreStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := configapi.StoreStatus{State: s.state, Embedded: s.embedded, Endpoints: s.endpoints}
	if s.state == connected {
		return shown
	}
	shown.Since = s.since
	shown.Error = s.plain(s.err)
	if !s.saved.IsZero() {
		shown.Error = strings.TrimPrefix(shown.Error+"; ", "; ") + "serving the copy saved at " + s.saved.UTC().Format(time.RFC3339)
	}
	return shown
}

// plain says in plain words what keeps the store from etcd. Its refusal of a client certificate comes after the handshake of TLS 1.3: what
// is written meanwhile may fail first, and hide it.
func (s *status) plain(err error) string {
	text := plain(err)
	overTLS := len(s.endpoints) > 0 && strings.HasPrefix(s.endpoints[0], "https://")
	if overTLS && (strings.HasSuffix(text, "broken pipe") || strings.HasSuffix(text, "connection reset by peer")) {
		text += ": it may demand a client certificate that it knows"
	}
	return text
}

// reason returns what keeps the store from etcd, for a request that ended with err while waiting.
func (s *status) reason(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, errClosed) || s.err == nil || s.state == connected {
		return err
	}
	return s.err
}

// servesSaved notes that the sink holds the copy saved at a time.
func (s *status) servesSaved(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = at
}

// up notes that changes arrive.
func (s *status) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != connected {
		s.logger.Info("connected to etcd", "after", time.Since(s.since).Round(time.Millisecond))
		s.state, s.since = connected, time.Now()
	}
	s.err, s.saved = nil, time.Time{}
}

// down notes what keeps changes from arriving.
func (s *status) down(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != disconnected {
		s.logger.Warn("no connection to etcd; serving what is known, writes are refused", "error", s.plain(err))
		// Before the first list, the time counts from the start.
		if s.state == connected {
			s.since = time.Now()
		}
		s.state = disconnected
	}
	s.err = err
}

// downFor reports whether etcd has been away for at least so long.
func (s *status) downFor(long time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == disconnected && time.Since(s.since) >= long
}

// troubled notes what keeps a new connection from taking the place of the one in use, or from being the first.
func (s *status) troubled(err error, inUse bool) {
	if !inUse {
		s.down(err)
		return
	}
	s.logger.Warn("the new settings do not connect to etcd; keeping the previous connection", "error", s.plain(err))
}
