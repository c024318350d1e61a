package hamt

import (
	"math/bits"
	"slices"
)

const (
	// levelBits of the hash choose the slot within a node.
	levelBits = 6
	slotMask  = 1<<levelBits - 1
	// hashBits is the depth at which the hash is used up; nodes there are plain lists of entries whose hashes are equal.
	hashBits = 64
)

// node is a compressed 64-way trie node: a slot is empty, an entry, or a child, as two bitmaps tell; entries and children
// are packed. A node other than the root holds at least two entries, itself or below: so equal contents make equal tries,
// and deletes leave nothing behind.
type node[K Key, V any] struct {
	entryMap, childMap uint64
	entries            []entry[K, V]
	// below are the children, if there are any: most nodes have none, and so fit in one cache line.
	below *[]*node[K, V]
	// owner may change the node and its lists in place.
	owner *Owner
}

func (n *node[K, V]) children() []*node[K, V] {
	if n.below == nil {
		return nil
	}
	return *n.below
}

func (n *node[K, V]) setChildren(list []*node[K, V]) {
	n.below = nil
	if len(list) > 0 {
		n.below = &list
	}
}

type entry[K Key, V any] struct {
	key   K
	value V
}

func (n *node[K, V]) ownedBy(owner *Owner) bool { return owner != nil && n.owner == owner }

// slot returns the bit of hash's slot at the depth of shift.
func slot(hash uint64, shift uint) uint64 { return 1 << (hash >> shift & slotMask) }

// index returns where the slot of bit is in the packed list that bitmap describes.
func index(bitmap, bit uint64) int { return bits.OnesCount64(bitmap & (bit - 1)) }

func (n *node[K, V]) get(hash uint64, key K) (V, bool) {
	for shift := uint(0); shift < hashBits; shift += levelBits {
		bit := slot(hash, shift)
		if n.childMap&bit != 0 {
			n = (*n.below)[index(n.childMap, bit)]
			continue
		}
		if n.entryMap&bit != 0 {
			if e := &n.entries[index(n.entryMap, bit)]; e.key == key {
				return e.value, true
			}
		}
		var none V
		return none, false
	}
	if i := n.find(key); i >= 0 {
		return n.entries[i].value, true
	}
	var none V
	return none, false
}

// find returns where key is in a node below the end of the hash, or -1.
func (n *node[K, V]) find(key K) int {
	for i := range n.entries {
		if n.entries[i].key == key {
			return i
		}
	}
	return -1
}

// copy returns a copy of n that owner may change. Without an owner the copy shares its lists with n, and they are only
// ever replaced.
func (n *node[K, V]) copy(owner *Owner) node[K, V] {
	c := *n
	c.owner = owner
	if owner != nil {
		c.entries = slices.Clone(n.entries)
		c.setChildren(slices.Clone(n.children()))
	}
	return c
}

// set puts e into n, and reports whether its key is new. n is a copy the caller has just made or owner owns it.
func (n *node[K, V]) set(owner *Owner, shift uint, hash uint64, e entry[K, V]) (added bool) {
	if shift >= hashBits {
		if i := n.find(e.key); i >= 0 {
			n.entries = replace(owner, n.entries, i, e)
			return false
		}
		n.entries = insert(n.entries, len(n.entries), e)
		return true
	}
	bit := slot(hash, shift)
	if n.childMap&bit != 0 {
		return n.editChild(owner, index(n.childMap, bit)).set(owner, shift+levelBits, hash, e)
	}
	i := index(n.entryMap, bit)
	switch {
	case n.entryMap&bit == 0:
		n.insertEntry(bit, e)
		return true
	case n.entries[i].key == e.key:
		n.entries = replace(owner, n.entries, i, e)
		return false
	default:
		old := n.entries[i]
		n.entryMap &^= bit
		n.entries = remove(n.entries, i)
		child := pair(owner, shift+levelBits, old.key.Hash(), old, hash, e)
		n.childMap |= bit
		n.setChildren(insert(n.children(), index(n.childMap, bit), child))
		return true
	}
}

func (n *node[K, V]) insertEntry(bit uint64, e entry[K, V]) {
	n.entryMap |= bit
	n.entries = insert(n.entries, index(n.entryMap, bit), e)
}

// editChild returns child i, made changeable.
func (n *node[K, V]) editChild(owner *Owner, i int) *node[K, V] {
	child := n.children()[i]
	if !child.ownedBy(owner) {
		c := child.copy(owner)
		child = &c
		n.setChildren(replace(owner, n.children(), i, child))
	}
	return child
}

// pair returns a node of two entries with different keys.
func pair[K Key, V any](owner *Owner, shift uint, hashA uint64, a entry[K, V], hashB uint64, b entry[K, V]) *node[K, V] {
	n := &node[K, V]{owner: owner}
	if shift >= hashBits {
		n.entries = []entry[K, V]{a, b}
		return n
	}
	bitA, bitB := slot(hashA, shift), slot(hashB, shift)
	switch {
	case bitA == bitB:
		n.childMap = bitA
		n.setChildren([]*node[K, V]{pair(owner, shift+levelBits, hashA, a, hashB, b)})
		return n
	case bitA < bitB:
		n.entries = []entry[K, V]{a, b}
	default:
		n.entries = []entry[K, V]{b, a}
	}
	n.entryMap = bitA | bitB
	return n
}

// remove takes key, which is there, out of n, which is a copy the caller has just made or owner owns it.
func (n *node[K, V]) remove(owner *Owner, shift uint, hash uint64, key K) {
	if shift >= hashBits {
		n.entries = remove(n.entries, n.find(key))
		return
	}
	bit := slot(hash, shift)
	if n.childMap&bit == 0 {
		n.entries = remove(n.entries, index(n.entryMap, bit))
		n.entryMap &^= bit
		return
	}
	i := index(n.childMap, bit)
	child := n.editChild(owner, i)
	child.remove(owner, shift+levelBits, hash, key)
	if len(child.children()) == 0 && len(child.entries) == 1 {
		n.childMap &^= bit
		n.setChildren(remove(n.children(), i))
		n.insertEntry(bit, child.entries[0])
	}
}

// replace changes a list in place if there is an owner, as what it changes it owns, and else returns a new one.
func replace[T any](owner *Owner, list []T, i int, v T) []T {
	if owner == nil {
		list = slices.Clone(list)
	}
	list[i] = v
	return list
}

// insert returns a new list, without spare room: most lists stay as they are for ever, and memory counts.
func insert[T any](list []T, i int, v T) []T {
	out := make([]T, len(list)+1)
	copy(out, list[:i])
	out[i] = v
	copy(out[i+1:], list[i:])
	return out
}

// remove returns a new list, nil if it would be empty.
func remove[T any](list []T, i int) []T {
	if len(list) == 1 {
		return nil
	}
	out := make([]T, len(list)-1)
	copy(out, list[:i])
	copy(out[i:], list[i+1:])
	return out
}

// each yields all entries until yield returns false, and reports whether it never did.
func (n *node[K, V]) each(yield func(K, V) bool) bool {
	for i := range n.entries {
		if e := &n.entries[i]; !yield(e.key, e.value) {
			return false
		}
	}
	for _, child := range n.children() {
		if !child.each(yield) {
			return false
		}
	}
	return true
}
