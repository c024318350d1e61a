package jetstream

import (
	"fmt"
	"slices"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// TestWhatOthersHandOutIsReleased has one of two instances append, and wants it to be told of every delivery: that it is to
// make it, or that it is not.
func TestWhatOthersHandOutIsReleased(t *testing.T) {
	_, q := aCluster(t)
	a, b := openNode(t, q, longTTL), openNode(t, q, longTTL)
	a.awaitShare(t, 8, 8)
	b.awaitShare(t, 8, 8)
	var all []*delivery.Work
	for i := range 200 {
		id := fmt.Sprint("e", i)
		some := []*delivery.Work{keyed(id, id), ordered(id+" split", id, id+"b", id+"c"), newWork(id + " anywhere")}
		all = append(all, some...)
		if i%2 == 0 {
			append1(t, a.Log, some...)
			continue
		}
		for _, w := range some {
			append1(t, a.Log, w)
		}
	}
	var received, released int
	eventually(t, "all deliveries are received or released", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		told := map[*eventgateway.Event]int{}
		count := func(works []*delivery.Work) (n int) {
			for _, w := range works {
				n += len(w.Owed)
				told[w.Event] += len(w.Owed)
			}
			return n
		}
		received = 0
		for _, r := range a.records {
			received += count(r.Works)
		}
		released = count(a.released)
		return !slices.ContainsFunc(all, func(w *delivery.Work) bool { return told[w.Event] != len(w.Owed) })
	})
	if total := len(deliveries(all...)); received == 0 || released == 0 || received+released != total {
		t.Errorf("%d deliveries were received and %d released, of %d", received, released, total)
	}
}
