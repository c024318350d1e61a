package eventsapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/eventgateway/eventgateway"
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
	x.setCORS()
	if ev == nil {
		if ev, err = x.readHTTPEvent(); err != nil {
			return err
		}
		x.input = x.newInput(ev)
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
	ev := x.newHTTPEvent(body)
	x.setChain(ev)
	return ev, x.checkData(body, true)
}

// serveMatched serves an http event with its subscribers in x.match.
func (x *exchange) serveMatched(ev *eventgateway.Event) error {
	if len(x.match.Async) > 0 { // else the header is the function's business alone
		if err := x.readKey(); err != nil {
			return err
		}
	}
	x.h.Observer.Received(x.seenIn(), ev.Type)
	if err := x.admit(ev, alone); err != nil {
		return err
	}
	if len(x.except) > 0 {
		x.setCORS() // somebody else answers
	}
	x.addItem(ev, alone)
	if x.tooDeep(ev) {
		return x.stopLoop(ev, alone)
	}
	if err := x.receivedAlone(ev); err != nil {
		return err
	}
	if err := x.put(); err != nil {
		return err
	}
	if x.match.Sync.Subscription == nil {
		x.accept(ev)
		return nil
	}
	if ev = x.syncEvent(ev); x.answerHTTP(ev) {
		x.h.Observer.Processed(x.seenIn(), ev.Type)
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
		request: eventgateway.HTTPRequest{
			Path: r.URL.Path, RawPath: r.URL.RawPath, Method: r.Method, Host: r.Host, Header: r.Header,
			RawQuery: r.URL.RawQuery, Protocol: r.Proto,
		},
	}
	if r.URL.RawQuery != "" {
		made.request.Query, _ = url.ParseQuery(r.URL.RawQuery) // what cannot be parsed of it is left out
	}
	x.setClient(&made.request)
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
	answer, err := parseAnswerIn(x.format, result.Body)
	if err == nil && target.ResponseTransform != "" {
		answer, err = x.transformAnswer(answer, target.ResponseTransform)
	}
	if err != nil {
		x.unusable(ev, err)
		return false
	}
	answer.toHEAD = x.r.Method == http.MethodHead
	answer.write(x.w, x.cors != nil)
	return true
}
