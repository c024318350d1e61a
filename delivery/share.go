package delivery

// share is what the functions of one space have of the queue. Dispatcher.mu guards it.
type share struct {
	space string
	lanes int
	// outstanding, incoming and running count the deliveries of all its lanes.
	outstanding, incoming, running int
	// bytes is the size of its events that are accepted, and incomingBytes of those that were put and have not come from the log.
	bytes, incomingBytes int64
	// first and last are the ends of the list of its lanes that wait for room to run, in the order of their turns.
	first, last *lane
	// waiting tells that there are any; then next is the share whose turn is after this one's.
	waiting bool
	next    *share
}

// shareOf is the part of a record that a share answers for.
type shareOf struct {
	share *share
	bytes int64
}

// charge has the share of the last task of rec answer for its event, of so many bytes, unless it does already: the tasks of
// the same event begin at start. Callers hold mu.
func (rec *Record) charge(start int, bytes int64) {
	last := len(rec.tasks) - 1
	s := rec.tasks[last].lane.share
	for i := last - 1; i >= start && i >= last-sharesSeen; i-- {
		if rec.tasks[i].lane.share == s {
			return
		}
	}
	s.bytes += bytes
	for i := range rec.shares {
		if rec.shares[i].share == s {
			rec.shares[i].bytes += bytes
			return
		}
	}
	rec.shares = append(rec.shares, shareOf{s, bytes})
}

// sharesSeen is among how many deliveries of an event it is looked for an earlier one in the same space: an event whose
// targets are of very many spaces, in turns, may count more than once in some of them.
const sharesSeen = 16

// starved are the shares with lanes that wait for room to run, in the order of their turns: spaces take turns, and within a
// space its functions do.
type starved struct{ first, last *share }

func (s *starved) any() bool { return s.first != nil }

// push makes l wait for its turn.
func (s *starved) push(l *lane) {
	if l.starved {
		return
	}
	l.starved = true
	sh := l.share
	if sh.last == nil {
		sh.first = l
	} else {
		sh.last.nextStarved = l
	}
	sh.last = l
	if !sh.waiting {
		s.add(sh)
	}
}

// add makes a share the last whose turn it is.
func (s *starved) add(sh *share) {
	sh.waiting = true
	if s.last == nil {
		s.first = sh
	} else {
		s.last.next = sh
	}
	s.last = sh
}

// pop takes the lane whose turn it is, of the shares that may run more; nil when there is none.
func (s *starved) pop(may func(*share) bool) *lane {
	var before *share
	for sh := s.first; sh != nil; before, sh = sh, sh.next {
		if !may(sh) {
			continue
		}
		if before == nil {
			s.first = sh.next
		} else {
			before.next = sh.next
		}
		if s.last == sh {
			s.last = before
		}
		sh.next, sh.waiting = nil, false
		l := sh.first
		if sh.first = l.nextStarved; sh.first == nil {
			sh.last = nil
		} else {
			s.add(sh)
		}
		l.starved, l.nextStarved = false, nil
		return l
	}
	return nil
}
