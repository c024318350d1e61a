package eventsapi

import (
	"net/http"
	"net/url"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

// serveHTTP serves a plain HTTP request and reports whether a subscription wanted it. Only then is the body touched.
func (x *exchange) serveHTTP(bound string) (handled bool) {
	if !x.findHTTP(x.r.Method, bound) {
		if x.snap.Loaded {
			return false
		}
		x.refuse(errNotLoaded)
		return true
	}
	if cors := corsOf(&x.match); cors != nil {
		x.allowOrigin(cors)
	}
	if err := x.serveMatched(); err != nil {
		x.refuse(err)
	}
	return true
}

// findHTTP looks for http subscriptions of a method on the request's path. A Space header that cannot be followed finds
// nothing, as it may be meant for somebody else's handler.
func (x *exchange) findHTTP(method, bound string) bool {
	return x.chooseSpace(bound) == nil && x.find(method, eventgateway.EventHTTP, "")
}

// serveMatched serves an http event that has subscribers.
func (x *exchange) serveMatched() error {
	x.event = eventgateway.EventHTTP
	body, err := x.readBody()
	if err != nil {
		return err
	}
	if err := x.checkData(body, true); err != nil {
		return err
	}
	ev := x.newHTTPEvent(body)
	space := x.seenIn()
	x.h.Observer.Received(space, ev.Type)
	x.addItem(ev, false)
	if err := x.put(); err != nil {
		return err
	}
	if x.match.Sync.Subscription == nil {
		x.w.Header()[eventIDHeader] = []string{ev.ID}
		x.w.WriteHeader(http.StatusAccepted)
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
	if err != nil {
		key := eventgateway.FunctionKey{Space: target.Space, ID: target.FunctionID}
		x.functionFailed(key, ev, "its answer cannot be used: "+err.Error(), http.StatusBadGateway)
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
