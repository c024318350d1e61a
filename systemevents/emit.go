package systemevents

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// Where subscriptions to system events stand.
const (
	subscribedMethod = http.MethodPost
	subscribedPath   = "/"
)

// emission is one system event on its way out.
type emission struct {
	stage, space string
	// about is the event that the system event is about; nil when it is about none.
	about *eventgateway.Event
	// stops tells that the event does not go on if a plugin objects; else it is too late for that.
	stops bool
	// data appends the data.
	data func(buf []byte) []byte

	event *eventgateway.Event
	query matcher.Query
	match *matcher.Match
}

// matches are used again: most system events are of spaces in which nobody listens.
var matches = sync.Pool{New: func() any { return new(matcher.Match) }}

// emit tells those who listen: the plugins first, and of an event that they stop nobody else. The error is a plugin's.
func (e *Emitter) emit(ctx context.Context, m *emission) error {
	m.match = matches.Get().(*matcher.Match)
	defer func() {
		m.match.Reset()
		matches.Put(m.match)
	}()
	subscribed, told := e.find(m), e.Plugins.Listens(m.stage)
	if !subscribed && !told {
		return nil
	}
	m.makeEvent()
	subscribed = subscribed && e.filter(m)
	if subscribed || told {
		e.Observer.Emitted(m.space, m.stage)
	}
	var err error
	if told {
		// Also of an event that is as deep as it may be: a plugin is no delivery, and must not be got around.
		if err = e.Plugins.Emit(ctx, m.event); err != nil && m.stops {
			return err
		}
	}
	if subscribed {
		e.put(ctx, m)
	}
	return err
}

// find looks for subscriptions to a system event in its space, and reports whether there may be any.
func (e *Emitter) find(m *emission) bool {
	if m.space == "" { // nobody subscribes to the event it is about
		return false
	}
	m.query = matcher.Query{Space: m.space, Method: subscribedMethod, Path: subscribedPath, Event: m.stage}
	return e.Snapshot().Table.Find(&m.query, m.match) || m.match.Undecided
}

// makeEvent makes the system event.
func (m *emission) makeEvent() {
	now := time.Now()
	m.event = &eventgateway.Event{
		Type: m.stage, ID: eventgateway.NewID(now), ReceivedAt: now, DataType: eventgateway.TypeJSON, Data: m.data(nil),
	}
	if m.about != nil {
		m.event.Depth, m.event.Cause, m.event.Trace = m.about.Depth+1, delivery.EventIDText(m.about.ID), m.about.Trace
	}
	m.query.Input = expression.NewInput(m.event)
}

// filter looks for the subscriptions whose filters match, and reports whether there are any.
func (e *Emitter) filter(m *emission) bool {
	if !m.match.Undecided {
		return true
	}
	found := e.Snapshot().Table.Find(&m.query, m.match)
	for _, failed := range m.match.Failed {
		s := failed.Subscription
		e.Observer.FilterFailed(s.Space, s.ID)
	}
	return found
}

// put hands a system event to the queue. If it cannot, that is counted and logged, and the event it is about goes on.
func (e *Emitter) put(ctx context.Context, m *emission) {
	if m.event.Depth > cmp.Or(max(e.MaxDepth, 0), eventgateway.MaxDepth) {
		e.drop(m, ReasonLoop, nil)
		return
	}
	targets := make([]delivery.Target, 0, len(m.match.Async)+1)
	add := func(t matcher.Target) {
		target, err := delivery.TargetOf(t.Subscription, t.Params, m.query.Input)
		if err != nil {
			e.Observer.OrderingKeyFailed(t.Subscription.Space, t.Subscription.ID)
		}
		targets = append(targets, target)
	}
	for _, t := range m.match.Async {
		add(t)
	}
	if t := m.match.Sync; t.Subscription != nil { // nobody waits for its answer
		add(t)
	}
	if err := e.Queue.Put(ctx, []delivery.Item{{Event: m.event, Targets: targets}}); err != nil {
		e.drop(m, reasonOf(err), err)
	}
}

func (e *Emitter) drop(m *emission, reason string, err error) {
	e.Observer.Dropped(m.space, m.stage, reason)
	suppressed, ok := e.dropped.admit(m.event.ReceivedAt)
	if !ok {
		return
	}
	attrs := []any{
		slog.String("space", m.space), slog.String("event", m.stage), slog.String("about", m.event.Cause),
		slog.Int("depth", m.event.Depth), slog.String("reason", reason), slog.Int64("suppressed", suppressed),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	e.Logger.Warn("a system event was not delivered to its subscribers", attrs...)
}
