package integration

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The headers that tell a function which delivery it gets.
const (
	eventIDHeader      = "Event-Gateway-Event-Id"
	attemptHeader      = "Event-Gateway-Attempt"
	subscriptionHeader = "Event-Gateway-Subscription-Id"
)

// receiver is a function that notes which of a publisher's events it got, after what stands before it let them through.
type receiver struct {
	t   *testing.T
	got tally
	// calls counts those that got as far as to be noted or refused.
	calls  atomic.Int64
	faults atomic.Int64
}

func newReceiver(t *testing.T) *receiver { return &receiver{t: t} }

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	n, ok := r.read(req)
	if !ok {
		return
	}
	r.calls.Add(1)
	r.got.note(n)
	w.WriteHeader(http.StatusOK)
}

// read reads a delivery and checks that it is whole. It returns the event's number; not ok when the gateway went away.
func (r *receiver) read(req *http.Request) (n int, ok bool) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return 0, false
	}
	n, err = strconv.Atoi(req.Header.Get(eventIDHeader))
	if err != nil || !strings.Contains(string(body), `"`+strconv.Itoa(n)+`"`) {
		r.fault("a delivery of event %q has the body %.200s", req.Header.Get(eventIDHeader), body)
		return 0, false
	}
	if attempt, err := strconv.Atoi(req.Header.Get(attemptHeader)); err != nil || attempt < 1 {
		r.fault("a delivery of event %d is attempt %q", n, req.Header.Get(attemptHeader))
	}
	if req.Header.Get(subscriptionHeader) == "" {
		r.fault("a delivery of event %d is for no subscription", n)
	}
	return n, true
}

// fault reports what is wrong with a delivery; not each of thousands.
func (r *receiver) fault(format string, args ...any) {
	if r.faults.Add(1) < 10 {
		r.t.Errorf(format, args...)
	}
}

// flaky has a share of the calls fail with 502.
func flaky(share float64, next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if rand.Float64() < share {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// gate stands before functions and can be opened and shut. The zero value is open.
type gate struct {
	mu     sync.Mutex
	opened chan struct{}
	// held is how many calls wait now, and refused how many were answered in place of the function.
	held, refused atomic.Int64
}

// shut has calls from now on wait, or fail.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

// open lets through the calls that wait, and all after them.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

func (g *gate) state() (opened <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}

// hang has calls wait while the gate is shut.
func (g *gate) hang(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if opened := g.state(); opened != nil {
			// Only when the body has been read does the server notice that the caller is gone.
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			g.held.Add(1)
			defer g.held.Add(-1)
			select {
			case <-opened:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	}
}

// refuse answers calls with 503 while the gate is shut: the function is not well.
func (g *gate) refuse(next http.Handler) http.HandlerFunc {
	return g.answer(http.StatusServiceUnavailable, next)
}

// tooEarly answers calls with 425 while the gate is shut: the function is well, but not for this event now.
func (g *gate) tooEarly(next http.Handler) http.HandlerFunc {
	return g.answer(http.StatusTooEarly, next)
}

func (g *gate) answer(status int, next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if g.state() != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			g.refused.Add(1)
			w.WriteHeader(status)
			return
		}
		next.ServeHTTP(w, r)
	}
}
