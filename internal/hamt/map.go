// Package hamt is a persistent map: a change makes a new map that shares all but the changed path with the old one, so
// readers of the old one are not disturbed and the cost of a change does not grow with the map.
package hamt

import (
	"hash/maphash"
	"iter"
)

// Key is what a map can be keyed by.
type Key interface {
	comparable
	// Hash is the same for equal keys within one process. All of its 64 bits should depend on all of the key.
	Hash() uint64
}

var seed = maphash.MakeSeed()

// String is a string as a Key.
type String string

// Hash implements Key.
func (s String) Hash() uint64 { return maphash.String(seed, string(s)) }

// Map is immutable. The nil map is empty and ready to use.
type Map[K Key, V any] struct {
	root node[K, V]
	len  int
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int {
	if m == nil {
		return 0
	}
	return m.len
}

// Get returns the value under key. It does not allocate.
func (m *Map[K, V]) Get(key K) (V, bool) {
	if m == nil {
		var none V
		return none, false
	}
	return m.root.get(key.Hash(), key)
}

// Set returns a map in which key has the value.
func (m *Map[K, V]) Set(key K, value V) *Map[K, V] { return m.With(nil, key, value) }

// Delete returns a map without key; m itself if it has none.
func (m *Map[K, V]) Delete(key K) *Map[K, V] { return m.Without(nil, key) }

// With is Set on behalf of owner: what earlier changes under the same owner made is changed in place, so m must not be
// used afterwards unless it is older than owner. A nil owner owns nothing.
func (m *Map[K, V]) With(owner *Owner, key K, value V) *Map[K, V] {
	m = m.edit(owner)
	if m.root.set(owner, 0, key.Hash(), entry[K, V]{key, value}) {
		m.len++
	}
	return m
}

// Without is Delete on behalf of owner, as With is Set.
func (m *Map[K, V]) Without(owner *Owner, key K) *Map[K, V] {
	hash := key.Hash()
	if m == nil {
		return nil
	}
	if _, ok := m.root.get(hash, key); !ok {
		return m
	}
	if m.len == 1 {
		return nil
	}
	m = m.edit(owner)
	m.root.remove(owner, 0, hash, key)
	m.len--
	return m
}

// edit returns m if owner made it, else a copy.
func (m *Map[K, V]) edit(owner *Owner) *Map[K, V] {
	switch {
	case m == nil:
		return &Map[K, V]{root: node[K, V]{owner: owner}}
	case m.root.ownedBy(owner):
		return m
	}
	return &Map[K, V]{m.root.copy(owner), m.len}
}

// All yields all entries in no particular order.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if m != nil {
			m.root.each(yield)
		}
	}
}

// Edit returns an editor that starts from m and leaves m as it is.
func (m *Map[K, V]) Edit() *Editor[K, V] { return &Editor[K, V]{new(Owner), m} }

// Owner marks the nodes made by one series of changes, which may change them in place as no one else has seen them. Once
// a map is given away, the series goes on under a new owner. Made with new.
type Owner struct{ _ byte } // not of size zero, so that every owner has its own address

// Editor makes many changes at the price of few copies. It is used by one goroutine.
type Editor[K Key, V any] struct {
	owner *Owner
	m     *Map[K, V]
}

// Get returns the value under key in the map as it is now.
func (e *Editor[K, V]) Get(key K) (V, bool) { return e.m.Get(key) }

// Len returns the number of entries of the map as it is now.
func (e *Editor[K, V]) Len() int { return e.m.Len() }

// Set stores value under key.
func (e *Editor[K, V]) Set(key K, value V) { e.m = e.m.With(e.owner, key, value) }

// Delete removes key.
func (e *Editor[K, V]) Delete(key K) { e.m = e.m.Without(e.owner, key) }

// Map returns the map as it is now; later edits do not change it.
func (e *Editor[K, V]) Map() *Map[K, V] {
	e.owner = new(Owner)
	return e.m
}
