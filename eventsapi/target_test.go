package eventsapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func ordered(key string) func(*eventgateway.Subscription) {
	return func(s *eventgateway.Subscription) { s.Delivery = &eventgateway.Delivery{OrderingKey: key} }
}

// orderingKeys lists those of the targets queued, as "function=key".
func (g *gateway) orderingKeys() string {
	var keys []string
	for _, item := range g.queue.items {
		for _, target := range item.Targets {
			keys = append(keys, fmt.Sprintf("%s=%s", target.FunctionID, target.OrderingKey))
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func TestOrderingKeysOfTargets(t *testing.T) {
	g := newGateway(t).
		subscribeAs(t, "async made POST /:p a", ordered(`data.customer`)).
		subscribeAs(t, "async made POST /:p b", ordered(`[data.customer, data.n]`)).
		subscribe(t, "async made POST /:p c").
		subscribeAs(t, "async http POST /:p d", ordered(`request.params.p + "/" + string(data.n)`)).
		subscribe(t, "async http POST /:p e")
	for _, test := range []struct {
		header []string
		data   string
		want   string
	}{
		{[]string{"Event", "made"}, `{"customer":"x","n":7}`, `a=x b=["x",7] c=`},
		{[]string{"Event", "made"}, `{"n":7}`, `a= b= c=`},
		{nil, `{"n":7}`, `d=order/7 e=`},
	} {
		g.queue.items = nil
		r := request("POST", "/order", test.data, append([]string{"Content-Type", jsonType}, test.header...)...)
		if res := g.send(r); res.StatusCode != 202 || g.orderingKeys() != test.want {
			t.Errorf("%s: got %d and the keys %s, want %s", test.data, res.StatusCode, g.orderingKeys(), test.want)
		}
	}
}

// TestOrderingKeysInABatch checks that each event of a batch has the key of its own data. A sync subscriber, which gets it
// through the queue, has none.
func TestOrderingKeysInABatch(t *testing.T) {
	g := newGateway(t).subscribeAs(t, "async made POST / a", ordered(`data.n`)).subscribe(t, "sync made POST / s")
	event := func(n int) string {
		return fmt.Sprintf(`{"specversion":"1.0","type":"made","source":"/s","id":"%d","data":{"n":%d}}`, n, n)
	}
	res := g.send(request("POST", "/", "["+event(1)+","+event(2)+"]", "Content-Type", batchType))
	if got := g.orderingKeys(); res.StatusCode != 202 || got != "a=1 a=2 s= s=" {
		t.Errorf("got %d and the keys %s", res.StatusCode, got)
	}
}

// TestPausedSubscriptionsGetTheirEvents checks that pausing keeps events waiting in the queue, and not out of it.
func TestPausedSubscriptionsGetTheirEvents(t *testing.T) {
	g := newGateway(t).subscribeAs(t, "async made POST / f", func(s *eventgateway.Subscription) { s.Paused = true })
	if res := g.send(request("POST", "/", "", "Event", "made")); res.StatusCode != 202 || g.queued() != "made → f" {
		t.Errorf("got %d, queued %q", res.StatusCode, g.queued())
	}
}
