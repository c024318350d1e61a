package weighted

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// invoker has members answer for one weighted function.
type invoker struct {
	env      providers.Env
	members  []Member
	failover Failover
	// now is how calls are shared: as the function says, until it retreats.
	now     atomic.Pointer[table]
	shadows []providers.Shadow
	// countsStatus tells that an http event's answer of status 500 and more is a failure.
	countsStatus bool
}

func newInvoker(p *Provider, env providers.Env) *invoker {
	w := &invoker{env: env, members: p.Functions, failover: p.Failover}
	for _, m := range p.Functions {
		if m.Shadow {
			w.shadows = append(w.shadows, newShadow(m.FunctionID, env))
		}
	}
	from, to := p.Shares(), p.backTo()
	if r := env.Retreat; r != nil && sameShares(r.From, from) {
		w.now.Store(w.tableAfter(r.To))
		return w
	}
	t := newTable(p.Functions, &p.Failover)
	if p.Retreat != nil && to != nil {
		w.countsStatus = p.Retreat.ErrorRate != nil
		t.to = to
		for i := range t.members {
			if m := &t.members[i]; share(from, m.id) > share(to, m.id) {
				m.watch = newWatch(p.Retreat.limits())
			}
		}
	}
	w.now.Store(t)
	return w
}

// backTo returns the weights to retreat to; nil when there are none.
func (p *Provider) backTo() []eventgateway.Share {
	if p.Retreat != nil && p.Retreat.To != nil {
		return p.Retreat.To
	}
	return p.Previous
}

func (w *invoker) tableAfter(to []eventgateway.Share) *table {
	return newTable(membersAfter(w.members, to), &w.failover)
}

// Shadows implements providers.Router.
func (w *invoker) Shadows() []providers.Shadow { return w.shadows }

// Invoke implements providers.Invoker: it calls members with the payload as it is.
func (w *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	route := w.route(call.Event, call.Key)
	own := *call
	own.Key = "" // it is this function's and not a member's
	for {
		member, err := route.Next()
		if err != nil {
			return nil, err
		}
		start := time.Now()
		result, err := member.Invoke(ctx, &own)
		if !route.Done(result, err, time.Since(start)) {
			return result, err
		}
	}
}

// retreat goes back to the weights before, because of what a member's calls came to, unless that has happened already.
func (w *invoker) retreat(from *table, m *member, reason string, sum tally) {
	after := w.tableAfter(from.to)
	if !w.now.CompareAndSwap(from, after) || w.env.Retreated == nil {
		return
	}
	r := &eventgateway.Retreat{
		Space: w.env.Space, FunctionID: w.env.FunctionID, At: time.Now().UTC().Truncate(time.Millisecond),
		Member: m.id, Reason: reason, Calls: sum.calls, Failed: sum.failed, Slow: sum.slow, To: from.to,
	}
	for i := range from.members {
		r.From = append(r.From, eventgateway.Share{FunctionID: from.members[i].id, Weight: int(from.members[i].weight)})
	}
	w.env.Retreated(r)
}

var _ providers.Router = (*invoker)(nil)
