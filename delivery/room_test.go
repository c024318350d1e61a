package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway/delivery"
)

// appended is a log whose every Append does what a test says; then it keeps the works, and hands nothing over by itself.
type appended struct {
	*slowReceiver
	on    func(works []*delivery.Work) error
	works [][]*delivery.Work
}

func (l *appended) Append(_ context.Context, works []*delivery.Work) error {
	if l.on != nil {
		if err := l.on(works); err != nil {
			return err
		}
	}
	l.works = append(l.works, works)
	return nil
}

// come hands over what was appended.
func (l *appended) come() {
	for i, works := range l.works {
		l.r.Receive(&delivery.Record{Seq: uint64(i + 1), Works: works})
	}
	l.works = nil
}

// newAppended returns a dispatcher on such a log. At the end of the test it must be empty.
func newAppended(t *testing.T, limits delivery.Limits) (*delivery.Dispatcher, *appended, *resources) {
	log := &appended{slowReceiver: &slowReceiver{fakeLog: newDurableLog(&disk{})}}
	res, o := &resources{}, delivery.Options{Limits: limits, Policy: once()}
	d := delivery.NewDispatcher(log, res, newRecord(), nil, o, newLogger(&lockedBuffer{}))
	d.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d.Drain(ctx)
		if err := d.CheckEmpty(); err != nil {
			t.Error(err)
		}
	})
	return d, log, res
}

// TestWhatIsKeptTakesRoomBeforeItComes has a log say that it keeps events long before it hands them over, as one may whose
// reader is slower than its writer: they count all the while.
func TestWhatIsKeptTakesRoomBeforeItComes(t *testing.T) {
	size := delivery.SizeOf(item("f").Event)
	for name, limits := range map[string]delivery.Limits{
		"per function": {PerFunction: 2, Concurrency: 2},
		"deliveries":   {Deliveries: 7, Concurrency: 2},
		"bytes":        {Bytes: 7 * size, Concurrency: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, log, res := newAppended(t, limits)
				g := newGate()
				res.set("f", g.invoke)
				for _, when := range []string{"before they come", "once they came", "when there are others"} {
					accepted := 0
					var err error
					for ; err == nil && accepted < 100; accepted++ {
						err = d.Put(t.Context(), []delivery.Item{item("f")})
					}
					want := map[string]int{"before they come": 4}[when]
					if accepted--; accepted != want || !errors.Is(err, delivery.ErrFull) {
						t.Fatalf("%s %d events are accepted, want %d, and then %v", when, accepted, want, err)
					}
					log.come()
					synctest.Wait()
					if err := d.Check(); err != nil {
						t.Fatal(err)
					}
				}
				close(g.open)
				synctest.Wait()
				if s := d.Stats(); s != (delivery.Stats{}) {
					t.Errorf("stats %+v", s)
				}
			})
		})
	}
}

// TestWhatDoesNotComeTakesNoRoom has a log keep events for another instance, or refuse them.
func TestWhatDoesNotComeTakesNoRoom(t *testing.T) {
	refused := errors.New("refused")
	d, log, _ := newAppended(t, delivery.Limits{PerFunction: 2, Concurrency: 1})
	for i := range 100 {
		log.on = func([]*delivery.Work) error { return refused }
		if err := d.Put(t.Context(), []delivery.Item{item("f"), item("f", "g")}); !errors.Is(err, refused) {
			t.Fatalf("event %d: %v", i, err)
		}
		log.on = func(works []*delivery.Work) error {
			if i%2 == 0 {
				log.r.Release(works)
			}
			return nil
		}
		if err := d.Put(t.Context(), []delivery.Item{item("f"), item("f", "g")}); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		for _, works := range log.works {
			log.r.Release(works)
		}
		log.works = nil
	}
}

// TestASplitWorkTakesItsRoomInParts has a log divide an event: its parts come, or do not, each for itself.
func TestASplitWorkTakesItsRoomInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log, res := newAppended(t, delivery.Limits{PerFunction: 1, Concurrency: 1})
		g := newGate()
		for _, id := range []string{"a", "b", "c"} {
			res.set(id, g.invoke)
		}
		var split []*delivery.Work // one "ac" and one "b" after the other
		divide := func(works []*delivery.Work) {
			parts, places := works[0].Split(func(o *delivery.Owed) int { return 7 + int(o.FunctionID[0]-'a')%2 })
			split = append(split, parts...)
			var owed []string
			for _, part := range parts {
				ids := ""
				for _, o := range part.Owed {
					ids += o.FunctionID
				}
				owed = append(owed, ids)
			}
			if fmt.Sprint(places) != "[7 8]" || !slices.Equal(owed, []string{"ac", "b"}) {
				t.Fatalf("the parts %v go to %v", owed, places)
			}
		}
		put := func(ids ...string) error { return d.Put(t.Context(), []delivery.Item{item(ids...)}) }
		log.on = func(works []*delivery.Work) error {
			divide(works)
			return delivery.ErrUnavailable
		}
		if err := put("a", "b", "c"); !errors.Is(err, delivery.ErrUnavailable) {
			t.Fatalf("Put: %v", err)
		}
		split = nil
		log.on = func(works []*delivery.Work) error {
			divide(works)
			return nil
		}
		for seq := range uint64(2) { // one that runs, one that waits
			if err := put("a", "b", "c"); err != nil {
				t.Fatalf("Put: %v", err)
			}
			log.r.Receive(&delivery.Record{Seq: seq + 1, Works: split[2*seq : 2*seq+1]})
		}
		synctest.Wait()
		log.on, log.works = nil, nil
		for _, id := range []string{"a", "b", "c"} {
			if err := put(id); !errors.Is(err, delivery.ErrFull) {
				t.Errorf("Put to %s, which has all it may: %v", id, err)
			}
		}
		log.r.Release([]*delivery.Work{split[1], split[3]})
		if err := put("b"); err != nil {
			t.Errorf("Put to b, of which all was released: %v", err)
		}
		log.come()
		close(g.open)
	})
}

// TestDrainWaitsForWhatIsKept drains while an event is kept and has not come. It waits for it, and not for what comes then
// and has to wait itself: it is of a key whose earlier events may still come.
func TestDrainWaitsForWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log, res := newAppended(t, delivery.Limits{})
		res.set("f", succeed)
		if err := d.Put(t.Context(), []delivery.Item{ordered("f", "key", 1)}); err != nil {
			t.Fatalf("Put: %v", err)
		}
		left := make(chan int, 1)
		go func() {
			_, n := d.Drain(context.Background())
			left <- n
		}()
		synctest.Wait()
		if len(left) > 0 {
			t.Error("drained before all came that is kept")
		}
		log.come()
		if n := <-left; n != 1 {
			t.Errorf("%d deliveries are left, want 1", n)
		}
	})
}
