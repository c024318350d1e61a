package jetstream

import (
	"container/list"
	"sync"

	"github.com/eventgateway/eventgateway/delivery"
)

const (
	cacheRecords = 32
	// cacheSize is how large a record that is cached may be.
	cacheSize = 1 << 20
)

type place struct {
	partition int
	seq       uint64
}

type cached struct {
	place place
	works []*delivery.Work
}

// cache keeps the records decoded last.
type cache struct {
	mu     sync.Mutex
	order  list.List // of *cached, the latest first
	places map[place]*list.Element
}

func newCache() *cache { return &cache{places: make(map[place]*list.Element)} }

func (c *cache) get(p place) []*delivery.Work {
	c.mu.Lock()
	defer c.mu.Unlock()
	element := c.places[p]
	if element == nil {
		return nil
	}
	c.order.MoveToFront(element)
	return element.Value.(*cached).works
}

func (c *cache) put(p place, works []*delivery.Work) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places[p] != nil {
		return
	}
	c.places[p] = c.order.PushFront(&cached{p, works})
	if c.order.Len() > cacheRecords {
		c.drop(c.order.Back())
	}
}

func (c *cache) forget(p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element := c.places[p]; element != nil {
		c.drop(element)
	}
}

func (c *cache) drop(element *list.Element) {
	delete(c.places, element.Value.(*cached).place)
	c.order.Remove(element)
}
