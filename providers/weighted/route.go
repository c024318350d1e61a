package weighted

import (
	"bytes"
	"cmp"
	"errors"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// route is one call on its way through the members. It implements providers.Route.
type route struct {
	w  *invoker
	t  *table
	ev *eventgateway.Event
	// key is the hash of the event's key; keyed tells that it has one.
	key   uint64
	keyed bool
	// tried are the members that are not to be called any more.
	tried places
	// again tells that the member is to be looked up once more: it was changed.
	again  bool
	at     int
	handle *providers.Handle
	// last is why the last member was not called.
	last error
}

// Route implements providers.Router.
func (w *invoker) Route(ev *eventgateway.Event, key string) providers.Route { return w.route(ev, key) }

func (w *invoker) route(ev *eventgateway.Event, key string) *route {
	r := &route{w: w, t: w.now.Load(), ev: ev, at: -1}
	if key != "" {
		r.key, r.keyed = hashText(key), true
	}
	return r
}

// Next implements providers.Route.
func (r *route) Next() (*providers.Handle, error) {
	for {
		if !r.again {
			r.at = r.choose()
		}
		r.again = false
		if r.at < 0 {
			return nil, cmp.Or(r.last, error(providers.Errorf(providers.Unreachable, "none of its members has a weight")))
		}
		handle, err := r.w.member(r.t.members[r.at].id)
		if err == nil {
			r.handle = handle
			return handle, nil
		}
		if !r.Done(nil, err, 0) {
			return nil, err
		}
	}
}

// member looks a member up as it is now.
func (w *invoker) member(id string) (*providers.Handle, error) {
	var h *providers.Handle
	if w.env.Function != nil {
		h = w.env.Function(id)
	}
	switch {
	case h == nil:
		return nil, providers.Errorf(providers.Unreachable, "its member %s does not exist: register it, or take it out of the weights",
			eventgateway.Quote(id))
	case h.Router() != nil:
		return nil, providers.Errorf(providers.Unreachable, "its member %s is weighted itself: name functions of other types",
			eventgateway.Quote(id))
	}
	return h, nil
}

// choose returns the place of the member to call; -1 when there is none.
func (r *route) choose() int {
	if !r.w.failover.on() {
		return r.pick(&r.tried)
	}
	if r.tried.empty() {
		// The one that its share calls for, unless that rests and another does not.
		first := r.pick(&r.tried)
		if first >= 0 && r.enter(first) {
			return first
		}
		r.tried.add(first)
		if next := r.nextOf(); next >= 0 {
			return next
		}
		return first
	}
	return r.nextOf()
}

// nextOf returns the place of a member that is left and does not rest.
func (r *route) nextOf() int {
	except := r.tried
	if r.t.order != nil {
		for _, i := range r.t.order {
			if !except.has(i) && r.enter(i) {
				return i
			}
		}
		return -1
	}
	for {
		i := r.pick(&except)
		if i < 0 || r.enter(i) {
			return i
		}
		except.add(i)
	}
}

func (r *route) enter(i int) bool {
	h := &r.t.members[i].health
	return !h.rests() && h.enter()
}

func (r *route) pick(except *places) int {
	if r.keyed {
		return r.t.pickFor(r.key, except)
	}
	return r.t.pick(except)
}

// Done implements providers.Route.
func (r *route) Done(result *providers.Result, err error, took time.Duration) (again bool) {
	m := &r.t.members[r.at]
	if errors.Is(err, providers.ErrClosed) {
		if now, missing := r.w.member(m.id); missing == nil && now != r.handle {
			r.again = true // it was changed between the look-up and the call
			return true
		}
	}
	failure := providers.Failure("")
	if err != nil {
		failure = providers.FailureOf(err)
	}
	if m.watch != nil {
		r.note(m, result, failure, took)
	}
	if !r.w.failover.on() {
		return false
	}
	switch {
	case failure == providers.Canceled:
		return false
	case !elsewhere(failure):
		m.health.reached()
		return false
	}
	var e *providers.Error
	var after time.Duration
	if errors.As(err, &e) {
		after = e.RetryAfter
	}
	m.health.unreached(after)
	r.tried.add(r.at)
	r.last = err
	return r.hasNext()
}

// hasNext reports whether a member is left that does not rest.
func (r *route) hasNext() bool {
	for i := range r.t.members {
		m := &r.t.members[i]
		if r.t.order == nil && m.weight > 0 && !r.tried.has(i) && !m.health.rests() {
			return true
		}
	}
	for _, i := range r.t.order {
		if !r.tried.has(i) && !r.t.members[i].health.rests() {
			return true
		}
	}
	return false
}

// note counts a call that may lead to a retreat.
func (r *route) note(m *member, result *providers.Result, failure providers.Failure, took time.Duration) {
	one := tally{calls: 1}
	if m.watch.latency > 0 && took > m.watch.latency {
		one.slow = 1
	}
	switch {
	case failure == providers.Canceled && one.slow == 0:
		return // nobody knows what would have come of it
	case failure == providers.Canceled:
	case failure != "", r.w.countsStatus && answersError(r.ev, result):
		one.failed = 1
	}
	if reason, sum := m.watch.note(one); reason != "" {
		r.w.retreat(r.t, m, reason, sum)
	}
}

// answersError reports whether a function that was called has answered an http event with a status of 500 or more.
func answersError(ev *eventgateway.Event, result *providers.Result) bool {
	if ev == nil || ev.HTTP == nil || result == nil || !bytes.Contains(result.Body, []byte(`"statusCode"`)) ||
		eventgateway.ValidateJSON("answer", result.Body) != nil {
		return false
	}
	status := 0
	for name, value := range eventgateway.JSONMembers(result.Body) {
		if string(name) == `"statusCode"` {
			status, _ = strconv.Atoi(string(value))
		}
	}
	return status >= 500
}
