package jetstream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// placing returns a cluster that only places works, of so many partitions of which it works on own.
func placing(t testing.TB, partitions int, own ...int) *cluster {
	c := &cluster{log: newLog(new(Queue), testEnv(t, t.TempDir()), names{"test"}, partitions)}
	c.own.Store(&own)
	return c
}

// placed returns what place does, as "event[subscriptions]" by partition.
func placed(parts []part) map[int][]string {
	got := map[int][]string{}
	for _, p := range parts {
		for _, w := range p.works {
			var subs []string
			for _, o := range w.Owed {
				subs = append(subs, o.SubscriptionID)
			}
			got[p.partition.number] = append(got[p.partition.number], w.Event.ID+fmt.Sprint(subs))
		}
	}
	return got
}

func TestPlaceKeepsKeysTogether(t *testing.T) {
	c := placing(t, 16, 3)
	at := func(key string) int {
		target := ordered("x", key).Owed[0].Target
		return c.ordered(&target)
	}
	// All instances and versions have to agree on these.
	if got := []int{at("a"), at("b"), at("c"), c.hashed("source", "id"), c.hashed("")}; !slices.Equal(got, []int{9, 2, 11, 2, 3}) {
		t.Errorf("keys go to %v", got)
	}
	mixed := ordered("mixed", "a")
	mixed.Owed = append(mixed.Owed, newWork("mixed").Owed...)
	for _, test := range []struct {
		name  string
		works []*delivery.Work
		want  map[int][]string
	}{
		{"anything goes to an own partition", works("x", "y"), map[int][]string{3: {"x[s]", "y[s]"}}},
		{"a publisher's key", []*delivery.Work{keyed("x", "k")}, map[int][]string{c.hashed("k"): {"x[s]"}}},
		{"an ordering key", []*delivery.Work{ordered("x", "a")}, map[int][]string{at("a"): {"x[s0]"}}},
		{"order before the publisher's key", []*delivery.Work{mixed}, map[int][]string{at("a"): {"mixed[s0 s]"}}},
	} {
		if got := placed(c.place(test.works)); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPlaceSplitsByTarget(t *testing.T) {
	c := placing(t, 16)
	w := newWork("w")
	w.Key = "publisher"
	w.Owed = nil
	where := map[int][]string{}
	for i := range 40 {
		o := delivery.Owed{Target: delivery.Target{Space: "default", SubscriptionID: fmt.Sprint("s", i), FunctionID: "f"}, Attempts: i}
		if i%4 != 3 {
			o.OrderingKey = fmt.Sprint("k", i)
			where[c.ordered(&o.Target)] = append(where[c.ordered(&o.Target)], o.SubscriptionID)
		} else {
			first := c.ordered(&w.Owed[0].Target)
			where[first] = append(where[first], o.SubscriptionID)
		}
		w.Owed = append(w.Owed, o)
	}
	parts := c.place([]*delivery.Work{keyed("before", "k"), w, newWork("after")})
	total := 0
	for _, p := range parts {
		for _, one := range p.works {
			if one.Event.ID != "w" {
				continue
			}
			total += len(one.Owed)
			var subs []string
			for _, o := range one.Owed {
				subs = append(subs, o.SubscriptionID)
				if o.SubscriptionID != fmt.Sprint("s", o.Attempts) {
					t.Errorf("a delivery changed: %+v", o)
				}
			}
			if !slices.Equal(subs, where[p.partition.number]) {
				t.Errorf("partition %d has %v, want %v", p.partition.number, subs, where[p.partition.number])
			}
			if one.Key != "publisher" || one.Event != w.Event {
				t.Errorf("a part has another key or event: %+v", one)
			}
		}
	}
	if total != 40 || len(parts) < 8 || len(w.Owed) != 40 {
		t.Errorf("%d deliveries in %d parts", total, len(parts))
	}
	seen := map[int]bool{}
	for _, p := range parts {
		if seen[p.partition.number] {
			t.Errorf("partition %d stands twice", p.partition.number)
		}
		seen[p.partition.number] = true
	}
}

func TestPlaceSpreadsWhatMayGoAnywhere(t *testing.T) {
	count := func(c *cluster, n int) map[int]int {
		counts := map[int]int{}
		for range n {
			for at := range placed(c.place(works("x"))) {
				counts[at]++
			}
		}
		return counts
	}
	c := placing(t, 16, 2, 5)
	if got := count(c, 4*stay); got[2] != 2*stay || got[5] != 2*stay {
		t.Errorf("own partitions got %v", got)
	}
	for _, own := range []int{2, 5} {
		f := c.log.partitions[own].finisher
		f.follow(new(window))
		for seq := range uint64(2 * backlog) {
			f.read(seq + 1)
		}
	}
	if got := count(c, 16*stay); len(got) != 16 {
		t.Errorf("with a backlog %v got something", got)
	}
	if got := count(placing(t, 16), 16*stay); len(got) != 16 {
		t.Errorf("without own partitions %v got something", got)
	}
	spread := map[int]int{}
	for i := range 1600 {
		spread[c.hashed(fmt.Sprint("key-", i))]++
	}
	for partition := range 16 {
		if n := spread[partition]; n < 50 || n > 200 {
			t.Errorf("%d of 1600 keys go to partition %d", n, partition)
		}
	}
}

func TestASplitIsRefusedWhole(t *testing.T) {
	_, q := aCluster(t)
	q.MaxBytes = 1 << 20
	seen := newEvents()
	n := openNode(t, q, longTTL)
	n.awaitShare(t, 16, 16)
	large := ordered("large", "a", "b", "c", "d")
	large.Event.Data = []byte(strings.Repeat("x", 2<<20))
	if err := n.Append(t.Context(), []*delivery.Work{ordered("small", "a", "b", "c", "d"), large}); !errors.Is(err, delivery.ErrTooLarge) {
		t.Errorf("Append: %v", err)
	}
	// Until it is full.
	var accepted []*delivery.Work
	for i := 0; ; i++ {
		w := ordered(fmt.Sprint("e", i), "a", "b", "c", "d")
		w.Event.Data = []byte(strings.Repeat("x", 20<<10))
		err := n.Append(t.Context(), []*delivery.Work{w})
		if errors.Is(err, delivery.ErrFull) {
			break
		}
		if err != nil || i > 100 {
			t.Fatalf("event %d: %v", i, err)
		}
		accepted = append(accepted, w)
	}
	if len(accepted) < 5 {
		t.Errorf("%d were accepted", len(accepted))
	}
	n.finishing(seen)
	for _, r := range n.received() {
		seen.add(n, r)
		n.Finish(r)
	}
	eventually(t, "the log is empty", func() bool { return workInfo(t, n.Log).State.Msgs == 0 })
	seen.await(t, deliveries(accepted...))
	seen.once(t)
	if got, want := len(seen.counts), len(deliveries(accepted...)); got != want {
		t.Errorf("%d deliveries, of what was accepted are %d", got, want)
	}
	append1(t, n.Log, ordered("after", "a", "b", "c", "d"))
}

// TestASplitIsWholeAfterACrash kills the server while events for several partitions are written: those accepted are all
// there, and of none is only a part there.
func TestASplitIsWholeAfterACrash(t *testing.T) {
	rounds := 4
	if long() {
		rounds = 40
	}
	c, q := aCluster(t)
	seen := newEvents()
	n := openNode(t, q, longTTL).finishing(seen)
	n.awaitShare(t, 16, 16)
	p := publishSplits(t, n)
	for range rounds {
		p.goesOn(t, 50)
		c.Kill()
		c.Restart()
	}
	p.goesOn(t, 50)
	p.stop()
	p.done.Wait()
	seen.await(t, deliveries(p.works...))
	eventually(t, "the log is empty", func() bool { return workInfo(t, n.Log).State.Msgs == 0 })
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for id := range seen.counts {
		event, _, _ := strings.Cut(id, "/")
		for _, sub := range []string{"/s0", "/s1", "/s2"} {
			if seen.counts[event+sub] == 0 {
				t.Errorf("of %s only a part was kept: %s is missing", event, sub)
			}
		}
	}
}

// publishSplits is publish with events that each go to several partitions, and several of them at a time.
func publishSplits(t testing.TB, n *node) *publisher {
	return publishWorks(t, n, func(i int) *delivery.Work {
		id := fmt.Sprintf("split-%06d", i)
		return ordered(id, id+"a", id+"b", id+"c")
	}, 2*time.Millisecond)
}
