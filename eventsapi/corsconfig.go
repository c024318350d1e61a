package eventsapi

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

// setCORS adds to an answer to the http event that x.match is for which pages may read it, in place of what an earlier call
// has added.
func (x *exchange) setCORS() {
	if x.cors != nil {
		header := x.w.Header()
		delete(header, "Access-Control-Allow-Origin")
		delete(header, "Access-Control-Allow-Credentials")
	}
	if x.cors = x.corsFor(x.r.Method); x.cors != nil {
		x.allowOrigin(x.cors)
	}
}

// corsFor returns the CORS configuration for the http requests of a method that x.match is for: the subscription's own, or
// else that of a CORS resource in its space.
func (x *exchange) corsFor(method string) *eventgateway.CORS {
	if cors := corsOf(&x.match); cors != nil {
		return cors
	}
	return x.corsResource(x.seenIn(), method)
}

// corsResource returns what the CORS resource for a method on the request's path says, in a space, or where that is empty in
// any: then the oldest counts.
func (x *exchange) corsResource(space, method string) *eventgateway.CORS {
	if x.snap.CORS.Len() == 0 {
		return nil
	}
	query := matcher.Query{Space: space, Method: method, Path: x.r.URL.EscapedPath(), Event: eventgateway.EventHTTP}
	if !x.snap.CORS.Find(&query, &x.corsMatch) || x.corsMatch.Sync.Subscription == nil {
		return nil
	}
	return x.corsMatch.Sync.Subscription.CORS
}

// corsOf returns the CORS configuration of the subscriptions that m found: that of the one that answers, else of the first
// async one that has any, in the order of their spaces and ids.
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
