package delivery

// room is what a work takes of the bounds from when its Put is admitted until it comes from the log, or will not: so what
// is accepted counts without a gap.
type room struct {
	bytes int64
	each  []reserved
	// parts are the works that one was divided into: they have its room then.
	parts []*Work
}

// reserved is the room of one delivery.
type reserved struct {
	lane *lane
	size int64
	// first tells that it is the first delivery of its event in its space.
	first bool
}

// Split divides a work that is to be kept into one for each place that its deliveries have, in the order in which these come
// first. The parts are kept in its place: what is reserved for it is theirs.
func (w *Work) Split(place func(*Owed) int) (parts []*Work, places []int) {
	byPlace := map[int]*Work{}
	for i := range w.Owed {
		at := place(&w.Owed[i])
		part := byPlace[at]
		if part == nil {
			part = &Work{Event: w.Event, Key: w.Key}
			if w.room != nil {
				part.room = new(room)
			}
			byPlace[at] = part
			parts, places = append(parts, part), append(places, at)
		}
		part.Owed = append(part.Owed, w.Owed[i])
		if w.room != nil {
			part.room.each = append(part.room.each, w.room.each[i])
		}
	}
	if w.room != nil && len(parts) > 0 {
		parts[0].room.bytes = w.room.bytes
		w.room = &room{parts: parts}
	}
	return parts, places
}

// admit reserves room for works, or says why there is none.
func (d *Dispatcher) admit(works []*Work) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining {
		return ErrDraining
	}
	d.measure(works)
	for _, w := range works {
		d.reserve(w.room, +1)
	}
	err := d.fits(works)
	if err != nil {
		for _, w := range works {
			d.cameIn(w)
		}
	}
	return err
}

// measure finds how much room works take. Callers hold mu.
func (d *Dispatcher) measure(works []*Work) {
	var rooms []room
	var each []reserved
	for _, w := range works {
		if w.room == nil {
			if rooms == nil {
				rooms, each = makeRooms(works)
			}
			w.room, rooms = &rooms[0], rooms[1:]
			w.room.each, each = each[:0:len(w.Owed)], each[len(w.Owed):]
		}
		r := w.room
		r.bytes = sizeOf(w.Event)
		for i := range w.Owed {
			l := d.lane(w.Owed[i].Function())
			r.each = append(r.each, reserved{l, r.bytes, isFirst(r.each, l.share)})
		}
	}
}

// makeRooms makes what works need, in one piece of memory each.
func makeRooms(works []*Work) ([]room, []reserved) {
	deliveries := 0
	for _, w := range works {
		deliveries += len(w.Owed)
	}
	return make([]room, len(works)), make([]reserved, deliveries)
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
func (d *Dispatcher) reserve(room *room, sign int) {
	d.reserved += sign * len(room.each)
	d.reservedBytes += int64(sign) * room.bytes
	for i := range room.each {
		r := &room.each[i]
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

// cameIn ends what is reserved for a work, if anything still is. Callers hold mu.
func (d *Dispatcher) cameIn(w *Work) {
	r := w.room
	if r == nil {
		return
	}
	w.room = nil
	for _, part := range r.parts {
		d.cameIn(part)
	}
	d.reserve(r, -1)
}

// spaceShare is how many times what is still free a space may hold, where a function may hold as much as is free: one function
// that hangs leaves room for others of its space, and a space in which several hang leaves some for other spaces.
const spaceShare = 7

// fits reports whether what is reserved for works has room, for every function and space it is for: then the error is nil.
// What would not even fit into an empty queue is too large. Callers hold mu.
func (d *Dispatcher) fits(works []*Work) error {
	limits := &d.options.Limits
	free := limits.Deliveries - d.stats.Waiting - d.stats.Running - d.reserved
	freeBytes := limits.Bytes - d.accepted - d.reservedBytes
	fits := free >= 0 && freeBytes >= 0
	deliveries, bytes := 0, int64(0)
	for _, w := range works {
		deliveries, bytes = deliveries+len(w.room.each), bytes+w.room.bytes
		for i := 0; fits && i < len(w.room.each); i++ {
			r := &w.room.each[i]
			l, s, size := r.lane, r.lane.share, r.size
			waiting := l.outstanding + l.incoming
			fits = waiting <= free+1 && l.bytes+l.incomingBytes <= freeBytes+size &&
				s.outstanding+s.incoming <= spaceShare*(free+1) && s.bytes+s.incomingBytes <= spaceShare*(freeBytes+size) &&
				(limits.PerFunction <= 0 || waiting-max(0, l.max) <= limits.PerFunction)
		}
	}
	switch {
	case fits:
		return nil
	case deliveries > limits.Deliveries, bytes > limits.Bytes,
		d.stats.Waiting+d.stats.Running == 0 && d.reserved == deliveries:
		return ErrTooLarge
	default:
		return ErrFull
	}
}
