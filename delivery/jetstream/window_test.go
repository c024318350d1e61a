package jetstream

import (
	"math/rand/v2"
	"testing"
)

// A window must say the same as one that looks at everything.
func TestWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		var w window
		live, early := map[uint64]bool{}, map[uint64]bool{}
		next, last := uint64(1), uint64(0)
		for range 2000 {
			switch r.IntN(5) {
			case 0, 1: // read, with gaps
				next += uint64(1 + r.IntN(3)*r.IntN(2))
				if finished := w.read(next); finished != early[next] {
					t.Fatalf("reading %d: finished is %v", next, finished)
				}
				if last = next; !early[next] {
					live[next] = true
				}
			case 2: // finish something that was read, maybe again
				seq := 1 + uint64(r.Int64N(int64(last)+1))
				if seq <= last {
					w.finish(seq)
					delete(live, seq)
				}
			case 3: // finish the first
				for seq := range live {
					if seq == w.floor() {
						w.finish(seq)
						delete(live, seq)
						break
					}
				}
			case 4: // finish something before it is read
				seq := last + 1 + uint64(r.IntN(10))
				w.finish(seq)
				early[seq] = true
			}
			want := last + 1
			for seq := range live {
				want = min(want, seq)
			}
			if w.floor() != want {
				t.Fatalf("the floor is %d, want %d", w.floor(), want)
			}
		}
		for seq := range live {
			w.finish(seq)
		}
		if w.floor() != last+1 || len(w.entries) != 0 {
			t.Fatalf("all is finished and the floor is %d, last is %d, %d entries", w.floor(), last, len(w.entries))
		}
	}
}

func TestWindowLetsGoOfMemory(t *testing.T) {
	var w window
	for seq := uint64(1); seq <= 100_000; seq++ {
		w.read(seq)
		if seq > 10 {
			w.finish(seq - 10)
		}
	}
	if cap(w.entries) > 8192 {
		t.Errorf("ten records take room for %d", cap(w.entries))
	}
	for seq := range uint64(10) {
		w.finish(200_000 + seq)
	}
	w.read(300_000)
	if len(w.early) != 0 {
		t.Errorf("%d records that never came by are remembered", len(w.early))
	}
}
