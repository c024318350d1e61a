package eventsapi

import (
	"bytes"
	"errors"
	"io"
	"net/url"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// errUnwanted means that no subscription wants a plain HTTP request.
var errUnwanted = errors.New("no http subscription wants the request")

// serveHTTP serves a plain HTTP request and reports whether a subscription wanted it.
func (x *exchange) serveHTTP(bound string) (handled bool) {
	err := x.serveRouted(x.routeHTTP(bound))
	if errors.Is(err, errUnwanted) {
		return false
	}
	if err != nil {
		x.refuse(err)
	}
	return true
}

// routeHTTP looks for http subscriptions of the request; see route. A Space header that cannot be followed finds nothing, as
// it may be meant for somebody else's handler.
func (x *exchange) routeHTTP(bound string) bool {
	return x.chooseSpace(bound) == nil && x.route(x.r.Method, eventgateway.EventHTTP, "")
}

// serveRouted serves an http event that has subscribers, or may have some for all their filters. Only then is the body
// touched; if in the end nobody wants it, it can be read again.
func (x *exchange) serveRouted(found bool) (err error) {
	var ev *eventgateway.Event
	if x.match.Undecided {
		if ev, err = x.readHTTPEvent(); err != nil {
			return err
		}
		if found = x.find(ev, ""); !found && len(ev.Data) > 0 {
			x.r.Body = io.NopCloser(bytes.NewReader(ev.Data)) // the server closes the one it has given
		}
	}
	if !found && !x.snap.Loaded {
		return errNotLoaded
	}
	if !found {
		return errUnwanted
	}
	if cors := corsOf(&x.match); cors != nil {
		x.allowOrigin(cors)
	}
	if ev == nil {
		if ev, err = x.readHTTPEvent(); err != nil {
			return err
		}
		x.input = expression.NewInput(ev)
	}
	return x.serveMatched(ev)
}

// readHTTPEvent reads the request as an http event.
func (x *exchange) readHTTPEvent() (*eventgateway.Event, error) {
	x.event = eventgateway.EventHTTP
	body, err := x.readBody()
	if err != nil {
		return nil, err
	}
	return x.newHTTPEvent(body), x.checkData(body, true)
}

// serveMatched serves an http event with its subscribers in x.match.
func (x *exchange) serveMatched(ev *eventgateway.Event) error {
	if len(x.match.Async) > 0 { // else the header is the function's business alone
		if err := x.readKey(); err != nil {
			return err
		}
	}
	space := x.seenIn()
	x.h.Observer.Received(space, ev.Type)
	x.addItem(ev, alone)
	if err := x.put(); err != nil {
		return err
	}
	if x.match.Sync.Subscription == nil {
		x.accept(ev)
		return nil
	}
	if x.answerHTTP(ev) {
		x.h.Observer.Processed(space, ev.Type)
	}
	return nil
}

// newHTTPEvent makes the http event of the request.
func (x *exchange) newHTTPEvent(body []byte) *eventgateway.Event {
	r := x.r
	made := &struct {
		event   eventgateway.Event
		request eventgateway.HTTPRequest
	}{
		event: eventgateway.Event{
			Type: eventgateway.EventHTTP, ID: eventgateway.NewID(x.now), ReceivedAt: x.now, DataType: dataType(r), Data: body,
		},
		request: eventgateway.HTTPRequest{Path: r.URL.Path, Method: r.Method, Host: r.Host, Header: r.Header},
	}
	if r.URL.RawQuery != "" {
		made.request.Query, _ = url.ParseQuery(r.URL.RawQuery) // what cannot be parsed of it is left out
	}
	made.event.HTTP = &made.request
	return &made.event
}

// answerHTTP calls the function and gives the sender the HTTP answer that it describes, and reports whether it did
// describe one.
func (x *exchange) answerHTTP(ev *eventgateway.Event) (answered bool) {
	target := x.match.Sync.Subscription
	result := x.call(ev)
	if result == nil {
		return false
	}
	answer, err := parseAnswer(result.Body)
	if err == nil && target.ResponseTransform != "" {
		answer, err = x.transformAnswer(answer, target.ResponseTransform)
	}
	if err != nil {
		x.unusable(ev, err)
		return false
	}
	answer.write(x.w, target.CORS != nil)
	return true
}

// corsOf returns the CORS configuration for what m found: that of the subscription that answers, else of the first async
// one that has any, in the order of their spaces and ids.
func corsOf(m *matcher.Match) *eventgateway.CORS {
	if s := m.Sync.Subscription; s != nil {
		return s.CORS
	}
	var first *eventgateway.Subscription
	for _, t := range m.Async {
		s := t.Subscription
		if s.CORS != nil && (first == nil || s.Space < first.Space || s.Space == first.Space && s.ID < first.ID) {
			first = s
		}
	}
	if first == nil {
		return nil
	}
	return first.CORS
}
