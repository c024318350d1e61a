package delivery

import (
	"sync"

	"github.com/eventgateway/eventgateway"
)

// encodings holds what an event looks like in each format a running delivery of it needs. Deliveries that run at the
// same time share one, so that a large event fanned out to many functions is in memory once a format and not once a
// function. What nobody uses any more is let go: a delivery that waits holds none.
type encodings struct {
	mu  sync.Mutex
	all []*encoding
}

type encoding struct {
	eventgateway.Encoded
	format eventgateway.Format
	// path is the pattern of the subscription's path, where the format tells it.
	path  string
	users int
}

// acquire returns ev, which came to a subscription with a path without parameters, in format f. It must be given back to
// release.
func (e *encodings) acquire(ev *eventgateway.Event, f eventgateway.Format, path string) *encoding {
	if !f.OnlyHTTP() {
		path = ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, enc := range e.all {
		if enc.format == f && enc.path == path {
			enc.users++
			return enc
		}
	}
	enc := &encoding{Encoded: ev.EncodeRoute(nil, f, eventgateway.Route{Path: path}), format: f, path: path, users: 1}
	e.all = append(e.all, enc)
	return enc
}

func (e *encodings) release(enc *encoding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	enc.users--
	if enc.users > 0 {
		return
	}
	for i, other := range e.all {
		if other == enc {
			last := len(e.all) - 1
			e.all[i], e.all[last] = e.all[last], nil
			e.all = e.all[:last]
			return
		}
	}
}
