package expression

import (
	"runtime"
	"sync"
	"weak"
)

type programKey struct {
	kind   Kind
	source string
}

var programs Interned[programKey, Program]

// Interned shares values by key: as long as a value is in use, Get returns it for its key. It keeps nothing alive. The zero
// Interned is ready to use.
type Interned[K comparable, V any] struct {
	mutex  sync.Mutex
	values map[K]weak.Pointer[V]
}

// Get returns the value under key if it is in use, else what create returns.
func (t *Interned[K, V]) Get(key K, create func() (*V, error)) (*V, error) {
	if v := t.lookup(key); v != nil {
		return v, nil
	}
	v, err := create() // outside of the lock: it may take long
	if err != nil {
		return nil, err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if other := t.values[key].Value(); other != nil {
		return other, nil
	}
	if t.values == nil {
		t.values = map[K]weak.Pointer[V]{}
	}
	t.values[key] = weak.Make(v)
	runtime.AddCleanup(v, t.forget, key)
	return v, nil
}

func (t *Interned[K, V]) lookup(key K) *V {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.values[key].Value()
}

// forget removes key unless it has another value by now.
func (t *Interned[K, V]) forget(key K) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.values[key].Value() == nil {
		delete(t.values, key)
	}
}
