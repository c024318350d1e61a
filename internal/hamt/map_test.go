package hamt

import (
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// poor is a key whose hash has few values in few places, so that keys collide at every depth and to the last bit.
type poor uint16

func (k poor) Hash() uint64 {
	switch k % 4 {
	case 0:
		return 0
	case 1:
		return uint64(k) << 54
	case 2:
		return uint64(k>>3) << 30
	default:
		return uint64(k)
	}
}

// check compares m with want in every way there is, and looks at how it is built.
func check[K Key, V comparable](t *testing.T, m *Map[K, V], want map[K]V) {
	t.Helper()
	if m.Len() != len(want) {
		t.Fatalf("Len() = %d, want %d", m.Len(), len(want))
	}
	for k, v := range want {
		if got, ok := m.Get(k); !ok || got != v {
			t.Fatalf("Get(%v) = %v, %v, want %v", k, got, ok, v)
		}
	}
	seen := map[K]V{}
	for k, v := range m.All() {
		if _, again := seen[k]; again {
			t.Fatalf("All yields %v twice", k)
		}
		seen[k] = v
	}
	if !maps.Equal(seen, want) {
		t.Fatalf("All yields %v, want %v", seen, want)
	}
	if m != nil {
		if n := checkNode(t, &m.root, 0); n != m.len {
			t.Fatalf("the trie holds %d entries, want %d", n, m.len)
		}
	}
}

// checkNode checks the invariants of node and returns how many entries it holds.
func checkNode[K Key, V any](t *testing.T, n *node[K, V], shift uint) int {
	t.Helper()
	if n.entryMap&n.childMap != 0 {
		t.Fatalf("slots %b are both entry and child", n.entryMap&n.childMap)
	}
	if shift < hashBits && (bits.OnesCount64(n.entryMap) != len(n.entries) || bits.OnesCount64(n.childMap) != len(n.children())) {
		t.Fatalf("bitmaps %b and %b for %d entries and %d children", n.entryMap, n.childMap, len(n.entries), len(n.children()))
	}
	count := len(n.entries)
	for _, child := range n.children() {
		below := checkNode(t, child, shift+levelBits)
		if below < 2 {
			t.Fatalf("a child with %d entries is left at depth %d", below, shift/levelBits+1)
		}
		count += below
	}
	return count
}

// shape describes how the trie is built; equal contents have equal shapes, unless keys have one hash.
func shape[K Key, V any](n *node[K, V]) string {
	out := fmt.Sprintf("(%x %x %d", n.entryMap, n.childMap, len(n.entries))
	for _, child := range n.children() {
		out += shape(child)
	}
	return out + ")"
}

func TestMapAgainstGoMap(t *testing.T) {
	for _, keys := range []int{1, 3, 20, 300, 4000} {
		t.Run(fmt.Sprint("keys=", keys), func(t *testing.T) {
			testAgainstGoMap(t, func(r *rand.Rand) poor { return poor(r.IntN(keys)) })
			testAgainstGoMap(t, func(r *rand.Rand) String { return String(fmt.Sprint(r.IntN(keys))) })
		})
	}
}

// testAgainstGoMap makes random changes, one by one and through editors, and checks each version of the map at once and
// again at the end, when all later changes are made.
func testAgainstGoMap[K Key](t *testing.T, key func(*rand.Rand) K) {
	type version struct {
		m    *Map[K, int]
		want map[K]int
	}
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		var m *Map[K, int]
		want := map[K]int{}
		var versions []version
		for round := range 40 {
			from := m
			edit := from.Edit()
			for range r.IntN(60) {
				k, v := key(r), r.Int()
				if r.IntN(2) == 0 {
					m = m.Set(k, v)
					edit.Set(k, v)
					want[k] = v
				} else {
					m = m.Delete(k)
					edit.Delete(k)
					delete(want, k)
				}
				if _, ok := want[k]; ok != contains(edit, k) {
					t.Fatalf("the editor's Get(%v) = %v", k, !ok)
				}
				if r.IntN(20) == 0 {
					versions = append(versions, version{edit.Map(), maps.Clone(want)})
				}
			}
			edited := edit.Map()
			if m.Len() > 0 && edited.Len() > 0 && shape(&m.root) != shape(&edited.root) {
				t.Fatalf("round %d: the editor builds %s, single changes %s", round, shape(&edited.root), shape(&m.root))
			}
			if r.IntN(2) == 0 {
				m = edited
			}
			versions = append(versions, version{m, maps.Clone(want)}, version{edited, maps.Clone(want)})
			check(t, m, want)
			check(t, edited, want)
		}
		for _, v := range versions {
			check(t, v.m, v.want)
		}
		fresh := (*Map[K, int])(nil).Edit()
		for k, v := range want {
			fresh.Set(k, v)
		}
		if rebuilt := fresh.Map(); len(want) > 0 && shape(&rebuilt.root) != shape(&m.root) {
			t.Fatalf("what deletes left is %s, built at once it is %s", shape(&m.root), shape(&rebuilt.root))
		}
		for k := range want {
			m = m.Delete(k)
		}
		check(t, m, map[K]int{})
	}
}

func contains[K Key, V any](e *Editor[K, V], k K) bool {
	_, ok := e.Get(k)
	return ok
}

func TestNilMap(t *testing.T) {
	var m *Map[String, int]
	check(t, m, nil)
	if m.Delete("a") != m {
		t.Error("Delete makes a new map of the nil map")
	}
	if e := m.Edit(); e.Len() != 0 || e.Map().Len() != 0 {
		t.Error("an editor of the nil map is not empty")
	}
	check(t, m.Set("", 1), map[String]int{"": 1})
}

func TestDeleteOfMissingKeepsMap(t *testing.T) {
	m := (*Map[poor, int])(nil).Set(4, 1).Set(8, 2).Set(5, 3)
	for _, k := range []poor{12, 9, 6, 7} {
		if m.Delete(k) != m {
			t.Errorf("Delete(%d) of a key that is not there makes a new map", k)
		}
	}
}

func TestAllStops(t *testing.T) {
	m := (*Map[poor, int])(nil)
	for k := range poor(1000) {
		m = m.Set(k, 0)
	}
	for stop := range 1000 {
		n := 0
		for range m.All() {
			if n++; n > stop {
				break
			}
		}
		if n != stop+1 {
			t.Fatalf("All yields %d entries after a break at %d", n, stop+1)
		}
	}
}

func TestGetAndAllDoNotAllocate(t *testing.T) {
	m := (*Map[String, int])(nil)
	for i := range 1000 {
		m = m.Set(String(fmt.Sprint(i)), i)
	}
	sum := 0
	if allocs := testing.AllocsPerRun(100, func() {
		v, _ := m.Get("500")
		_, ok := m.Get("none")
		if sum += v; ok {
			t.Fail()
		}
	}); allocs > 0 {
		t.Errorf("Get allocates %v times", allocs)
	}
	if allocs := testing.AllocsPerRun(100, func() {
		for _, v := range m.All() {
			sum += v
		}
	}); allocs > 0 {
		t.Errorf("All allocates %v times", allocs)
	}
}

// FuzzMap reads its input as changes, two bytes each, made both one by one and in editors of random length.
func FuzzMap(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x05\x00\x09\x80\x05\x40\x00\x80\x01"))
	f.Fuzz(func(t *testing.T, input []byte) {
		var m *Map[poor, int]
		want := map[poor]int{}
		edit := m.Edit()
		var old *Map[poor, int]
		var oldWant map[poor]int
		for i := 0; i+1 < len(input); i += 2 {
			k := poor(input[i]&0x3f)<<8 | poor(input[i+1])
			if input[i]&0x80 == 0 {
				m, want[k] = m.Set(k, i), i
				edit.Set(k, i)
			} else {
				m = m.Delete(k)
				edit.Delete(k)
				delete(want, k)
			}
			if input[i]&0x40 != 0 {
				old, oldWant = edit.Map(), maps.Clone(want)
			}
		}
		check(t, m, want)
		check(t, edit.Map(), want)
		check(t, old, oldWant)
	})
}
