package eventsapi

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/snapshot"
)

// exchange is one request on its way to its answer. It is used again for other requests, for the sake of its memory.
type exchange struct {
	h    *Handler
	w    http.ResponseWriter
	r    *http.Request
	snap *snapshot.Snapshot
	now  time.Time
	// space is the only one to look in; empty means all.
	space string
	// key is the request's own name for its events; see readKey.
	key string
	// event is the type of the event as far as it is known, for the observer.
	event string
	// deadline tells that reading the body is bounded in time.
	deadline bool

	query matcher.Query
	// input is the event for filters and transforms, once there is one.
	input   *expression.Input
	match   matcher.Match
	items   []delivery.Item
	targets []delivery.Target
	// noted are the events the journal knows of.
	noted []*eventgateway.Event
	// crowded is why the event cannot be queued now: an ordering key did not have its turn.
	crowded error

	// format is that of the function that was called, which its answer has too.
	format eventgateway.Format

	// body is the request's body, unless it is a batch's.
	body []byte
	// verdicts are what spaces say about the event; except are those of them that refuse it and are left out of x.match.
	verdicts []verdict
	except   []string
	// sources are, for each of items, the event as it was received.
	sources []*eventgateway.Event
	// cors is what the answer allows pages, found with corsMatch where it is a resource.
	cors      *eventgateway.CORS
	corsMatch matcher.Match
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func newExchange(h *Handler, w http.ResponseWriter, r *http.Request) *exchange {
	x := exchanges.Get().(*exchange)
	x.h, x.w, x.r, x.snap, x.now = h, w, r, h.Snapshot(), time.Now()
	return x
}

// free forgets the request and keeps the memory, unless the request needed an unusual amount.
func (x *exchange) free() {
	const usual = 256
	clear(x.items)
	clear(x.targets)
	clear(x.noted)
	clear(x.verdicts)
	clear(x.except)
	clear(x.sources)
	x.match.Reset()
	x.corsMatch.Reset()
	kept := exchange{
		match: x.match, corsMatch: x.corsMatch, items: x.items[:0], targets: x.targets[:0], noted: x.noted[:0],
		verdicts: x.verdicts[:0], except: x.except[:0], sources: x.sources[:0],
	}
	if cap(x.items) > usual || cap(x.targets) > usual || cap(x.noted) > usual || cap(x.match.Async) > usual {
		kept = exchange{}
	}
	*x = kept
	exchanges.Put(x)
}

// chooseSpace decides which space the request may reach: the handler's own, else the one its Space header names. A
// handler bound to a space answers every other name alike, whether or not there is such a space.
func (x *exchange) chooseSpace(bound string) error {
	x.space = bound
	named := x.r.Header["Space"]
	if len(named) == 0 {
		return nil
	}
	if err := eventgateway.ValidateID("Space", named[0]); err != nil {
		return err
	}
	if bound != "" && named[0] != bound {
		return eventgateway.Errorf(eventgateway.Invalid,
			"Space: %s is not served here: want no Space header", eventgateway.Quote(named[0]))
	}
	x.space = named[0]
	return nil
}

// route looks for the subscriptions without a filter of events on the request's path, into x.match, and reports whether
// there are any. Where there are others, x.match is undecided: there must be an event for findFor to decide.
func (x *exchange) route(method, event, functionID string) bool {
	x.query = matcher.Query{Space: x.space, Method: method, Path: x.r.URL.EscapedPath(), Event: event, FunctionID: functionID}
	return x.snap.Table.Find(&x.query, &x.match)
}

// routeAll looks for the http subscriptions of a method on the request's path, into x.match, whatever their filters say.
func (x *exchange) routeAll(method string) bool {
	x.query = matcher.Query{
		Space: x.space, Method: method, Path: x.r.URL.EscapedPath(), Event: eventgateway.EventHTTP, AllFilters: true,
	}
	return x.snap.Table.Find(&x.query, &x.match)
}

// find looks for the subscriptions of an event on the request's path, into x.match.
func (x *exchange) find(ev *eventgateway.Event, functionID string) bool {
	found := x.look(ev, functionID)
	for _, failed := range x.match.Failed {
		x.filterFailed(ev, failed)
	}
	return found
}

// look is find without telling of filters that fail.
func (x *exchange) look(ev *eventgateway.Event, functionID string) bool {
	x.input = x.newInput(ev)
	x.query = matcher.Query{
		Space: x.space, Method: x.r.Method, Path: x.r.URL.EscapedPath(), Event: ev.Type, FunctionID: functionID, Input: x.input,
	}
	return x.snap.Table.Find(&x.query, &x.match)
}

// newInput returns the input for the event of the request.
func (x *exchange) newInput(ev *eventgateway.Event) *expression.Input {
	in := expression.NewInput(ev)
	in.SetShared(x.snap.Table.Shared(x.space))
	return in
}

// filterFailed tells that a filter could not be evaluated, so that its subscription does not get the event.
func (x *exchange) filterFailed(ev *eventgateway.Event, failed matcher.Failure) {
	s := failed.Subscription
	x.h.Observer.FilterFailed(s.Space, s.ID)
	if ctx := x.r.Context(); x.h.Logger.Enabled(ctx, slog.LevelDebug) {
		x.h.Logger.DebugContext(ctx, "a filter could not be evaluated", "space", s.Space, "subscription", s.ID,
			"event", ev.Type, "event_id", ev.ID, "error", expression.WithoutData(s.Filter, failed.Err))
	}
}

// seenIn returns the space to count an event under that x.match is for: that of the subscriber who answers, else the first
// by name; empty without subscribers. A space that only the request names is not counted under: anybody can name many.
func (x *exchange) seenIn() string {
	if s := x.match.Sync.Subscription; s != nil {
		return s.Space
	}
	space := ""
	for _, t := range x.match.Async {
		if space == "" || t.Subscription.Space < space {
			space = t.Subscription.Space
		}
	}
	return space
}

// describe names the request in a message.
func describe(r *http.Request) string {
	method := r.Method
	if len(method) > 32 || !eventgateway.ValidHeaderName(method) { // a method is a token, as a header's name is
		method = eventgateway.Quote(method)
	}
	return method + " " + eventgateway.Quote(r.URL.Path)
}
