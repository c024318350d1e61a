package eventsapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/snapshot"
)

// verdict is what one space says about an event. A space that has nothing to say gives none.
type verdict struct {
	space string
	// kind is the event type as it is registered in the space; nil where it is not, and the space is strict.
	kind *snapshot.EventType
	// params are the path parameters the event has in the space.
	params eventgateway.PathParams
	// event is the event as the space's subscribers get it: a copy where it carries what only they may see.
	event *eventgateway.Event
	// refusal is why the space does not take the event; nil if it does.
	refusal *refused
	// violation is in which way the data violates the schema, where that does not refuse the event.
	violation string
	// asked tells that the authorizer was asked; authorization is what it granted.
	asked         bool
	authorization json.RawMessage
}

// admit asks the spaces whether they take an event, whose subscribers are in x.match. A space that does not is as if it had
// no subscription. Where nobody else is left, or the request can reach that space alone, the error is the refusal. at is the
// event's place in a batch, or alone.
//
// Where no space has anything to say, it costs a look-up for each and no memory.
func (x *exchange) admit(ev *eventgateway.Event, at int) error {
	if x.snap.EventType == nil && x.h.Strict == nil {
		return nil
	}
	first := x.seenIn()
	for {
		from := len(x.verdicts)
		x.judge(ev)
		x.authorize(x.verdicts[from:])
		switch {
		case x.refusals() == len(x.except):
			x.countRefusals(ev, first)
			x.countViolations()
			return nil
		case x.space != "", !x.findOthers(ev):
			x.countRefusals(ev, first)
			return x.refusedBy(first, at)
		}
	}
}

// judge adds what the spaces of x.match say that were not asked before, but for their authorizers. The only space a request
// can reach is asked also if it has no subscriber.
func (x *exchange) judge(ev *eventgateway.Event) {
	answers, others := x.match.Sync, x.match.Async
	if x.space != "" {
		params := answers.Params
		if answers.Subscription == nil && len(others) > 0 {
			params = others[0].Params
		}
		x.judgeIn(x.space, ev, params)
		return
	}
	last := ""
	if s := answers.Subscription; s != nil {
		last = s.Space
		x.judgeIn(last, ev, answers.Params)
	}
	for _, t := range others { // those of one space mostly stand together
		if space := t.Subscription.Space; space != last {
			last = space
			x.judgeIn(space, ev, t.Params)
		}
	}
}

func (x *exchange) judgeIn(space string, ev *eventgateway.Event, params eventgateway.PathParams) {
	if x.verdictOf(space) != nil {
		return
	}
	var kind *snapshot.EventType
	if x.snap.EventType != nil {
		kind = x.snap.EventType(space, ev.Type)
	}
	v := verdict{space: space, kind: kind, params: params, event: ev}
	switch {
	case kind == nil && !x.wantsRegistered(space, ev.Type):
		return
	case kind == nil && !x.snap.Loaded:
		v.refusal = errNotLoaded
	case kind == nil:
		v.refusal = notRegistered(ev)
	case kind.Unusable:
		v.refusal = unavailable(ReasonTypeUnusable, "event type "+eventgateway.Quote(ev.Type)+
			" cannot be used: what is stored for it is not valid; whoever runs the gateway finds more in its log")
	case kind.AuthorizerID == "" && !hasSchema(kind):
		return
	default:
		x.checkSchema(&v)
	}
	x.verdicts = append(x.verdicts, v)
}

// wantsRegistered reports whether a space takes events of a type only if it is registered. The built-in ones need not be.
func (x *exchange) wantsRegistered(space, eventType string) bool {
	return x.h.Strict != nil && eventType != eventgateway.EventHTTP && eventType != eventgateway.EventInvoke && x.h.Strict(space)
}

func notRegistered(ev *eventgateway.Event) *refused {
	return &refused{
		status: http.StatusBadRequest, reason: ReasonNotRegistered,
		message: "event type " + eventgateway.Quote(ev.Type) + " is not registered: want a registered type, as no other is accepted here",
	}
}

// verdictOf returns what a space has said, or nil.
func (x *exchange) verdictOf(space string) *verdict {
	for i := range x.verdicts {
		if v := &x.verdicts[i]; v.space == space {
			return v
		}
	}
	return nil
}

// eventIn returns ev as the subscribers of a space get it.
func (x *exchange) eventIn(space string, ev *eventgateway.Event) *eventgateway.Event {
	if v := x.verdictOf(space); v != nil {
		return v.event
	}
	return ev
}

func (x *exchange) refusals() int {
	n := 0
	for i := range x.verdicts {
		if x.verdicts[i].refusal != nil {
			n++
		}
	}
	return n
}

// findOthers looks for the subscribers of an event again, into x.match, but for those of spaces that refuse it.
func (x *exchange) findOthers(ev *eventgateway.Event) bool {
	x.except = x.except[:0]
	for i := range x.verdicts {
		if v := &x.verdicts[i]; v.refusal != nil {
			x.except = append(x.except, v.space)
		}
	}
	x.input = x.newInput(ev)
	x.query.Input, x.query.Except = x.input, x.except
	return x.snap.Table.Find(&x.query, &x.match)
}

// countRefusals tells the observer which spaces refuse an event. first is the space it was counted under when it was received.
func (x *exchange) countRefusals(ev *eventgateway.Event, first string) {
	for i := range x.verdicts {
		v := &x.verdicts[i]
		if v.refusal == nil {
			continue
		}
		space := v.space
		if v.kind == nil && x.space != "" && first == "" {
			space = "" // only the request names it: anybody can name many
		}
		x.h.Observer.Refused(space, ev.Type, v.refusal.reason)
	}
}

// countViolations tells the observer where the event goes on although its data violates the schema.
func (x *exchange) countViolations() {
	for i := range x.verdicts {
		if v := &x.verdicts[i]; v.refusal == nil && v.violation != "" {
			x.h.Observer.SchemaViolated(v.space, v.event.Type)
		}
	}
}

// refusedBy returns the refusal of the space named first, which would have answered, or else of the one asked first.
func (x *exchange) refusedBy(first string, at int) error {
	var by *verdict
	for i := range x.verdicts {
		if v := &x.verdicts[i]; v.refusal != nil && (by == nil || v.space == first) {
			by = v
		}
	}
	r := *by.refusal
	r.counted = true
	return r.at(at)
}

// at names in the message which event of a batch it is about.
func (e *refused) at(index int) *refused {
	if index == alone || e.message == "" {
		return e
	}
	named := *e
	named.message = fmt.Sprintf("events[%d]: %s", index, e.message)
	return &named
}
