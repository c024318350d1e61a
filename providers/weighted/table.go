package weighted

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/eventgateway/eventgateway"
)

// table is the members that answer and how calls are shared among them. It is not changed once made, but for what its members
// learn.
type table struct {
	members []member
	// total is the sum of all weights.
	total uint64
	// order are the members to fail over to, by their places; nil for any.
	order []int
	// to are the weights to go back to; nil when there are none.
	to []eventgateway.Share
	// random returns a number less than n, every one as often as another.
	random func(n uint64) uint64
}

// member is a function that answers for the weighted one.
type member struct {
	id     string
	hash   uint64
	weight uint64
	health health
	// watch counts its calls; nil when they cannot lead to a retreat.
	watch *watch
}

// newTable returns the table of members that are no shadows.
func newTable(members []Member, failover *Failover) *table {
	t := &table{random: rand.Uint64N}
	for i := range members {
		if m := &members[i]; !m.Shadow {
			weight := uint64(m.weight())
			t.members = append(t.members, member{id: m.FunctionID, hash: hashText(m.FunctionID), weight: weight})
			t.total += weight
		}
	}
	if len(failover.Order) == 0 {
		return t
	}
	t.order = []int{}
	for _, id := range failover.Order {
		for i := range t.members {
			if t.members[i].id == id {
				t.order = append(t.order, i)
			}
		}
	}
	return t
}

// places is a set of members, by their places.
type places [(maxMembers + 63) / 64]uint64

func (p *places) add(i int)      { p[i/64] |= 1 << (i % 64) }
func (p *places) has(i int) bool { return p[i/64]&(1<<(i%64)) != 0 }
func (p *places) empty() bool    { return *p == places{} }

// pick returns the place of a member with a weight that is not among except, at random; -1 when there is none.
func (t *table) pick(except *places) int {
	total := t.total
	if !except.empty() {
		for i := range t.members {
			if except.has(i) {
				total -= t.members[i].weight
			}
		}
	}
	if total == 0 {
		return -1
	}
	at := t.random(total)
	for i := range t.members {
		if except.has(i) {
			continue
		}
		weight := t.members[i].weight
		if at < weight {
			return i
		}
		at -= weight
	}
	return -1
}

// pickFor is pick for a key: the same for the same key, as long as the weights stand. It is rendezvous hashing: each member
// gets a number out of the key and its own name, made the larger the larger its weight is, and the largest wins. So keys move
// only to members whose share grows and from those whose share shrinks, and no more of them than that takes.
func (t *table) pickFor(key uint64, except *places) int {
	best, most := -1, math.Inf(-1)
	for i := range t.members {
		m := &t.members[i]
		if m.weight == 0 || except.has(i) {
			continue
		}
		// u is between 0 and 1, and -log(u)/weight a waiting time: whose calls come weight times as often has the shortest of
		// them as often.
		u := (float64(mix(key, m.hash)>>11) + 0.5) / (1 << 53)
		weight := float64(m.weight)
		if u-1 <= most*weight { // log(u) is no more than u-1, so this one cannot win
			continue
		}
		if score := math.Log(u) / weight; best < 0 || score > most {
			best, most = i, score
		}
	}
	return best
}

// hashText is the same everywhere and for ever: instances and releases must agree on it. It is FNV-1a.
func hashText(text string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	return h
}

// mix makes one number of two, every bit of which depends on all of theirs.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xbf58476d1ce4e5b9)
	h := (high ^ low) + a + bits.RotateLeft64(b, 32)
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// share returns how much of all calls a function gets, of 1.
func share(shares []eventgateway.Share, id string) float64 {
	total, own := 0, 0
	for _, s := range shares {
		total += s.Weight
		if s.FunctionID == id {
			own = s.Weight
		}
	}
	return float64(own) / float64(max(total, 1))
}
