package delivery

import (
	"log/slog"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
)

const (
	// failureInterval is how often the failures of one function are logged.
	failureInterval = 10 * time.Second
	// failureFunctions is how many functions a failureLog remembers.
	failureFunctions = 1024
)

// failureLog logs failed deliveries: of each function one line in failureInterval, with the number of those that got
// none before it, so that a broken function neither floods the log nor fails in silence.
type failureLog struct {
	logger *slog.Logger

	mu   sync.Mutex
	seen map[eventgateway.FunctionKey]*suppression
}

// suppression is what happened since a function's last line.
type suppression struct {
	logged time.Time
	count  int
}

func newFailureLog(logger *slog.Logger) *failureLog {
	return &failureLog{logger: logger, seen: map[eventgateway.FunctionKey]*suppression{}}
}

func (f *failureLog) log(ev *eventgateway.Event, t *Target, attempts int, o outcome) {
	suppressed, ok := f.admit(t.Function(), time.Now())
	if !ok {
		return
	}
	attrs := []any{
		slog.String("space", t.Space),
		slog.String("function", t.FunctionID),
		slog.String("subscription", t.SubscriptionID),
		slog.String("event", ev.Type),
		slog.String("event_id", ev.ID),
		slog.String("reason", o.reason),
		slog.Int("attempts", attempts),
		slog.Duration("duration", o.took),
	}
	if o.err != nil {
		attrs = append(attrs, slog.String("error", o.err.Error()))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	f.logger.Warn("event could not be delivered", attrs...)
}

// admit reports whether a failure of key may be logged now, and how many before it were not.
func (f *failureLog) admit(key eventgateway.FunctionKey, now time.Time) (suppressed int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.seen[key]
	if s == nil {
		if len(f.seen) >= failureFunctions {
			suppressed = f.forget(now)
		}
		if len(f.seen) >= failureFunctions {
			// So many functions fail at once that those beyond share one line.
			key = eventgateway.FunctionKey{}
		}
		if s = f.seen[key]; s == nil {
			s = &suppression{}
			f.seen[key] = s
		}
	}
	if now.Sub(s.logged) < failureInterval {
		s.count += 1 + suppressed
		return 0, false
	}
	suppressed += s.count
	s.logged, s.count = now, 0
	return suppressed, true
}

// forget drops the functions that have not failed for an interval, and returns how many of their failures were not
// logged.
func (f *failureLog) forget(now time.Time) (suppressed int) {
	for key, s := range f.seen {
		if now.Sub(s.logged) >= failureInterval {
			suppressed += s.count
			delete(f.seen, key)
		}
	}
	return suppressed
}
