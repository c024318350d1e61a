package configapi

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

// explainTime bounds how long the filters of one explanation may take together: half of it to find the nearest subscriptions,
// all of it to say what is wrong with those. Each filter has the time of an event for itself.
const explainTime = 2 * time.Second

// nearest chooses the subscriptions that miss an event by least, and tells why they do. It is used once.
type nearest struct {
	explainer *matcher.Explainer
	// limit is how many to choose.
	limit    int
	deadline time.Time

	// by are the subscriptions by the number of differences of their routes.
	by    [][]other
	count int
}

// other is a subscription that an event does not match.
type other struct {
	subscription *eventgateway.Subscription
	differences  matcher.Differences
	filter       verdict
}

// verdict is what a filter says; the better comes first.
type verdict uint8

const (
	passes verdict = iota
	refuses
	notEvaluated
)

// add adds a subscription that does not match.
func (n *nearest) add(s *eventgateway.Subscription) {
	d := n.explainer.Differences(s)
	for len(n.by) <= d.Len() {
		n.by = append(n.by, nil)
	}
	n.by[d.Len()] = append(n.by[d.Len()], other{subscription: s, differences: d})
	n.count++
}

// explain returns the nearest in order: with the fewest reasons first, and of these the routes with the fewest. Filters are
// evaluated as far as that needs it. truncated tells that there are more, or that the time was up before.
func (n *nearest) explain(ctx context.Context) (list []otherAnswer, truncated bool, err error) {
	var chosen []other
	for _, alike := range n.by {
		if len(chosen) == n.limit {
			break
		}
		best, err := n.best(ctx, alike, n.limit-len(chosen))
		if err != nil {
			return nil, false, err
		}
		chosen = append(chosen, best...)
	}
	truncated = n.count > len(chosen)
	list = make([]otherAnswer, 0, len(chosen))
	for i := range chosen {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		o := &chosen[i]
		truncated = truncated || o.filter == notEvaluated
		list = append(list, otherAnswer{o.subscription.ID, o.subscription.FunctionID, n.reasons(o)})
	}
	return list, truncated, nil
}

// best returns those whose filters let the event through, then the others, both by id, up to limit.
func (n *nearest) best(ctx context.Context, alike []other, limit int) ([]other, error) {
	best := make([]other, 0, min(limit, len(alike)))
	order := func(a, b other) int {
		return cmp.Or(cmp.Compare(a.filter, b.filter), strings.Compare(a.subscription.ID, b.subscription.ID))
	}
	for i, o := range alike {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		full := len(best) == limit
		if full && order(o, best[limit-1]) > 0 { // not even if its filter lets the event through
			continue
		}
		o.filter = n.verdict(&o)
		at, _ := slices.BinarySearchFunc(best, o, order)
		if full && at == limit {
			continue
		}
		best = slices.Insert(best[:min(len(best), limit-1)], at, o)
	}
	return best, nil
}

func (n *nearest) verdict(o *other) verdict {
	s := o.subscription
	switch {
	case o.differences == 0: // it does not match, and what else should it be
		return refuses
	case s.Filter == "" && len(s.Pattern) == 0:
		return passes
	case time.Until(n.deadline) < explainTime/2:
		return notEvaluated
	case n.explainer.Refuses(s):
		return refuses
	}
	return passes
}

// reasons tells all that keeps the event from a subscription.
func (n *nearest) reasons(o *other) []string {
	reasons := n.explainer.Reasons(o.subscription, o.differences)
	switch {
	case o.filter == notEvaluated:
		reasons = append(reasons, "filter: not evaluated, as those of other subscriptions took too long")
	case o.filter == refuses && time.Now().After(n.deadline):
		reasons = append(reasons, "filter: is false, or cannot be evaluated")
	case o.filter == refuses:
		reasons = append(reasons, n.explainer.Refusal(o.subscription))
	}
	return reasons
}
