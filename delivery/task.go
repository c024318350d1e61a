package delivery

import (
	"strings"

	"github.com/eventgateway/eventgateway"
)

// taskState is where a task is.
type taskState uint8

const (
	// taskReady is in its lane's queue.
	taskReady taskState = iota
	// taskRunning is being attempted.
	taskRunning
	// taskDelayed waits for its time.
	taskDelayed
	// taskHeld waits for its subscription to be resumed.
	taskHeld
	// taskChained waits for an earlier one of its ordering key.
	taskChained
	// taskAborted was being attempted when the dispatcher was shut down.
	taskAborted
	// taskDone has ended, or belongs to another instance now.
	taskDone
)

// task is one delivery on its way. Dispatcher.mu guards it, but for letter, which is the goroutine's that runs it. There may
// be millions, so that it holds what scheduling needs and not what the log can read back.
type task struct {
	rec *Record
	// work and owed are where in rec.Works the delivery stands.
	work, owed int32
	attempts   int32
	state      taskState
	// dead marks the delivery of a dead letter to the function for them.
	dead bool
	lane *lane
	sub  *string
	// chain is that of its ordering key; nil when it has none.
	chain *chain
	order uint64
	// received is the event's, in nanoseconds since 1970.
	received int64
	// size is the reckoned size of its event.
	size int64
	// due is when a delayed task is ready again, in nanoseconds since 1970.
	due int64
	// letter is set once the event is given up, until that is kept.
	letter *DeadLetter
	// next is the task behind it in the queue it is in: its lane's, its chain's, or that of its hold.
	next *task
	// older and newer are the tasks of its lane that have not ended.
	older, newer *task
}

// subscriptionKey is the identity of a subscription.
type subscriptionKey struct{ space, id string }

func (t *task) subscription() subscriptionKey { return subscriptionKey{t.lane.key.Space, *t.sub} }

// taskQueue is a first-in, first-out list of tasks. A task is in one at most.
type taskQueue struct {
	first, last *task
	len         int
}

func (q *taskQueue) push(t *task) {
	t.next = nil
	if q.last == nil {
		q.first = t
	} else {
		q.last.next = t
	}
	q.last = t
	q.len++
}

// pop takes the first task; nil when there is none.
func (q *taskQueue) pop() *task {
	t := q.first
	if t == nil {
		return nil
	}
	q.first, t.next = t.next, nil
	if q.first == nil {
		q.last = nil
	}
	q.len--
	return t
}

// drop takes out the tasks that are to go.
func (q *taskQueue) drop(gone func(*task) bool) {
	old := *q
	*q = taskQueue{}
	for t := old.first; t != nil; {
		next := t.next
		if gone(t) {
			t.next = nil
		} else {
			q.push(t)
		}
		t = next
	}
}

// lane holds the deliveries to one function that have not ended. Dispatcher.mu guards it. It lives from the first delivery
// to the end of the last, and longer while it has learned something about the function that is still of use.
type lane struct {
	key   eventgateway.FunctionKey
	share *share
	queue taskQueue
	// oldest and newest are the ends of the list of tasks that have not ended, outstanding their number, bytes the size of
	// their events.
	oldest, newest *task
	outstanding    int
	bytes          int64
	running        int
	// incoming and incomingBytes are those that were put and have not come from the log.
	incoming      int
	incomingBytes int64
	// subs holds one copy of the id of each subscription with tasks here, and sub the last of them that was asked for.
	subs map[string]*string
	sub  *string
	// starved tells that it waits for its turn among those for which there was no room to run, before nextStarved.
	starved     bool
	nextStarved *lane
	// wake is when the lane is looked at again by itself, in nanoseconds since 1970; 0 when it is not.
	wake int64
	// idle is when it was first found empty, in nanoseconds since 1970; 0 when it was not since it had a delivery.
	idle int64

	pace
	circuit
}

// add makes t one of the lane's.
func (l *lane) add(t *task) {
	t.lane = l
	t.older = l.newest
	if l.newest == nil {
		l.oldest = t
	} else {
		l.newest.newer = t
	}
	l.newest = t
	l.outstanding++
	l.bytes += t.size
	l.share.outstanding++
}

// remove takes out a task that has ended.
func (l *lane) remove(t *task) {
	if t.older == nil {
		l.oldest = t.newer
	} else {
		t.older.newer = t.newer
	}
	if t.newer == nil {
		l.newest = t.older
	} else {
		t.newer.older = t.older
	}
	t.older, t.newer = nil, nil
	l.outstanding--
	l.bytes -= t.size
	l.share.outstanding--
}

// intern returns the lane's copy of a subscription's id.
func (l *lane) intern(id string) *string {
	if l.sub != nil && *l.sub == id {
		return l.sub
	}
	s := l.subs[id]
	if s == nil {
		if l.subs == nil {
			l.subs = map[string]*string{}
		}
		s = new(string)
		*s = strings.Clone(id)
		l.subs[*s] = s
	}
	l.sub = s
	return s
}

// empty reports whether nothing waits, runs or is about to come.
func (l *lane) empty() bool { return l.outstanding+l.running+l.incoming == 0 && !l.starved }
