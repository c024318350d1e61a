package matcher

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// Explainer tells what one event matches in one space, and of each subscription that it does not match, why. It is used by
// one goroutine.
type Explainer struct {
	query *Query
	from  listener
	walk  walk
	// rooted tells that the path starts with a slash.
	rooted bool
	match  Match
	failed map[string]error
	table  *Table
	// first are the patterns that have the path, by the event name they are for.
	first map[string]firstPattern

	// input is the event as no filter has used it: each gets a copy, and with it the time of an event for itself.
	input *expression.Input
	alone Match
}

// firstPattern is the path pattern that comes first: one of its subscriptions, nil without one, and its segments.
type firstPattern struct {
	subscription *eventgateway.Subscription
	segments     []eventgateway.Segment
}

// Differences are what keeps an event from a subscription's route, whatever its filter says. None means that the event is
// for the subscription unless the filter refuses it.
type Differences uint8

// What can differ.
const (
	// DifferentEvent means that the subscription is for another event type.
	DifferentEvent Differences = 1 << iota
	// DifferentMethod means that it is for another method.
	DifferentMethod
	// DifferentFunction means that it is for the invoke events of another function.
	DifferentFunction
	// DifferentPath means that its pattern does not match the path.
	DifferentPath
	// OtherPattern means that all this fits, but the path is another pattern's, which comes before it.
	OtherPattern
	// OtherAnswers means that it is a sync subscription and one that comes first answers; see Match.Sync.
	OtherAnswers
)

// Len returns how many there are.
func (d Differences) Len() int { return bits.OnesCount8(uint8(d)) }

// Explain finds what matches q, as Find does, and returns what explains it. q must have a Space and an Input, and must not be
// changed while the Explainer is used.
func (t *Table) Explain(q *Query) *Explainer {
	e := &Explainer{
		query: q, from: listener{channelOf(q.Method, q.Event, q.FunctionID), q.Space}, failed: map[string]error{},
		table: t, first: map[string]firstPattern{}, input: expression.NewInput(q.Input.Event()),
	}
	t.Find(q, &e.match)
	for _, f := range e.match.Failed {
		e.failed[f.Subscription.ID] = f.Err
	}
	e.rooted = e.walk.path.parse(q.Path)
	return e
}

// firstFor returns the pattern that comes first of those for an event name: the event's, or one with a *.
func (e *Explainer) firstFor(event string) firstPattern {
	first, known := e.first[event]
	if known || !e.rooted || e.table.Len() == 0 {
		return first
	}
	in := e.from
	in.event = event
	if trie, _ := e.table.tries.Get(in); e.walk.find(trie, 0, 0) {
		first.subscription = e.walk.leaf.any()
		first.segments, _ = eventgateway.ParsePath(first.subscription.Path)
	}
	e.first[event] = first
	return first
}

// Match returns what matches. It must not be changed.
func (e *Explainer) Match() *Match { return &e.match }

// Differences returns what keeps the event from the route of s, a subscription of the table and of the query's space.
func (e *Explainer) Differences(s *eventgateway.Subscription) (d Differences) {
	to := listenerOf(s)
	if to.event != e.from.event && !fits(to.event, e.from.event) {
		d |= DifferentEvent
	}
	if to.method != e.from.method {
		d |= DifferentMethod
	}
	if to.event == e.from.event && to.function != e.from.function {
		d |= DifferentFunction
	}
	if _, ok := e.params(s); !ok {
		d |= DifferentPath
	}
	if d != 0 {
		return d
	}
	first := e.firstFor(to.event)
	if first.subscription == nil { // it is not in the table
		return DifferentPath
	}
	if first.subscription.Path != s.Path {
		if segments, _ := eventgateway.ParsePath(s.Path); !slices.Equal(segments, first.segments) {
			return OtherPattern
		}
	}
	if answers := e.match.Sync.Subscription; s.Type == eventgateway.Sync && answers != nil && older(answers, s) < 0 {
		return OtherAnswers
	}
	return 0
}

// params matches the path with the pattern of s alone, and returns the parameters.
func (e *Explainer) params(s *eventgateway.Subscription) (eventgateway.PathParams, bool) {
	if !e.rooted {
		return nil, false
	}
	alone := node{sole: s}
	if strings.IndexByte(s.Path, '%') >= 0 { // a tail is not decoded; see hasTail
		segments, err := eventgateway.ParsePath(s.Path)
		if err != nil {
			return nil, false
		}
		alone, _ = node{}.insert(nil, segments, 0, &eventgateway.Subscription{Path: s.Path})
	}
	if !e.walk.find(alone, 0, 0) {
		return nil, false
	}
	return e.walk.params, true
}

// Refuses reports whether the filter or pattern of s refuses the event, as Find decides it: for the parameters of its path if
// that matches, and with a time of its own; see expression.TimePerEvent.
func (e *Explainer) Refuses(s *eventgateway.Subscription) bool {
	switch {
	case !isFiltered(s):
		return false
	case e.failed[s.ID] != nil:
		return true
	}
	in := e.inputFor(s)
	var index filterIndex
	index.insert(nil, s, filterOf(s))
	e.alone.Reset()
	index.find(in, in.Params(), &e.alone)
	return e.alone.Sync.Subscription == nil && len(e.alone.Async) == 0
}

// Refusal says why the filter or pattern of s, which Refuses the event, does so, as "field: why". It evaluates the expression,
// and may compile it: that takes longer than Refuses.
func (e *Explainer) Refusal(s *eventgateway.Subscription) string {
	field, why := "filter", "is false"
	if len(s.Pattern) > 0 {
		field, why = "pattern", "does not match"
	}
	_, err := filterOf(s).Match(e.inputFor(s))
	if err == nil {
		err = e.failed[s.ID]
	}
	switch {
	case eventgateway.KindOf(err) != 0: // it does not compile, and the message begins with the field
		return err.Error()
	case err != nil:
		why = err.Error()
	}
	return field + ": " + why
}

// inputFor returns the event for the filter of s alone. What is decoded is decoded once for all of them.
func (e *Explainer) inputFor(s *eventgateway.Subscription) *expression.Input {
	e.input.Data()
	if e.input.Event().HTTP != nil {
		e.input.Headers()
	}
	in := *e.input
	params, _ := e.params(s)
	in.SetParams(params)
	in.SetSpace(s.Space)
	return &in
}

// Reasons puts differences of s into words, each as "field: what differs". They are in the order of the constants.
func (e *Explainer) Reasons(s *eventgateway.Subscription, d Differences) []string {
	var reasons []string
	tell := func(of Differences, parts ...string) {
		if d&of != 0 {
			reasons = append(reasons, strings.Join(parts, ""))
		}
	}
	q := e.query
	if isWildcard(s.Event) {
		tell(DifferentEvent, "event: ", short(q.Event), " does not match ", s.Event)
	} else {
		tell(DifferentEvent, "event: ", short(q.Event), " is not ", s.Event)
	}
	tell(DifferentMethod, "method: ", short(q.Method), " is not ", s.Method)
	if q.FunctionID == "" {
		tell(DifferentFunction, "functionId: the event names none: want ", s.FunctionID)
	} else {
		tell(DifferentFunction, "functionId: ", short(q.FunctionID), " is not ", s.FunctionID)
	}
	tell(DifferentPath, "path: ", short(q.Path), " does not match ", s.Path)
	if d&OtherPattern != 0 {
		first := e.firstFor(listenerOf(s).event).subscription
		tell(OtherPattern, "path: ", short(q.Path), " matches ", s.Path, ", but first ", first.Path, " of subscription ", first.ID)
	}
	if d&OtherAnswers != 0 {
		tell(OtherAnswers, "type: sync subscription ", e.match.Sync.Subscription.ID, " answers, which comes first")
	}
	return reasons
}

// short bounds what the sender may make as long as it likes.
func short(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
