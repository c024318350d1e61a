package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/eventgateway/eventgateway/delivery"
)

// fakeLetters are the dead letters of a fakeLog.
type fakeLetters fakeLog

// Add implements delivery.DeadLetters.
func (f *fakeLetters) Add(_ context.Context, d *delivery.DeadLetter) error {
	if err := (*fakeLog)(f).ask(func(l *fakeLog) func() error { return l.onBury }); err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.ids++
	d.ID = fmt.Sprintf("%08d", f.ids)
	kept := *d
	f.letters = append(f.letters, &kept)
	return nil
}

// List implements delivery.DeadLetters.
func (f *fakeLetters) List(_ context.Context, q *delivery.DeadLetterQuery) (list []*delivery.DeadLetter, more bool, err error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for _, d := range f.letters {
		if q.Matches(d) && d.ID > q.After {
			list = append(list, d)
		}
	}
	if q.Limit > 0 && len(list) > q.Limit {
		return list[:q.Limit], true, nil
	}
	return list, false, nil
}

// Get implements delivery.DeadLetters.
func (f *fakeLetters) Get(_ context.Context, space, id string) (*delivery.DeadLetter, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for _, d := range f.letters {
		if d.Space == space && d.ID == id {
			return d, nil
		}
	}
	return nil, nil
}

// Delete implements delivery.DeadLetters.
func (f *fakeLetters) Delete(_ context.Context, space, id string) (bool, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	i := slices.IndexFunc(f.letters, func(d *delivery.DeadLetter) bool { return d.Space == space && d.ID == id })
	if i >= 0 {
		f.letters = slices.Delete(f.letters, i, i+1)
	}
	return i >= 0, nil
}

// Count implements delivery.DeadLetters.
func (f *fakeLetters) Count() (count, bytes int64) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.letters)), int64(len(f.letters))
}

// dead returns the dead letters of space "s".
func (l *fakeLog) dead(t testing.TB) []*delivery.DeadLetter {
	t.Helper()
	list, _, err := l.DeadLetters().List(context.Background(), &delivery.DeadLetterQuery{Space: "s"})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
