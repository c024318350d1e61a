package eventsapi

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

const (
	// maxCause is how long the id of the event that caused another may be, as delivery.EventIDText gives it.
	maxCause = 512
	// maxTraceState is how long a tracestate may be to be looked at.
	maxTraceState = 4096
)

// setChain sets what the sender tells of where the event comes from: which deliveries led to it, and which trace it is part
// of. What is not valid is as if it were not there. The deepest that is told counts, as a function may pass on one thing and
// not the other.
func (x *exchange) setChain(ev *eventgateway.Event) {
	header := x.r.Header
	if values := header[delivery.HeaderDepth]; len(values) > 0 {
		ev.Depth, _ = eventgateway.ParseDepth(values[0])
	}
	told := eventgateway.TraceContext{State: stateOf(strings.Join(header[delivery.HeaderTraceState], ","))}
	if values := header[delivery.HeaderTraceParent]; len(values) == 1 {
		told.Parent = values[0]
	}
	ev.Trace = validTrace(told)
	ev.Depth = max(ev.Depth, told.Depth())
	if ce := ev.CloudEvent; ce != nil && len(ce.Extensions) > 0 {
		parent, _ := ce.Extensions["traceparent"].(string)
		state, _ := ce.Extensions["tracestate"].(string)
		told = eventgateway.TraceContext{Parent: parent, State: stateOf(state)}
		if ev.Trace.Parent == "" {
			ev.Trace = validTrace(told)
		}
		ev.Depth = max(ev.Depth, told.Depth())
	}
	if ev.Depth > 0 {
		ev.Cause = causeOf(header)
	}
}

// stateOf returns a tracestate that can go on as a header; else nothing.
func stateOf(state string) string {
	if len(state) > maxTraceState || !eventgateway.ValidHeaderValue(state) {
		return ""
	}
	return state
}

// validTrace returns t if its traceparent is valid; without that its tracestate means nothing.
func validTrace(t eventgateway.TraceContext) eventgateway.TraceContext {
	if !eventgateway.ValidTraceParent(t.Parent) {
		return eventgateway.TraceContext{}
	}
	return t
}

// causeOf returns the id of the event whose delivery caused this one; empty where it is not told.
func causeOf(header http.Header) string {
	values := header[delivery.HeaderCause]
	if len(values) != 1 || len(values[0]) > maxCause || !isVisible(values[0]) {
		return ""
	}
	return values[0]
}

// chainHeader returns what a call of a function for an event tells of the chain it is part of, as deliveries do.
func chainHeader(ev *eventgateway.Event) http.Header {
	depth := ev.Depth + 1
	header := http.Header{
		delivery.HeaderDepth: {strconv.Itoa(depth)},
		delivery.HeaderCause: {delivery.EventIDText(ev.ID)},
	}
	if ev.Trace.Parent != "" {
		header[delivery.HeaderTraceParent] = []string{ev.Trace.Parent}
		header[delivery.HeaderTraceState] = []string{ev.Trace.StateAt(depth)}
	}
	return header
}

// ownExtensions is how the names of the CloudEvents attributes begin that only the gateway itself sets.
const ownExtensions = "eventgateway"

// dropOwn takes from a CloudEvent what only the gateway may say, such as what an authorizer has granted. A function that
// passes on an event it has received sends it without meaning to.
func dropOwn(ev *eventgateway.Event) {
	for name := range ev.CloudEvent.Extensions {
		if strings.HasPrefix(name, ownExtensions) {
			delete(ev.CloudEvent.Extensions, name)
		}
	}
}

// tooDeep reports whether more deliveries led to an event, one after the other, than may.
func (x *exchange) tooDeep(ev *eventgateway.Event) bool { return ev.Depth > x.maxDepth() }

func (x *exchange) maxDepth() int {
	if x.h.MaxDepth > 0 {
		return x.h.MaxDepth
	}
	return eventgateway.MaxDepth
}

// stopLoop refuses an event that is too deep: functions cause each other. The subscribers that would get it through the queue
// are in x.items: they find it among their dead letters.
func (x *exchange) stopLoop(ev *eventgateway.Event, at int) error {
	if len(x.items) == 0 { // else the queue counts and logs it
		x.h.loops.warn(x, ev)
		return x.looped(ev).at(at)
	}
	for i := range x.items {
		x.items[i].Dead = delivery.ReasonLoop
	}
	if err := x.put(); err != nil {
		return err
	}
	r := x.looped(ev).at(at)
	r.counted = true
	return r
}

// looped is the refusal of an event that is too deep.
func (x *exchange) looped(ev *eventgateway.Event) *refused {
	return &refused{
		status: http.StatusLoopDetected, reason: ReasonLoop,
		message: "the event was not delivered: " + strconv.Itoa(ev.Depth) + " deliveries led to it, one after the other, and at most " +
			strconv.Itoa(x.maxDepth()) + " may: functions seem to cause each other's events",
	}
}

// loopWarning warns of events that are too deep, at most once in loopInterval.
type loopWarning struct {
	// next is when the next warning may be, in nanoseconds since 1970.
	next       atomic.Int64
	suppressed atomic.Int64
}

const loopInterval = 10 * time.Second

func (l *loopWarning) warn(x *exchange, ev *eventgateway.Event) {
	now, next := x.now.UnixNano(), l.next.Load()
	if now < next || !l.next.CompareAndSwap(next, now+int64(loopInterval)) {
		l.suppressed.Add(1)
		return
	}
	x.h.Logger.Warn("an event was stopped because functions seem to cause each other's events", "space", x.seenIn(),
		"event", ev.Type, "event_id", ev.ID, "cause", ev.Cause, "depth", ev.Depth, "path", x.r.URL.Path,
		slog.Int64("suppressed", l.suppressed.Swap(0)))
}
