package caddymodule

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// retreats are those that weighted functions of this instance have made and the store does not have: of static functions, and
// of stored ones until they are written.
type retreats struct {
	mu  sync.Mutex
	all map[eventgateway.FunctionKey]*eventgateway.Retreat
}

// of returns the retreat of a function that is opened; nil when it has made none since it got its weights.
func (r *retreats) of(fn *eventgateway.Function) *eventgateway.Retreat {
	r.mu.Lock()
	defer r.mu.Unlock()
	made := r.all[fn.Key()]
	if made == nil {
		return nil
	}
	if !stillLeft(fn, made) {
		delete(r.all, fn.Key())
		return nil
	}
	return made
}

func (r *retreats) add(made *eventgateway.Retreat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[eventgateway.FunctionKey]*eventgateway.Retreat{}
	}
	r.all[made.Key()] = made
}

// drop forgets a retreat, unless there is a later one of the same function.
func (r *retreats) drop(made *eventgateway.Retreat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[made.Key()] == made {
		delete(r.all, made.Key())
	}
}

func (r *retreats) list() []*eventgateway.Retreat {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*eventgateway.Retreat, 0, len(r.all))
	for _, made := range r.all {
		all = append(all, made)
	}
	return all
}

// stillLeft reports whether a function still has the weights that a retreat left.
func stillLeft(fn *eventgateway.Function, made *eventgateway.Retreat) bool {
	parts := providers.PartsOf(fn)
	return parts != nil && slices.Equal(parts.Shares, made.From)
}

const (
	// retreatWait is how long a retreat that could not be written waits for the next attempt at first, and longestRetreatWait at
	// most.
	retreatWait        = time.Second
	longestRetreatWait = 30 * time.Second
)

// retreated is told that a weighted function of this instance went back to earlier weights. It tells everybody, and has the
// other instances follow through the store.
func (e *engine) retreated(made *eventgateway.Retreat) {
	e.retreats.add(made)
	metrics.retreated(made)
	e.logger.Warn("a weighted function went back to its earlier weights", slog.String("space", made.Space),
		slog.String("function", made.FunctionID), slog.String("member", made.Member), slog.String("reason", made.Reason),
		slog.Int("calls", made.Calls), slog.Int("failed", made.Failed), slog.Int("slow", made.Slow),
		slog.Any("from", made.From), slog.Any("to", made.To))
	go e.tellRetreat(made)
}

// tellRetreat emits the system event, and writes the retreat to the store as soon as that can be.
func (e *engine) tellRetreat(made *eventgateway.Retreat) {
	if app := e.inForce.Load(); app != nil {
		app.stages.Retreated(context.Background(), made)
	}
	for wait := retreatWait; e.store.Load() != nil; wait = min(2*wait, longestRetreatWait) {
		app, handle := e.inForce.Load(), e.Function(made.Key())
		if app == nil || handle == nil || !stillLeft(handle.Function, made) {
			e.retreats.drop(made)
			return
		}
		applied, err := app.config.Retreat(context.Background(), made)
		if err == nil {
			if applied {
				e.retreats.drop(made)
			}
			return // else it is static, or was changed meanwhile
		}
		e.logger.Warn("a retreat is not in the store yet: other instances do not follow it", "space", made.Space,
			"function", made.FunctionID, "error", err)
		time.Sleep(wait)
	}
}

// retreatsInForce returns all retreats that are in force at this instance, in the order of their functions.
func (a *App) retreatsInForce() []*eventgateway.Retreat {
	all := a.view.Retreats()
	for _, made := range a.engine.retreats.list() {
		if handle := a.engine.Function(made.Key()); handle != nil && stillLeft(handle.Function, made) {
			all = append(all, made)
		}
	}
	slices.SortFunc(all, func(x, y *eventgateway.Retreat) int {
		return cmp.Or(cmp.Compare(x.Space, y.Space), cmp.Compare(x.FunctionID, y.FunctionID))
	})
	return all
}

var retreatedDesc = prometheus.NewDesc("eventgateway_function_retreated",
	"1 while a weighted function has the weights it went back to.", []string{"space", "function"}, nil)

func collectRetreats(ch chan<- prometheus.Metric, app *App) {
	for _, made := range app.retreatsInForce() {
		ch <- prometheus.MustNewConstMetric(retreatedDesc, prometheus.GaugeValue, 1, made.Space, made.FunctionID)
	}
}
