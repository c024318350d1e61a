package delivery

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
)

const (
	// journalShards is how many shards a Journal has, if it knows enough events that each has a good share of them.
	journalShards = 16
	// journalEventSize is how many bytes an event may take on average beside what all take.
	journalEventSize = 1 << 10
	// journalShardSize is the least that all events of a shard may take together.
	journalShardSize = 512 << 10
	// journalGenerations is how many events of one ID in one space are known at once. Only the last is shown, but what
	// happens to the others still has its place, and the last may turn out to be a duplicate of one before.
	journalGenerations = 4
)

// journalShard holds the events of some IDs. All are in a list, those that nothing happened to for longest first: that is
// the order in which they are forgotten. In the steady state noting an event allocates nothing: it takes over the notes of
// one that is forgotten.
type journalShard struct {
	mu   sync.Mutex
	age  time.Duration
	most int // events
	room int // bytes
	// index finds the last event of an ID in a space; that it is the right one has still to be checked.
	index            map[uint64]*eventNotes
	oldest, youngest *eventNotes
	count, size      int
	// calls numbers the calls of Received.
	calls uint64
	spare *eventNotes
	_     [64]byte // keeps shards out of each other's cache lines
}

var journalSeed = maphash.MakeSeed()

func newJournalShards(age time.Duration, events int) []journalShard {
	n := 1
	for n < journalShards && events/n >= 256 {
		n *= 2
	}
	shards := make([]journalShard, n)
	for i := range shards {
		s := &shards[i]
		s.age, s.most, s.index = age, (events+n-1)/n, map[uint64]*eventNotes{}
		s.room = max(s.most*journalEventSize, journalShardSize)
	}
	return shards
}

// lock returns the shard of an ID, locked, and the ID's hash. One shard has the event in all its spaces.
func (j *Journal) lock(id string) (s *journalShard, hash uint64) {
	hash = maphash.String(journalSeed, id)
	s = &j.shards[hash>>32%uint64(len(j.shards))]
	s.mu.Lock()
	return s, hash
}

func journalKey(space string, hash uint64) uint64 {
	return hash*31 + maphash.String(journalSeed, space)
}

// newest returns the last event of an ID in a space; nil when none is known. Callers hold mu.
func (s *journalShard) newest(space string, hash uint64, id string) *eventNotes {
	if n := s.index[journalKey(space, hash)]; n != nil && n.id == id && n.space == space {
		return n
	}
	return nil
}

// of returns the notes of an event, or if it is not known those of the last one of the same ID, which is the same for what
// was read back from a log that does not keep times as exactly; nil when there is none. Callers hold mu.
func (s *journalShard) of(space string, hash uint64, ev *eventgateway.Event) *eventNotes {
	last := s.newest(space, hash, ev.ID)
	for n := last; n != nil; n = n.before {
		if n.receivedAt.Equal(ev.ReceivedAt) {
			return n
		}
	}
	return last
}

// receive returns the notes of an event that is received just now. Callers hold mu.
func (s *journalShard) receive(space string, hash uint64, ev *eventgateway.Event) *eventNotes {
	n := s.of(space, hash, ev)
	if n == nil || !n.receivedAt.Equal(ev.ReceivedAt) {
		n = s.add(space, hash, ev, ev.ReceivedAt)
	}
	if n.call != s.calls {
		n.call = s.calls
		n.times++
	}
	return n
}

// add notes a new event. Callers hold mu.
func (s *journalShard) add(space string, hash uint64, ev *eventgateway.Event, now time.Time) *eventNotes {
	s.expire(now)
	if s.count >= s.most {
		s.forget(s.oldest)
	}
	n := s.spare
	if s.spare = nil; n == nil {
		n = &eventNotes{}
	}
	key := journalKey(space, hash)
	n.key, n.space, n.id, n.typ, n.receivedAt = key, space, ev.ID, ev.Type, ev.ReceivedAt
	if before := s.index[key]; before != nil && before.id == n.id && before.space == space {
		n.before = before
		s.limit(n)
	} else {
		for before != nil { // two IDs of one hash
			s.forget(before)
			before = s.index[key]
		}
	}
	s.index[key] = n
	s.count++
	n.last = now.UnixNano()
	s.append(n)
	n.grow(len(n.id)+len(n.typ), s)
	s.shrink(n)
	return n
}

// limit forgets the first of the events before n when they are too many. Callers hold mu.
func (s *journalShard) limit(n *eventNotes) {
	depth := 1
	for n.before != nil {
		n = n.before
		depth++
	}
	if depth > journalGenerations {
		s.forget(n)
	}
}

// touch notes that something happened to an event. Callers hold mu.
func (s *journalShard) touch(n *eventNotes, now time.Time) {
	n.last = max(n.last, now.UnixNano())
	if s.youngest != n {
		s.unlink(n)
		s.append(n)
	}
}

// expire forgets the events that nothing happened to for too long. Callers hold mu.
func (s *journalShard) expire(now time.Time) {
	for before := now.Add(-s.age).UnixNano(); s.oldest != nil && s.oldest.last < before; {
		s.forget(s.oldest)
	}
}

// shrink forgets events until the others have room, but not n, which has grown; nil for none. Callers hold mu.
func (s *journalShard) shrink(n *eventNotes) {
	for n != nil && s.size > s.room && s.oldest != n {
		s.forget(s.oldest)
	}
}

// forget takes out an event. Callers hold mu.
func (s *journalShard) forget(n *eventNotes) {
	if last := s.index[n.key]; last == n {
		if n.before != nil {
			s.index[n.key] = n.before
		} else {
			delete(s.index, n.key)
		}
	} else {
		for last != nil && last.before != n {
			last = last.before
		}
		if last != nil {
			last.before = n.before
		}
	}
	s.unlink(n)
	s.count--
	s.size -= n.size
	*n = eventNotes{}
	s.spare = n
}

// append puts n at the end of the list. Callers hold mu.
func (s *journalShard) append(n *eventNotes) {
	n.older, n.younger = s.youngest, nil
	if s.youngest != nil {
		s.youngest.younger = n
	} else {
		s.oldest = n
	}
	s.youngest = n
}

// unlink takes n out of the list. Callers hold mu.
func (s *journalShard) unlink(n *eventNotes) {
	if n.older != nil {
		n.older.younger = n.younger
	} else {
		s.oldest = n.younger
	}
	if n.younger != nil {
		n.younger.older = n.older
	} else {
		s.youngest = n.older
	}
}

// duplicate notes that an event was accepted before with the ID of, and reports whether it was counted with that one.
// Callers hold mu.
func (s *journalShard) duplicate(space string, hash uint64, ev *eventgateway.Event, of string) (counted bool) {
	n := s.of(space, hash, ev)
	if n == nil {
		return false
	}
	if of == ev.ID {
		switch {
		case n.times > 1: // both came in one batch
			n.times--
			n.duplicates++
			return true
		case n.before != nil:
			accepted := n.before
			accepted.duplicates++
			at := time.Unix(0, n.last)
			s.forget(n)
			s.touch(accepted, at)
			s.shrink(accepted)
			return true
		}
	}
	n.duplicateOf = of
	n.disown(s)
	n.grow(len(of), s)
	s.shrink(n)
	return of == ev.ID
}
