package plugins

import (
	"sync"

	"github.com/eventgateway/eventgateway"
)

const (
	// queueLength bounds the events that wait for an async plugin.
	queueLength = 4096
	// queueBytes bounds the data of these events.
	queueBytes = 32 << 20
)

// queue holds the events an async plugin has still to react to.
type queue struct {
	mu     sync.Mutex
	bytes  int
	closed bool
	events chan *eventgateway.Event

	workers sync.WaitGroup
}

func newQueue() *queue {
	return &queue{events: make(chan *eventgateway.Event, queueLength)}
}

// start runs the workers, which end when the queue is closed and empty.
func (q *queue) start(workers int, react func(*eventgateway.Event)) {
	for range workers {
		q.workers.Go(func() {
			for ev := range q.events {
				q.took(ev)
				react(ev)
			}
		})
	}
}

// put adds an event, and reports whether there was room.
func (q *queue) put(ev *eventgateway.Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.bytes > 0 && q.bytes+len(ev.Data) > queueBytes {
		return false
	}
	select {
	case q.events <- ev:
		q.bytes += len(ev.Data)
		return true
	default:
		return false
	}
}

func (q *queue) took(ev *eventgateway.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= len(ev.Data)
}

// close takes no more events.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.events)
	}
}
