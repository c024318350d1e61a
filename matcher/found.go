package matcher

// found is the values of an event that an index asks for. It is used again for the next event.
type found struct {
	entries []entry
	// slots is a hash table from fields to their last entry.
	slots []slot
	round uint32
	// objects counts the objects read, so that members of one object can be told from those of others.
	objects uint32
	// lists is set if there are objects in lists: then conditions on fields below may be true of different ones.
	lists bool
	// reversals are the texts that were reversed, for suffixes.
	reversals []reversal
}

type reversal struct {
	at   int
	text string
}

// entry is one value of a field.
type entry struct {
	node  *fieldNode
	value value
	// object is the one it is a member of; end is the entry after those below it.
	object uint32
	end    int32
	// before is the entry of the same field before this, or -1.
	before int32
	// inList is set if a list is on the way to the value: only patterns look there.
	inList bool
}

type slot struct {
	field *field
	round uint32
	last  int32
}

// reset forgets all entries.
func (s *found) reset() {
	clear(s.entries)
	clear(s.reversals)
	s.entries, s.reversals, s.objects, s.lists = s.entries[:0], s.reversals[:0], 0, false
	if s.round++; s.round == 0 || len(s.slots) == 0 || len(s.slots) > 1<<14 {
		s.slots, s.round = make([]slot, 64), 1
	}
}

// add appends an entry without value for a node; the last member of a name takes the place of those before it.
func (s *found) add(n *fieldNode, object uint32, inList bool) int {
	if len(s.entries)*2 >= len(s.slots) {
		s.grow()
	}
	i := len(s.entries)
	at := s.slot(n.field)
	before := int32(-1)
	if at.round == s.round {
		before = at.last
		s.forget(before, object)
	}
	*at = slot{n.field, s.round, int32(i)}
	s.entries = append(s.entries, entry{node: n, object: object, before: before, inList: inList, end: int32(i) + 1})
	return i
}

// forget takes away what was read of an object's earlier member of the name that entry last has. Elements of a list that
// member was are in between, each of an object that began later.
func (s *found) forget(last int32, object uint32) {
	for last >= 0 && s.entries[last].object > object {
		last = s.entries[last].before
	}
	if last < 0 || s.entries[last].object != object {
		return
	}
	for i := last; i < s.entries[last].end; i++ {
		s.entries[i].value.kind = absent
	}
}

// slot returns the slot of a field, or the free one it would take.
func (s *found) slot(f *field) *slot {
	mask := uint64(len(s.slots) - 1)
	for h := f.hash & mask; ; h = (h + 1) & mask {
		if at := &s.slots[h]; at.round != s.round || at.field == f {
			return at
		}
	}
}

func (s *found) grow() {
	s.slots = make([]slot, 2*len(s.slots))
	for i := range s.entries {
		f := s.entries[i].node.field
		*s.slot(f) = slot{f, s.round, int32(i)}
	}
}

// last returns the last entry of a field, or -1.
func (s *found) last(f *field) int32 {
	if at := s.slot(f); at.round == s.round {
		return at.last
	}
	return -1
}

// plain returns the value that is not in a list, or nil.
func (s *found) plain(f *field) *value {
	for i := s.last(f); i >= 0; i = s.entries[i].before {
		if e := &s.entries[i]; e.value.kind != absent && !e.inList {
			return &e.value
		}
	}
	return nil
}

// reversed returns the text of an entry from its end to its beginning. It is made once, when it is first asked for.
func (s *found) reversed(at int) string {
	for _, r := range s.reversals {
		if r.at == at {
			return r.text
		}
	}
	s.reversals = append(s.reversals, reversal{at, reversed(s.entries[at].value.text)})
	return s.reversals[len(s.reversals)-1].text
}
