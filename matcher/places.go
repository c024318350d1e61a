package matcher

import (
	"cmp"
	"slices"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// places tells which spaces may have a subscription for a path, so that an event that is open to all spaces costs no more
// with 100,000 of them. It names no space that could be left out by the static beginning of its patterns; whether a named
// one really matches, its trie says.
type places struct {
	channels *hamt.Map[channel, scope]
	spaces   *hamt.Map[place, spaces]
}

// scope is where on a channel to look for a path.
type scope struct {
	// spaces are all that listen. Where it is only one, the places need not be asked.
	spaces spaces
	// depths are sorted.
	depths []depth
}

// place is a hash of a channel, the static segments a pattern starts with, and whether they are all of it. Two places of
// one hash share their spaces, which costs time and nothing else: spaces are counted, so none goes too early.
type place uint64

// Hash implements hamt.Key.
func (p place) Hash() uint64 { return uint64(p) }

// depth is how many static segments a pattern starts with, and whether they are all of it.
type depth struct {
	static int
	exact  bool
	// patterns is the number of subscriptions of this depth.
	patterns int
}

func (d depth) compare(other depth) int {
	exact := func(d depth) int {
		if d.exact {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(d.static, other.static), cmp.Compare(exact(d), exact(other)))
}

// spaces counts subscriptions by space. Most places have one space, so one is held inline.
type spaces struct {
	sole  string
	count int
	// many are the counts when there are two spaces or more.
	many *hamt.Map[hamt.String, int]
}

// placeHash hashes a channel's static segments one by one.
type placeHash uint64

func (c channel) placeHash() placeHash { return placeHash(c.Hash()) }

func (h placeHash) add(segment string) placeHash {
	return placeHash(mix(uint64(h), hashString(segment)))
}

func (h placeHash) place(exact bool) place {
	if exact {
		return place(mix(uint64(h), 1))
	}
	return place(mix(uint64(h), 2))
}

// add changes the number of subscriptions of a pattern by one, up or down.
func (p places) add(owner *hamt.Owner, l listener, segments []eventgateway.Segment, change int) places {
	hash, at := l.placeHash(), depth{exact: true}
	for _, segment := range segments {
		if segment.Kind != eventgateway.Static {
			at.exact = false
			break
		}
		at.static++
		hash = hash.add(segment.Text)
	}
	on, _ := p.channels.Get(l.channel)
	on.depths = addDepth(on.depths, at, change)
	on.spaces.add(owner, l.space, change)
	if on.spaces.empty() {
		p.channels = p.channels.Without(owner, l.channel)
	} else {
		p.channels = p.channels.With(owner, l.channel, on)
	}
	key := hash.place(at.exact)
	found, _ := p.spaces.Get(key)
	found.add(owner, l.space, change)
	if found.empty() {
		p.spaces = p.spaces.Without(owner, key)
	} else {
		p.spaces = p.spaces.With(owner, key, found)
	}
	return p
}

func addDepth(depths []depth, d depth, change int) []depth {
	i, ok := slices.BinarySearchFunc(depths, d, depth.compare)
	if !ok {
		d.patterns = change
		return slices.Concat(depths[:i], []depth{d}, depths[i:])
	}
	if depths[i].patterns+change == 0 {
		return slices.Concat(depths[:i], depths[i+1:])
	}
	depths = slices.Clone(depths)
	depths[i].patterns += change
	return depths
}

func (s *spaces) empty() bool { return s.count == 0 && s.many == nil }

func (s *spaces) add(owner *hamt.Owner, space string, change int) {
	switch {
	case s.many != nil:
		s.change(owner, space, change)
		if s.many.Len() == 1 {
			for name, count := range s.many.All() {
				*s = spaces{sole: string(name), count: count}
			}
		}
	case s.count == 0 || s.sole == space:
		s.sole, s.count = space, s.count+change
	default:
		s.many = s.many.With(owner, hamt.String(s.sole), s.count)
		s.sole, s.count = "", 0
		s.change(owner, space, change)
	}
}

func (s *spaces) change(owner *hamt.Owner, space string, change int) {
	count, _ := s.many.Get(hamt.String(space))
	if count += change; count > 0 {
		s.many = s.many.With(owner, hamt.String(space), count)
	} else {
		s.many = s.many.Without(owner, hamt.String(space))
	}
}
