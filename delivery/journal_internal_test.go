package delivery

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
)

// check holds a shard to what must be true of it between calls.
func (s *journalShard) check(t *testing.T) {
	t.Helper()
	count, size := 0, 0
	listed := map[*eventNotes]bool{}
	for n := s.oldest; n != nil; n = n.younger {
		count++
		size += n.size
		listed[n] = true
		if n.younger != nil && n.younger.older != n || n.younger == nil && s.youngest != n {
			t.Fatal("the list is broken")
		}
		if n.size < 0 {
			t.Fatalf("an event takes %d bytes", n.size)
		}
	}
	if count != s.count || size != s.size {
		t.Fatalf("%d events of %d bytes are counted as %d of %d", count, size, s.count, s.size)
	}
	// The event that grows is not forgotten for it: while it is the oldest, the others stay too.
	if s.count > s.most || s.size > s.room+s.oldestSize() {
		t.Fatalf("%d events of %d bytes are kept, want at most %d of %d", s.count, s.size, s.most, s.room)
	}
	found := 0
	for key, n := range s.index {
		depth := 0
		for ; n != nil; n = n.before {
			if !listed[n] || n.key != key {
				t.Fatal("the index leads to an event that is forgotten")
			}
			depth++
		}
		if depth > journalGenerations {
			t.Fatalf("%d events of one ID are kept", depth)
		}
		found += depth
	}
	if found != s.count {
		t.Fatalf("%d of %d events can be found", found, s.count)
	}
}

// TestJournalStaysWhole does what comes to mind to a small journal.
func TestJournalStaysWhole(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("with seed %d", seed)
		}
	}()
	j := NewJournal(time.Minute, 200)
	now := time.Now()
	var known []*eventgateway.Event
	for range 4000 {
		now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
		ev := &eventgateway.Event{Type: "t", ID: strconv.Itoa(random.IntN(150)), ReceivedAt: now}
		if len(known) > 0 && random.IntN(2) == 0 {
			ev = known[random.IntN(len(known))]
		}
		var targets []Target
		for range random.IntN(4) * random.IntN(60) {
			name := strconv.Itoa(random.IntN(200))
			targets = append(targets, Target{Space: "s" + name[:1], SubscriptionID: name, FunctionID: name})
		}
		switch random.IntN(5) {
		case 0, 1:
			j.Received("s", ev, targets, nil)
			known = append(known, ev)
		case 2:
			j.Refused(ev, targets)
		case 3:
			j.Duplicate(ev, targets, strconv.Itoa(random.IntN(150)))
			j.Duplicate(ev, targets, ev.ID)
		default:
			for i := range targets {
				a := AttemptTrace{
					Attempt: 1, At: now, Outcome: []string{AttemptDelivered, AttemptRetried, AttemptDead}[random.IntN(3)],
					Error: strings.Repeat("e", random.IntN(1000)),
				}
				for range random.IntN(3) * random.IntN(15) {
					j.Attempted(ev, &targets[i], &a, now)
				}
			}
		}
		for i := range j.shards {
			j.shards[i].check(t)
		}
	}
	for i := range j.shards {
		s := &j.shards[i]
		s.expire(now.Add(time.Hour))
		if s.check(t); s.count != 0 || s.size != 0 || len(s.index) != 0 {
			t.Errorf("%d events of %d bytes are left", s.count, s.size)
		}
	}
}

// TestJournalBoundsBytes has every event take much more than its share.
func TestJournalBoundsBytes(t *testing.T) {
	const events = 200
	j := NewJournal(0, events)
	target := Target{Space: "s", SubscriptionID: "sub", FunctionID: "fn"}
	for i := range events {
		ev := &eventgateway.Event{Type: "t", ID: strconv.Itoa(i), ReceivedAt: time.Now()}
		j.Received("s", ev, []Target{target}, nil)
		for n := range 30 {
			a := AttemptTrace{Attempt: n, At: time.Now(), Outcome: AttemptRetried, Error: strings.Repeat("e", journalError)}
			j.Attempted(ev, &target, &a, time.Time{})
		}
		j.shards[0].check(t)
		if _, ok := j.Find("s", ev.ID); !ok {
			t.Fatal("the last event is not known")
		}
	}
	if got := j.shards[0].count; got > events/2 {
		t.Errorf("%d of %d large events are known", got, events)
	}
}

// TestJournalHashCollision has two IDs meet in the index: then the later one is known.
func TestJournalHashCollision(t *testing.T) {
	j := NewJournal(0, 100)
	s := &j.shards[0]
	for i := range 3 {
		s.add("s", 7, &eventgateway.Event{ID: "one", ReceivedAt: time.Now().Add(time.Duration(i))}, time.Now())
	}
	s.add("s", 7, &eventgateway.Event{ID: "two", ReceivedAt: time.Now()}, time.Now())
	s.check(t)
	if s.newest("s", 7, "one") != nil || s.newest("s", 7, "two") == nil || s.count != 1 {
		t.Errorf("%d events are known", s.count)
	}
}

func (s *journalShard) oldestSize() int {
	if s.oldest == nil {
		return 0
	}
	return s.oldest.size
}
