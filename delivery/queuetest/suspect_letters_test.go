package queuetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// suspectLetters are the dead letters of a suspectLog.
type suspectLetters suspectLog

func letterSize(d *delivery.DeadLetter) int64 { return int64(100 + len(d.Event.Data)) }

func (l *suspectLetters) Add(_ context.Context, d *delivery.DeadLetter) error {
	second := fault == "gives one ID to two that come at the same time" && together()
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if l.closed {
		return delivery.ErrUnavailable
	}
	if b := l.backend.Load().Bytes; b > 0 && letterSize(d) > b && fault != "makes room for everything" {
		return delivery.ErrTooLarge
	}
	if !second {
		l.disk.buried++
	}
	d.ID = fmt.Sprintf("%020d", l.disk.buried)
	if fault == "gives IDs that do not sort" {
		d.ID = strconv.FormatUint(l.disk.buried, 10)
	}
	kept := d
	if fault != "keeps what it was given" {
		kept = cloneLetter(d)
	}
	if fault == "drops ordering keys" {
		kept.OrderingKey = ""
	}
	l.disk.letters = append(l.disk.letters, kept)
	l.trim()
	return nil
}

func cloneLetter(d *delivery.DeadLetter) *delivery.DeadLetter {
	c := *d
	c.Event = cloneEvent(d.Event)
	return &c
}

// trim keeps to the bounds. The caller holds the disk's mu.
func (l *suspectLetters) trim() {
	b := l.backend.Load()
	var bytes int64
	for _, d := range l.disk.letters {
		bytes += letterSize(d)
	}
	l.disk.letters = slices.DeleteFunc(l.disk.letters, func(d *delivery.DeadLetter) bool {
		old := b.Age > 0 && time.Since(d.At) > b.Age && fault != "keeps dead letters for ever"
		if over := b.Bytes > 0 && bytes > b.Bytes && fault != "keeps any number of dead letters"; old || over {
			bytes -= letterSize(d)
			return true
		}
		return false
	})
}

func (l *suspectLetters) List(_ context.Context, q *delivery.DeadLetterQuery) (list []*delivery.DeadLetter, more bool, err error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	l.trim()
	query := *q
	if fault == "ignores reasons" {
		query.Reason = ""
	}
	for _, d := range l.disk.letters {
		if d.ID <= q.After || !query.Matches(d) {
			continue
		}
		if q.Limit > 0 && len(list) == q.Limit {
			return list, true, nil
		}
		list = append(list, cloneLetter(d))
	}
	return list, fault == "says that there are always more", nil
}

// find returns where a letter is; -1 when it is not there. The caller holds the disk's mu.
func (l *suspectLetters) find(space, id string) int {
	l.trim()
	return slices.IndexFunc(l.disk.letters, func(d *delivery.DeadLetter) bool {
		return d.ID == id && (d.Space == space || fault == "shows all spaces")
	})
}

func (l *suspectLetters) Get(_ context.Context, space, id string) (*delivery.DeadLetter, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	at := l.find(space, id)
	switch {
	case at >= 0:
		return cloneLetter(l.disk.letters[at]), nil
	case fault == "fails for unknown IDs":
		return nil, errors.New("not found")
	}
	return nil, nil
}

func (l *suspectLetters) Delete(_ context.Context, space, id string) (bool, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	at := l.find(space, id)
	if at < 0 {
		return fault == "deletes what is not there", nil
	}
	l.disk.letters = slices.Delete(l.disk.letters, at, at+1)
	return true, nil
}

func (l *suspectLetters) Count() (count, bytes int64) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	l.trim()
	for _, d := range l.disk.letters {
		bytes += letterSize(d)
	}
	return int64(len(l.disk.letters)), bytes
}
