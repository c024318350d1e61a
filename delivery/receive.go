package delivery

// receiver is the Dispatcher as its log sees it.
type receiver Dispatcher

var _ Receiver = (*receiver)(nil)

// Receive implements Receiver.
func (r *receiver) Receive(rec *Record) {
	d := (*Dispatcher)(r)
	repeated := d.compare(rec)
	d.mu.Lock()
	if d.durable && !d.current[rec.Partition] && d.recovering[rec.Partition] == nil {
		d.recovering[rec.Partition] = map[*chain]struct{}{}
	}
	d.spread(rec, repeated)
	for _, w := range rec.Works {
		d.cameIn(w)
	}
	done := rec.left == 0
	if !done {
		d.accepted += rec.size
		d.keep(rec)
	}
	d.checkIdle()
	d.mu.Unlock()
	if done {
		d.log.Finish(rec)
	}
}

// Release implements Receiver.
func (r *receiver) Release(works []*Work) {
	d := (*Dispatcher)(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range works {
		d.cameIn(w)
	}
	d.checkIdle()
}

// single is what a record with one delivery needs, in one piece of memory.
type single struct {
	task   task
	tasks  [1]*task
	shares [1]shareOf
}

// spread makes the tasks of a record, leaving out the works that are repeated. Callers hold mu.
func (d *Dispatcher) spread(rec *Record, repeated []bool) {
	n := 0
	for _, w := range rec.Works {
		n += len(w.Owed)
	}
	var only *task
	if n == 1 {
		s := new(single)
		only, rec.tasks, rec.shares = &s.task, s.tasks[:0], s.shares[:0]
	} else {
		rec.tasks = make([]*task, 0, n)
	}
	for i, w := range rec.Works {
		if repeated != nil && repeated[i] || len(w.Owed) == 0 {
			continue
		}
		size := sizeOf(w.Event)
		rec.size += size
		start := len(rec.tasks)
		for j := range w.Owed {
			t := only
			if t == nil {
				t = new(task)
			}
			t.rec, t.work, t.owed, t.size = rec, int32(i), int32(j), size
			d.receive(t, w)
			rec.tasks = append(rec.tasks, t)
			rec.charge(start, size)
		}
	}
}

// receive has a task of a record wait for its turn. Callers hold mu.
func (d *Dispatcher) receive(t *task, w *Work) {
	o := &w.Owed[t.owed]
	l := d.lane(o.Function())
	t.attempts, t.dead, t.sub = int32(o.Attempts), o.Dead != nil, l.intern(o.SubscriptionID)
	t.received = w.Event.ReceivedAt.UnixNano()
	if t.order = o.Order; t.order == 0 {
		t.order = t.rec.Seq
	}
	if !o.NotBefore.IsZero() {
		t.due = o.NotBefore.UnixNano()
	}
	t.rec.left++
	l.add(t)
	d.stats.Waiting++
	if o.OrderingKey == "" || t.dead || d.enchain(t, o.OrderingKey) {
		d.goAhead(t)
		d.start(l)
	}
}

// compare finds the works of a record whose key another record had before, and remembers the others' keys for Put. It returns
// nil when there are none. Only a log that several instances share, or that gives back what it had, can have such works.
func (d *Dispatcher) compare(rec *Record) (repeated []bool) {
	for i, w := range rec.Works {
		if w.Key == "" {
			continue
		}
		d.window.note(w.Key, w.Event.ID, w.Event.ReceivedAt)
		if !d.durable || d.owned.first(w.Key, w.Event.ReceivedAt) || len(w.Owed) == 0 {
			continue
		}
		if repeated == nil {
			repeated = make([]bool, len(rec.Works))
		}
		repeated[i] = true
		d.observer.Deduplicated(w.Owed[0].Space, w.Event.Type)
	}
	return repeated
}

// CaughtUp implements Receiver.
func (r *receiver) CaughtUp(partition int) {
	d := (*Dispatcher)(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current[partition] = true
	d.thaw(partition)
}
