package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// TestWhatIsLeftIsWrittenAnew checks that a record is replaced a second after some of it is done or tried, and not before;
// that the replacement holds what is left and nothing else, and is finished in the end.
func TestWhatIsLeftIsWrittenAnew(t *testing.T) {
	for _, memory := range []int64{0, 1} {
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRewrite(t, memory) })
		})
	}
}

func testRewrite(t *testing.T, memory int64) {
	o := delivery.Options{Limits: delivery.Limits{Memory: memory}, Policy: regular(5)}
	o.Policy.Initial = 3 * time.Second
	r := newRigOf(t, newDurableLog(&disk{}), o)
	slow := newGate()
	r.set("quick", succeed)
	r.set("slow", slow.invoke)
	r.set("flaky", newScript(again(2)...).invoke)
	r.mustPut(t, named("a", "quick", "slow"), named("b", "quick"), named("c", "flaky", "slow", "quick"))
	<-time.After(900 * time.Millisecond)
	if _, rewritten, _ := r.log.counts(); rewritten != 0 {
		t.Errorf("%d rewritten before a second has passed", rewritten)
	}
	<-time.After(500 * time.Millisecond)
	r.wantConsistent(t)
	if got, want := describe(r.log), "a:slow/0 c:flaky/1 c:slow/0; "; got != want {
		t.Errorf("the log holds %q, want %q", got, want)
	}
	<-time.After(3 * time.Second) // its second attempt fails as well
	if got, want := describe(r.log), "a:slow/0 c:flaky/2 c:slow/0; "; got != want {
		t.Errorf("the log holds %q, want %q", got, want)
	}
	<-time.After(6 * time.Second) // and the third does not
	if got, want := describe(r.log), "a:slow/0 c:slow/0; "; got != want {
		t.Errorf("the log holds %q, want %q", got, want)
	}
	slow.open <- nil
	synctest.Wait()
	<-time.After(2 * time.Second)
	if got := r.log.count(); got != 1 {
		t.Errorf("%d records, want 1", got)
	}
	slow.open <- nil
	synctest.Wait()
	if got := r.log.count(); got != 0 {
		t.Errorf("%d records at the end, want none", got)
	}
	r.record.want(t, 6, nil)
	if finished, _, _ := r.log.counts(); finished != 1 {
		t.Errorf("%d records were finished, want the last", finished)
	}
}

// describe tells what a log holds: for each record, each event with its function and attempts.
func describe(l *fakeLog) (s string) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	for _, r := range l.records {
		for _, w := range r.Works {
			for _, o := range w.Owed {
				s += fmt.Sprintf("%s:%s/%d ", w.Event.ID, o.FunctionID, o.Attempts)
			}
		}
		s = s[:max(0, len(s)-1)] + "; "
	}
	return s
}

// TestWhatChangesWhileARecordIsReplaced ends or fails deliveries of it meanwhile, and lets go of its memory.
func TestWhatChangesWhileARecordIsReplaced(t *testing.T) {
	for name, outcome := range map[string]error{"written": nil, "refused": delivery.ErrUnavailable, "failed": errors.New("no")} {
		for n := range 4 {
			memory, ends := int64(n%2), n/2 == 0
			t.Run(fmt.Sprint(name, " memory ", memory, " ends ", ends), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{
						Limits: delivery.Limits{Memory: memory}, Policy: regular(5),
					})
					write := make(chan error)
					a, b, c := newGate(), newGate(), newGate()
					r.set("quick", succeed)
					r.set("a", a.invoke)
					r.set("b", b.invoke)
					r.set("c", c.invoke)
					r.mustPut(t, named("e", "quick", "a", "b", "c"))
					r.log.set(func(l *fakeLog) { l.onRewrite = func() error { return <-write } })
					<-time.After(1500 * time.Millisecond)
					want := "e:a/0 e:b/1 e:c/0; "
					if ends {
						a.open <- nil
						want = "e:b/0 e:c/0; "
					} else {
						b.open <- providers.Errorf(providers.Unreachable, "no")
					}
					synctest.Wait()
					r.wantConsistent(t)
					write <- outcome
					r.log.set(func(l *fakeLog) { l.onRewrite = nil })
					<-time.After(1400 * time.Millisecond) // b's second attempt runs, if there is one
					r.wantConsistent(t)
					if got := describe(r.log); got != want {
						t.Errorf("the log holds %q, want %q", got, want)
					}
					close(a.open)
					b.open <- nil
					c.open <- nil
					synctest.Wait()
					if s := r.Stats(); s != (delivery.Stats{}) || r.log.count() != 0 {
						t.Errorf("stats %+v, %d records left", s, r.log.count())
					}
					r.record.want(t, 4, nil)
				})
			})
		}
	}
}

// TestAllIsDoneWhileARecordIsReplaced ends the last delivery of a record while its replacement is written.
func TestAllIsDoneWhileARecordIsReplaced(t *testing.T) {
	for name, outcome := range map[string]error{"written": nil, "refused": delivery.ErrUnavailable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: regular(5)})
				write := make(chan error)
				g := newGate()
				r.set("quick", succeed)
				r.set("slow", g.invoke)
				r.mustPut(t, named("e", "quick", "slow"))
				r.log.set(func(l *fakeLog) { l.onRewrite = func() error { return <-write } })
				<-time.After(1500 * time.Millisecond)
				g.open <- nil
				synctest.Wait()
				r.wantConsistent(t)
				if r.log.count() != 1 {
					t.Error("the record was finished while it was being replaced")
				}
				write <- outcome
				synctest.Wait()
				if s := r.Stats(); s != (delivery.Stats{}) || r.log.count() != 0 {
					t.Errorf("stats %+v, %d records left", s, r.log.count())
				}
				<-time.After(time.Minute)
			})
		})
	}
}

// TestARecordIsReadBackWhileItIsReplaced has an event that is not in memory become due after the log has the replacement, and
// before the dispatcher knows: the event is not taken for lost.
func TestARecordIsReadBackWhileItIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lateLog{fakeLog: newDurableLog(&disk{}), write: make(chan struct{})}
		r := &rig{resources: &resources{}, log: log.fakeLog, record: newRecord(), logged: &lockedBuffer{}}
		r.Dispatcher = delivery.NewDispatcher(log, r.resources, r.record, nil, delivery.Options{
			Limits: delivery.Limits{Memory: 1}, Policy: regular(5),
		}, newLogger(r.logged))
		r.Start()
		t.Cleanup(func() { r.end(t) })
		r.set("flaky", newScript(again(2)...).invoke)
		r.set("quick", succeed)
		r.mustPut(t, named("e", "flaky", "quick"))
		<-time.After(3500 * time.Millisecond) // the third attempt is due, and the old record is gone
		r.record.want(t, 1, nil)
		close(log.write)
		<-time.After(10 * time.Second)
		r.record.want(t, 2, nil)
		if s := r.Stats(); s != (delivery.Stats{}) || r.log.count() != 0 {
			t.Errorf("stats %+v, %d records left", s, r.log.count())
		}
	})
}

// TestALogThatIsOutOfReachIsNotPestered has many records behind and the log out of reach, and checks that pausing works on.
func TestALogThatIsOutOfReachIsNotPestered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: regular(5)})
		hang := newGate()
		r.setFunction(functionOf("hang", 1), hang.invoke)
		r.set("quick", succeed)
		r.set("paused", succeed)
		r.pause("paused")
		var tries atomic.Int64
		r.log.set(func(l *fakeLog) {
			l.onRewrite = func() error {
				tries.Add(1)
				<-time.After(10 * time.Second)
				return delivery.ErrUnavailable
			}
		})
		for range 1000 {
			r.mustPut(t, item("hang", "quick"))
		}
		r.mustPut(t, item("paused"))
		<-time.After(5 * time.Second)
		r.resume("paused")
		<-time.After(time.Second)
		r.record.want(t, 1001, nil)
		<-time.After(54 * time.Second)
		if n := tries.Load(); n > 7*32 {
			t.Errorf("%d tries in a minute", n)
		}
		if got := r.logged.String(); got != "" {
			t.Errorf("logged %s: that the log is out of reach it tells itself", got)
		}
		r.log.set(func(l *fakeLog) { l.onRewrite = nil })
		<-time.After(15 * time.Second)
		if _, rewritten, _ := r.log.counts(); rewritten != 1000 {
			t.Errorf("%d rewritten once it was back, want 1000", rewritten)
		}
	})
}

// TestALogThatDoesNotReplaceRecords says so once, and is not asked again.
func TestALogThatDoesNotReplaceRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: regular(5)})
		var tries atomic.Int64
		r.log.set(func(l *fakeLog) {
			l.onRewrite = func() error {
				tries.Add(1)
				return errors.ErrUnsupported
			}
		})
		r.set("f", newScript(again(4)...).invoke)
		r.mustPut(t, item("f"))
		<-time.After(time.Minute)
		if n := tries.Load(); n != 1 || r.log.count() != 0 || r.logged.String() != "" {
			t.Errorf("%d tries, %d records left, logged %s", n, r.log.count(), r.logged)
		}
	})
}

// lateLog is a log whose Rewrite returns long after it has written.
type lateLog struct {
	*fakeLog
	write chan struct{}
}

func (l *lateLog) Rewrite(ctx context.Context, r *delivery.Record, works []*delivery.Work) (*delivery.Record, error) {
	fresh, err := l.fakeLog.Rewrite(ctx, r, works)
	<-l.write
	return fresh, err
}
