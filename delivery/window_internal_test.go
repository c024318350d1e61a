package delivery

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const testWindow = time.Minute

func newTestWindow(most int) *window {
	w := newWindow(most)
	w.setWindow(testWindow)
	return w
}

// wantClaim claims a key and checks the state, and of a key that was seen the ID.
func wantClaim(t *testing.T, w *window, key, id string, state keyState, as string) (done <-chan struct{}) {
	t.Helper()
	got, gotAs, done := w.claim(key, id, time.Now())
	if got != state || gotAs != as || (done != nil) != (state == keyInFlight) {
		t.Fatalf("claim %q for %q: got state %d of %q, want %d of %q", key, id, got, gotAs, state, as)
	}
	return done
}

// accept claims a fresh key and settles it.
func accept(t *testing.T, w *window, key, id string) {
	t.Helper()
	wantClaim(t, w, key, id, keyFresh, "")
	w.settle(key, true)
}

func TestWindowClaims(t *testing.T) {
	w := newTestWindow(1000)
	wantClaim(t, w, "k", "a", keyFresh, "")
	done := wantClaim(t, w, "k", "b", keyInFlight, "")
	if again := wantClaim(t, w, "k", "c", keyInFlight, ""); again != done {
		t.Error("two that wait for one key wait for different things")
	}
	wantClaim(t, w, "other", "a", keyFresh, "")
	w.settle("other", false)
	select {
	case <-done:
		t.Fatal("done is closed before the key is settled")
	default:
	}
	w.settle("k", false)
	<-done

	done = func() <-chan struct{} {
		wantClaim(t, w, "k", "b", keyFresh, "")
		return wantClaim(t, w, "k", "c", keyInFlight, "")
	}()
	w.settle("k", true)
	<-done
	wantClaim(t, w, "k", "c", keySeen, "b")
	wantClaim(t, w, "k", "b", keySeen, "b")

	w.settle("k", false)
	w.settle("never claimed", true)
	wantClaim(t, w, "k", "c", keySeen, "b")
	wantClaim(t, w, "never claimed", "a", keyFresh, "")
}

func TestWindowRemembersIDs(t *testing.T) {
	w := newTestWindow(100_000)
	ids := map[string]string{
		"source\nid-1": "id-1",                                 // at the end of the key
		"key":          "5a7c1fd0-47a1-4c1e-8a5e-000000000001", // elsewhere
		"k":            "k",
		"empty":        "",
		"long":         string(make([]byte, 1000)),
	}
	for i := range 1000 {
		ids["key-"+strconv.Itoa(i)] = "an id of its own " + strconv.Itoa(i)
	}
	for key, id := range ids {
		accept(t, w, key, id)
	}
	for key, id := range ids {
		wantClaim(t, w, key, "later", keySeen, id)
	}
}

func TestWindowForgets(t *testing.T) {
	for _, idle := range []bool{true, false} {
		t.Run(fmt.Sprintf("idle %t", idle), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTestWindow(1 << 16)
				// A key for every second of a window, so that it is tried at every place in a generation.
				accepted := map[string]time.Time{}
				start := time.Now()
				for n := 0; time.Since(start) < testWindow; n++ {
					key := strconv.Itoa(n)
					accept(t, w, key, "id")
					accepted[key] = time.Now()
					time.Sleep(time.Second)
				}
				for time.Since(start) < 4*testWindow {
					if !idle {
						accept(t, w, "other"+time.Since(start).String(), "id")
					}
					for key, at := range accepted {
						age := time.Since(at)
						h := w.hash(key)
						s := w.shard(h)
						if idle && age < 2*testWindow {
							continue // claims would have the generations follow the time
						}
						s.turn(time.Now().UnixNano(), int64(testWindow))
						_, g := s.find(h)
						if g == nil && age < testWindow {
							t.Fatalf("a key was forgotten after %s", age)
						}
						if g != nil && age >= 2*testWindow {
							t.Fatalf("a key is remembered after %s", age)
						}
					}
					time.Sleep(time.Second)
				}
			})
		})
	}
}

func TestWindowLengthChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestWindow(1000)
		accept(t, w, "a", "id-a")
		time.Sleep(testWindow / 2)
		w.setWindow(10 * testWindow)
		time.Sleep(9 * testWindow)
		wantClaim(t, w, "a", "x", keySeen, "id-a")
		w.setWindow(testWindow)
		wantClaim(t, w, "a", "x", keyFresh, "")
	})
}

func TestWindowNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestWindow(1000)
		now := time.Now()
		w.note("just now", "id-1", now)
		w.note("before the start", "id-2", now.Add(-testWindow/2))
		w.note("long ago", "id-3", now.Add(-testWindow-1))
		w.note("by a clock that is ahead", "id-4", now.Add(time.Hour))
		wantClaim(t, w, "just now", "x", keySeen, "id-1")
		wantClaim(t, w, "before the start", "x", keySeen, "id-2")
		wantClaim(t, w, "long ago", "x", keyFresh, "")
		wantClaim(t, w, "by a clock that is ahead", "x", keySeen, "id-4")

		time.Sleep(testWindow)
		wantClaim(t, w, "before the start", "x", keyFresh, "")
		wantClaim(t, w, "just now", "x", keySeen, "id-1")
		w.note("just now", "id-5", time.Now())
		time.Sleep(testWindow)
		wantClaim(t, w, "just now", "x", keySeen, "id-5")
		wantClaim(t, w, "by a clock that is ahead", "x", keyFresh, "")

		// What is accepted is noted as well when its record is handed over, mostly before it is settled.
		wantClaim(t, w, "own", "id-6", keyFresh, "")
		w.note("own", "id-6", time.Now())
		wantClaim(t, w, "own", "x", keySeen, "id-6")
		w.settle("own", true)
		wantClaim(t, w, "own", "x", keySeen, "id-6")
	})
}

func TestWindowFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTestWindow(1000)
		now := time.Now()
		for range 2 {
			if !w.first("k", now) {
				t.Error("the first event with a key is none")
			}
		}
		if w.first("k", now.Add(1)) {
			t.Error("another event with the key passes for the first")
		}
		if !w.first("other", now.Add(1)) {
			t.Error("the first event with another key is none")
		}
		time.Sleep(2 * testWindow)
		if !w.first("k", now.Add(1)) {
			t.Error("a key is remembered for longer than two windows")
		}
	})
}

func TestWindowIsBounded(t *testing.T) {
	const most = 1600
	for name, id := range map[string]string{"many keys": "id", "long ids": string(make([]byte, 4*windowIDSize))} {
		t.Run(name, func(t *testing.T) {
			w := newTestWindow(most)
			kept := func() (keys, text int) {
				for i := range w.shards {
					s := &w.shards[i]
					keys += len(s.younger.keys) + len(s.older.keys)
					text += len(s.younger.ids) + len(s.older.ids)
				}
				return keys, text
			}
			for i := range 10 * most {
				accept(t, w, "key-"+strconv.Itoa(i), id)
				w.note("noted-"+strconv.Itoa(i), id, time.Now().Add(-testWindow/2))
				keys, text := kept()
				if keys > most || text > most*windowIDSize+2*windowShards*len(id) {
					t.Fatalf("after %d keys %d of them are kept, with %d bytes of IDs", i, keys, text)
				}
			}
			keys, _ := kept()
			if least := most / 16; keys < least {
				t.Errorf("only %d keys are kept, want at least %d", keys, least)
			}
			wantClaim(t, w, "key-"+strconv.Itoa(10*most-1), "x", keySeen, id)
			wantClaim(t, w, "key-0", "x", keyFresh, "")
		})
	}
}

// TestWindowConcurrently has many publishers send the same events at the same time; some are refused at first.
func TestWindowConcurrently(t *testing.T) {
	const publishers, events = 8, 2000
	w := newTestWindow(1 << 20)
	var accepted, seen, refused atomic.Int64
	owners := make([]atomic.Int64, events)
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range events {
				key := strconv.Itoa(i)
				for {
					state, as, done := w.claim(key, "of "+key, time.Now())
					if state == keyInFlight {
						<-done
						continue
					}
					if state == keySeen {
						if as != "of "+key {
							t.Errorf("got ID %q of key %q", as, key)
						}
						seen.Add(1)
						break
					}
					if owners[i].Add(1) != 1 {
						t.Errorf("key %d is two callers' at once", i)
					}
					refuse := p%2 == 0 && refused.Add(1)%3 == 0
					owners[i].Add(-1)
					w.settle(key, !refuse)
					if !refuse {
						accepted.Add(1)
						break
					}
				}
			}
		})
	}
	all.Go(func() {
		for i := range events {
			w.setWindow(testWindow + time.Duration(i))
		}
	})
	all.Wait()
	if accepted.Load() != events || seen.Load() != (publishers-1)*events {
		t.Errorf("%d accepted and %d seen, want %d and %d", accepted.Load(), seen.Load(), events, (publishers-1)*events)
	}
	for i := range w.shards {
		if n := len(w.shards[i].inFlight); n > 0 {
			t.Errorf("%d keys are in flight for ever", n)
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	keys := make([]string, 1<<16)
	for i := range keys {
		keys[i] = "urn:publisher:of:events\n" + strconv.Itoa(i)
	}
	b.Run("fresh", func(b *testing.B) {
		w := newWindow(1 << 20)
		now := time.Now()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%len(keys) == 0 {
				now = now.Add(2 * DefaultWindow)
			}
			key := keys[i%len(keys)]
			w.claim(key, key[24:], now)
			w.settle(key, true)
		}
	})
	b.Run("seen", func(b *testing.B) {
		w := newWindow(1 << 20)
		now := time.Now()
		for _, key := range keys {
			w.note(key, key[24:], now)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			w.claim(keys[i%len(keys)], "id", now)
		}
	})
}
