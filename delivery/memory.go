package delivery

import (
	"context"
	"errors"
	"time"
)

// keep decides whether a record that was received stays in memory. Callers hold mu.
func (d *Dispatcher) keep(rec *Record) {
	if most := d.options.Limits.Memory; d.durable && most > 0 && d.loaded+rec.size > most && rec.running == 0 {
		rec.Works = nil
		return
	}
	rec.loaded = rec.size
	d.loaded += rec.size
}

// unload lets go of a record's memory when it is scarce and nothing of the record runs. Callers hold mu.
func (d *Dispatcher) unload(rec *Record) {
	most := d.options.Limits.Memory
	if !d.durable || most <= 0 || d.loaded < most/4*3 || rec.loaded == 0 || rec.running > 0 {
		return
	}
	rec.Works = nil
	d.loaded -= rec.loaded
	rec.loaded = 0
}

// letGo takes a record whose end has come, one way or another, out of the sums. Callers hold mu.
func (d *Dispatcher) letGo(rec *Record) {
	d.accepted -= rec.size
	d.loaded -= rec.loaded
	rec.size, rec.loaded = 0, 0
	for _, part := range rec.shares {
		part.share.bytes -= part.bytes
	}
	rec.shares = nil
}

var (
	errMismatch  = errors.New("the record does not hold the delivery")
	errRewriting = errors.New("the record is being replaced")
	errLoadPanic = errors.New("reading the record panicked")
)

// pick returns the delivery that stands at a place in works; nil if there is none.
func pick(works []*Work, work, owed int32) (*Work, *Owed) {
	if int(work) >= len(works) || int(owed) >= len(works[work].Owed) {
		return nil, nil
	}
	return works[work], &works[work].Owed[owed]
}

// readBack reads back the work of t and what of it is t's.
func (d *Dispatcher) readBack(t *task) (*Work, *Owed, error) {
	for {
		d.mu.Lock()
		rec, at, owed := t.rec, t.work, t.owed
		d.mu.Unlock()
		works, err := d.load(rec)
		d.mu.Lock()
		replaced, rewriting := t.rec != rec, rec.rewriting
		if err == nil && !replaced {
			d.keepLoaded(rec, works)
		}
		d.mu.Unlock()
		switch {
		case replaced && err != nil: // just now, and gone from the log with that
			continue
		case err != nil && rewriting:
			return nil, nil, errRewriting
		case err != nil:
			return nil, nil, err
		}
		if work, o := pick(works, at, owed); work != nil {
			return work, o, nil
		}
		return nil, nil, errMismatch
	}
}

// keepLoaded keeps what was read back of a record as long as something of it runs. Callers hold mu.
func (d *Dispatcher) keepLoaded(rec *Record, works []*Work) {
	if rec.Works == nil && rec.running > 0 && rec.size > 0 {
		rec.Works, rec.loaded = works, rec.size
		d.loaded += rec.size
	}
}

// load reads a record's works back. It does not panic.
func (d *Dispatcher) load(rec *Record) (works []*Work, err error) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			d.logPanic(r, "reading an accepted event back panicked")
			works, err = nil, errLoadPanic
		}
	}()
	return d.log.Load(ctx, rec)
}
