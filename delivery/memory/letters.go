package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// bounds are those of letters.
type bounds struct {
	age   time.Duration
	bytes int64
	count int
}

// letters keeps dead letters: in the order they came, all together and for each space.
type letters struct {
	mu     sync.Mutex
	bounds bounds
	// last is the number of the last one. It starts from the time, so that the ID of one that was lost with another process
	// does not come to name a different one.
	last   uint64
	all    order
	spaces map[string]*order
	count  int
	bytes  int64
	closed bool
}

// letter is a dead letter that is kept, until it is gone.
type letter struct {
	delivery.DeadLetter
	size int64
	gone bool
}

// letterOverhead is what a dead letter takes beside its texts and its event.
const letterOverhead = 512

func newLetters() *letters {
	return &letters{last: uint64(time.Now().UnixMicro()), spaces: map[string]*order{}}
}

// bound changes the bounds.
func (s *letters) bound(b bounds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bounds = b
	s.trim()
}

func (s *letters) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// Add implements delivery.DeadLetters.
func (s *letters) Add(_ context.Context, d *delivery.DeadLetter) error {
	size := sizeOf(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosed
	case size > s.bounds.bytes:
		return fmt.Errorf("%w: it takes %d bytes, and all dead letters together may take %d", delivery.ErrTooLarge, size,
			s.bounds.bytes)
	}
	s.last++
	d.ID = fmt.Sprintf("%020d", s.last)
	l := &letter{DeadLetter: *d, size: size}
	s.all.push(l)
	in := s.spaces[d.Space]
	if in == nil {
		in = &order{}
		s.spaces[d.Space] = in
	}
	in.push(l)
	s.count++
	s.bytes += size
	s.trim()
	return nil
}

func sizeOf(d *delivery.DeadLetter) int64 {
	n := letterOverhead + len(d.Space) + len(d.SubscriptionID) + len(d.FunctionID) + len(d.OrderingKey) + len(d.Reason) +
		len(d.Error)
	for _, p := range d.Params {
		n += len(p.Name) + len(p.Value)
	}
	return int64(n) + delivery.SizeOf(d.Event)
}

// List implements delivery.DeadLetters.
func (s *letters) List(_ context.Context, q *delivery.DeadLetterQuery) (list []*delivery.DeadLetter, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trim()
	in := s.spaces[q.Space]
	if in == nil {
		return nil, false, nil
	}
	for _, l := range in.after(q.After) {
		if l.gone || !q.Matches(&l.DeadLetter) {
			continue
		}
		if q.Limit > 0 && len(list) == q.Limit {
			return list, true, nil
		}
		list = append(list, new(l.DeadLetter))
	}
	return list, false, nil
}

// Get implements delivery.DeadLetters.
func (s *letters) Get(_ context.Context, space, id string) (*delivery.DeadLetter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trim()
	l := s.find(space, id)
	if l == nil {
		return nil, nil
	}
	return new(l.DeadLetter), nil
}

// Delete implements delivery.DeadLetters.
func (s *letters) Delete(_ context.Context, space, id string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trim()
	l := s.find(space, id)
	if l == nil {
		return false, nil
	}
	s.remove(l)
	return true, nil
}

// Count implements delivery.DeadLetters.
func (s *letters) Count() (count, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trim()
	return int64(s.count), s.bytes
}

// trim removes the oldest as far as the bounds want. Callers hold mu.
func (s *letters) trim() {
	for s.count > 0 {
		first := s.all.list[0]
		if s.count <= s.bounds.count && s.bytes <= s.bounds.bytes && time.Since(first.At) <= s.bounds.age {
			return
		}
		s.remove(first)
	}
}

// find returns a letter; nil when there is none. Callers hold mu.
func (s *letters) find(space, id string) *letter {
	in := s.spaces[space]
	if in == nil {
		return nil
	}
	if i, ok := slices.BinarySearchFunc(in.list, id, compareID); ok && !in.list[i].gone {
		return in.list[i]
	}
	return nil
}

// remove takes out a letter. Callers hold mu.
func (s *letters) remove(l *letter) {
	l.gone = true
	s.count--
	s.bytes -= l.size
	s.all.dropOne()
	in := s.spaces[l.Space]
	if in.dropOne(); len(in.list) == 0 {
		delete(s.spaces, l.Space)
	}
}

// order is a list of letters by ID. Those that are gone stay in it until they are first, or as many as the others; so
// taking one out costs little wherever it stands. The first is never one that is gone.
type order struct {
	list []*letter
	gone int
}

func compareID(l *letter, id string) int { return cmp.Compare(l.ID, id) }

func (o *order) push(l *letter) { o.list = append(o.list, l) }

// after returns the letters whose ID is greater than id.
func (o *order) after(id string) []*letter {
	i, found := slices.BinarySearchFunc(o.list, id, compareID)
	if found {
		i++
	}
	return o.list[i:]
}

// dropOne is called when a letter in the list is gone.
func (o *order) dropOne() {
	o.gone++
	first := 0
	for first < len(o.list) && o.list[first].gone {
		o.list[first] = nil
		first++
	}
	o.list = o.list[first:]
	o.gone -= first
	if o.gone > len(o.list)/2 {
		// A list of its own size, so that the memory of what was a long one is given back.
		o.list = slices.Clone(slices.DeleteFunc(o.list, func(l *letter) bool { return l.gone }))
		o.gone = 0
	}
}
