package eventsapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
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

// TestOrderingKeysOfACrowd has more events of a space wait for costly keys than may. Those too many are refused: their senders
// can try again, while an event that went without order could overtake others.
func TestOrderingKeysOfACrowd(t *testing.T) {
	const (
		costly = `string(data.filter(a, data.exists(b, b == a + 1)).size())`
		most   = 4000
	)
	data := "[" + strings.Repeat("1,", 30) + "2]"
	g := newGateway(t).function("f", same).function("other/g", same).
		subscribeAs(t, "async made POST / f", ordered(costly)).
		subscribeAs(t, "async http POST / f", ordered(costly)).
		subscribe(t, "async http POST / other/g")
	send := func(header ...string) *http.Response {
		return g.send(request("POST", "/", data, append(header, "Content-Type", jsonType)...))
	}
	var (
		crowd             sync.WaitGroup
		accepted, refused atomic.Int64
		full              = make(chan struct{})
	)
	fill := sync.OnceFunc(func() { close(full) })
	for range most {
		crowd.Go(func() {
			select {
			case <-full:
				return
			default:
			}
			switch res := send("Event", "made", "Space", "default"); res.StatusCode {
			case http.StatusAccepted:
				accepted.Add(1)
			default:
				refused.Add(1)
				fill()
				expectError(t, res, 503, "the event was not accepted: too many costly ordering keys wait to be evaluated; try again later")
			}
		})
	}
	go func() { crowd.Wait(); fill() }()
	<-full
	// An event that is for another space too waits briefly, and goes on without order.
	if res := send(); res.StatusCode != 202 || expression.SlowLane()["default"].Waiting == 0 {
		t.Errorf("an event for several spaces got %d", res.StatusCode)
	}
	crowd.Wait()
	inOrder, others := 0, 0
	for key := range strings.FieldsSeq(g.orderingKeys()) {
		if key == "f=30" {
			inOrder++
		} else {
			others++
		}
	}
	told := g.told()
	if !strings.Contains(told, "refused default made crowded") || refused.Load() == 0 {
		t.Errorf("none of %d was refused, or it was not told", most)
	}
	// Others can be those whose evaluation the machine held up.
	failed := strings.Count(told, "ordering key failed default ")
	if inOrder == 0 || inOrder+failed != int(accepted.Load())+1 || others != failed+1 {
		t.Errorf("%d were accepted; %d were queued in order, %d not, %d keys failed", accepted.Load(), inOrder, others, failed)
	}
}
