package delivery

import (
	"context"
	"slices"
	"sync/atomic"
)

// Put implements Queue.
func (d *Dispatcher) Put(ctx context.Context, items []Item) error {
	claimed, err := d.claim(ctx, items)
	if err != nil {
		return err
	}
	kept := false
	if claimed {
		defer func() { d.settleKeys(items, kept) }()
	}
	letters, err := d.keepDead(items)
	if err != nil {
		return err
	}
	works, room := worksOf(items)
	if works = d.notices(works, letters); len(works) > 0 {
		err = d.append(works, room)
	}
	if kept = err == nil; kept {
		d.tellDead(letters)
	} else {
		d.takeBack(letters)
	}
	return err
}

// append keeps works if there is room; room is an empty reservation.
func (d *Dispatcher) append(works []*Work, room *reservation) error {
	if err := d.admit(works, room); err != nil {
		return err
	}
	defer d.giveBack(room)
	works[0].room = room
	// What is accepted is accepted, even if its sender goes away meanwhile: only the log says whether it has it.
	return d.log.Append(context.Background(), works)
}

// lone is what is kept of an item with one target, in one piece of memory.
type lone struct {
	work  Work
	owed  [1]Owed
	works [1]*Work
	room  reservation
}

// worksOf makes what is kept of the items that are to be delivered and no duplicates, and an empty reservation. It shares
// neither slices with them nor what the server may change.
func worksOf(items []Item) ([]*Work, *reservation) {
	if len(items) == 1 && len(items[0].Targets) == 1 && items[0].DuplicateOf == "" && items[0].Dead == "" {
		l := new(lone)
		l.works[0], l.work.Owed = &l.work, l.owed[:]
		l.work.fill(&items[0])
		return l.works[:], &l.room
	}
	works := make([]*Work, 0, len(items))
	for i := range items {
		if it := &items[i]; it.DuplicateOf == "" && it.Dead == "" && len(it.Targets) > 0 {
			w := &Work{Owed: make([]Owed, len(it.Targets))}
			w.fill(it)
			works = append(works, w)
		}
	}
	return works, new(reservation)
}

// fill makes w what is kept of an item.
func (w *Work) fill(it *Item) {
	w.Event, w.Key = it.Event.Detach(), it.Key
	for i := range it.Targets {
		w.Owed[i].Target = it.Targets[i]
		w.Owed[i].Params = slices.Clone(it.Targets[i].Params)
	}
}

// reservation is the room that a Put under way takes. The works belong to the log once it has them.
type reservation struct {
	deliveries int
	bytes      int64
	// only is that of the delivery if there is one alone, else each has them.
	only reserved
	each []reserved
	// over tells that it was given back.
	over atomic.Bool
}

// reserved is the room of one delivery.
type reserved struct {
	lane *lane
	size int64
	// first tells that it is the first delivery of its event in its space.
	first bool
}

// at returns one of the deliveries of a reservation.
func (r *reservation) at(i int) *reserved {
	if r.each == nil {
		return &r.only
	}
	return &r.each[i]
}

// admit reserves room for works, or says why there is none.
func (d *Dispatcher) admit(works []*Work, room *reservation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining {
		return ErrDraining
	}
	d.measure(works, room)
	d.reserve(room, +1)
	err := d.fits(room)
	if err != nil {
		d.reserve(room, -1)
	}
	return err
}

// measure finds how much room works take. Callers hold mu.
func (d *Dispatcher) measure(works []*Work, room *reservation) {
	for _, w := range works {
		room.deliveries += len(w.Owed)
	}
	if room.deliveries > 1 {
		room.each = make([]reserved, 0, room.deliveries)
	}
	for _, w := range works {
		size := sizeOf(w.Event)
		room.bytes += size
		if room.each == nil {
			room.only = reserved{d.lane(w.Owed[0].Function()), size, true}
			continue
		}
		start := len(room.each)
		for i := range w.Owed {
			l := d.lane(w.Owed[i].Function())
			room.each = append(room.each, reserved{l, size, isFirst(room.each[start:], l.share)})
		}
	}
}

// giveBack ends a reservation once what it was for is kept, or is not; if it has come, that ended it.
func (d *Dispatcher) giveBack(room *reservation) {
	if room.over.Load() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cameIn(room)
	d.checkIdle()
}

// cameIn ends a reservation. Callers hold mu.
func (d *Dispatcher) cameIn(room *reservation) {
	if room.over.CompareAndSwap(false, true) {
		d.reserve(room, -1)
	}
}

// isFirst reports whether none of the deliveries before is of a space; see sharesSeen.
func isFirst(before []reserved, s *share) bool {
	for i := len(before) - 1; i >= 0 && i >= len(before)-sharesSeen; i-- {
		if before[i].lane.share == s {
			return false
		}
	}
	return true
}

// reserve counts what is reserved as coming, or with -1 as come or refused. Callers hold mu.
func (d *Dispatcher) reserve(room *reservation, sign int) {
	d.reserved += sign * room.deliveries
	d.reservedBytes += int64(sign) * room.bytes
	for i := range room.deliveries {
		r := room.at(i)
		l, s := r.lane, r.lane.share
		l.incoming += sign
		l.incomingBytes += int64(sign) * r.size
		s.incoming += sign
		if r.first {
			s.incomingBytes += int64(sign) * r.size
		}
		if sign < 0 {
			d.release(l)
		}
	}
}

// spaceShare is how many times what is still free a space may hold, where a function may hold as much as is free: one function
// that hangs leaves room for others of its space, and a space in which several hang leaves some for other spaces.
const spaceShare = 7

// fits reports whether what is reserved has room, for every function and space it is for: then the error is nil. What would
// not even fit into an empty queue is too large. Callers hold mu.
func (d *Dispatcher) fits(room *reservation) error {
	limits := &d.options.Limits
	free := limits.Deliveries - d.stats.Waiting - d.stats.Running - d.reserved
	freeBytes := limits.Bytes - d.accepted - d.reservedBytes
	fits := free >= 0 && freeBytes >= 0
	for i := 0; fits && i < room.deliveries; i++ {
		r := room.at(i)
		l, s, size := r.lane, r.lane.share, r.size
		waiting := l.outstanding + l.incoming
		fits = waiting <= free+1 && l.bytes+l.incomingBytes <= freeBytes+size &&
			s.outstanding+s.incoming <= spaceShare*(free+1) && s.bytes+s.incomingBytes <= spaceShare*(freeBytes+size) &&
			(limits.PerFunction <= 0 || waiting-max(0, l.max) <= limits.PerFunction)
	}
	switch {
	case fits:
		return nil
	case room.deliveries > limits.Deliveries, room.bytes > limits.Bytes,
		d.stats.Waiting+d.stats.Running == 0 && d.reserved == room.deliveries:
		return ErrTooLarge
	default:
		return ErrFull
	}
}
