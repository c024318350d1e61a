package configapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// maxOthers is how many subscriptions that do not match are explained at most, and if the client does not say.
const maxOthers = 1000

// explainBody is an event to be explained, with the request it would come in with.
type explainBody struct {
	event                    *eventgateway.Event
	method, path, functionID *string
}

// explanation is which subscriptions of a space an event matches, and why not the others.
type explanation struct {
	Event   string        `json:"event"`
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	Matches []matchAnswer `json:"matches"`
	// Others are those nearest to a match first.
	Others []otherAnswer `json:"others"`
	// Truncated tells that there are more others, or that not all filters were looked at.
	Truncated bool `json:"truncated,omitempty"`
}

type matchAnswer struct {
	ID         string                        `json:"subscriptionId"`
	FunctionID string                        `json:"functionId"`
	Type       eventgateway.SubscriptionType `json:"type"`
	// Answers is set for the sync subscription whose function answers the sender.
	Answers bool `json:"answers,omitempty"`
	Paused  bool `json:"paused,omitempty"`
	// Params are the path parameters.
	Params map[string]string `json:"params,omitempty"`
}

type otherAnswer struct {
	ID         string   `json:"subscriptionId"`
	FunctionID string   `json:"functionId"`
	Reasons    []string `json:"reasons"`
}

// explain tells what an event would match. Nothing is stored or sent.
func (x *exchange) explain() error {
	limit, err := x.readExplainLimit()
	if err != nil {
		return err
	}
	data, err := readBody(x.w, x.r, x.maxBody())
	if err != nil {
		return err
	}
	q, err := x.readExplain(data)
	if err != nil {
		return err
	}
	now, err := x.service().load()
	if err != nil {
		return err
	}
	explainer := now.snapshot.Table.Explain(q)
	answer := explanation{Event: q.Event, Method: q.Method, Path: q.Path, Matches: showMatches(explainer.Match())}
	matched := make(map[string]bool, len(answer.Matches))
	for _, m := range answer.Matches {
		matched[m.ID] = true
	}
	others := nearest{explainer: explainer, limit: limit, deadline: time.Now().Add(explainTime)}
	for s := range now.subscriptionsOf(x.space) {
		if !matched[s.ID] {
			others.add(&s.Subscription)
		}
	}
	answer.Others, answer.Truncated, err = others.explain(x.r.Context())
	if err != nil {
		return err
	}
	x.answer(http.StatusOK, now.state.revision, answer)
	return nil
}

// showMatches returns the one that answers and then the others in the order of their ids.
func showMatches(m *matcher.Match) []matchAnswer {
	list := make([]matchAnswer, 0, len(m.Async)+1)
	show := func(t matcher.Target, answers bool) {
		s := t.Subscription
		a := matchAnswer{ID: s.ID, FunctionID: s.FunctionID, Type: s.Type, Answers: answers, Paused: s.Paused}
		if len(t.Params) > 0 {
			a.Params = make(map[string]string, len(t.Params))
		}
		for _, p := range t.Params {
			a.Params[p.Name] = p.Value
		}
		list = append(list, a)
	}
	if m.Sync.Subscription != nil {
		show(m.Sync, true)
	}
	first := len(list)
	for _, t := range m.Async {
		show(t, false)
	}
	slices.SortFunc(list[first:], func(a, b matchAnswer) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// readExplainLimit reads the only query parameter there is.
func (x *exchange) readExplainLimit() (int, error) {
	values, err := parseQuery(x.r.URL)
	if err != nil {
		return 0, err
	}
	limit := maxOthers
	for name, given := range values {
		switch {
		case name != "limit":
			err = eventgateway.Errorf(eventgateway.Invalid, "unknown query parameter %s: want only limit", eventgateway.Quote(name))
		case len(given) > 1:
			err = eventgateway.Errorf(eventgateway.Invalid, `query parameter "limit": given %d times: want it once`, len(given))
		default:
			limit, err = readLimit(`query parameter "limit"`, given[0], maxOthers)
		}
		if err != nil {
			return 0, err
		}
	}
	return limit, nil
}

// readExplain reads an event as the Events API would look for its subscriptions.
func (x *exchange) readExplain(data []byte) (*matcher.Query, error) {
	var b explainBody
	if err := readObject("", data, []field{
		{"event", func(path string, raw json.RawMessage) (err error) {
			b.event, _, err = eventgateway.ParseDocument(path, raw, time.Now())
			return err
		}},
		{"method", text(&b.method)},
		{"path", text(&b.path)},
		{"functionId", text(&b.functionID)},
	}); err != nil {
		return nil, err
	}
	if b.event == nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid,
			"event: missing: want a CloudEvent, an object with event and data, or one with http")
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	ev, method, path := b.event, http.MethodPost, "/"
	if ev.HTTP != nil {
		method, path = ev.HTTP.Method, (&url.URL{Path: ev.HTTP.Path}).EscapedPath()
	}
	if b.method != nil {
		method = *b.method
	}
	if b.path != nil {
		path = *b.path
	}
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") {
		return nil, eventgateway.InvalidField("path", path, "a path as in a URL: it starts with /, without query")
	}
	if len(method) > 32 || !eventgateway.ValidHeaderName(method) { // a method is a token, as a header's name is
		return nil, eventgateway.InvalidField("method", method, "an HTTP method such as GET")
	}
	if ev.HTTP != nil { // for the filters: what the request says, the event says
		ev.HTTP.Method, ev.HTTP.Path = method, decoded
	}
	return &matcher.Query{
		Space: x.space, Method: method, Path: path, Event: ev.Type, FunctionID: value(b.functionID), Input: expression.NewInput(ev),
	}, nil
}

// check refuses what the Events API would not take for an event of its type.
func (b *explainBody) check() error {
	ev := b.event
	if err := eventgateway.ValidateEventName("event.type", ev.Type); err != nil {
		return err
	}
	kind := eventgateway.CanonicalEvent(ev.Type)
	if kind == eventgateway.EventHTTP && ev.HTTP == nil || kind == eventgateway.EventInvoke && ev.CloudEvent != nil {
		return eventgateway.InvalidField("event.type", ev.Type, "the type of a custom event; http and invoke are built in")
	}
	if b.functionID != nil && kind != eventgateway.EventInvoke {
		return eventgateway.Errorf(eventgateway.Invalid, "functionId: not accepted for event %s: want it only for invoke",
			eventgateway.Quote(ev.Type))
	}
	return nil
}
