package configapi_test

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

const million = 1_000_000

// stored yields n stored subscriptions, of 1,000 functions in 10 spaces: a fifth http with a path of its own, the others
// to 5,000 event types.
func stored(n int) iter.Seq[configapi.Change] {
	return func(yield func(configapi.Change) bool) {
		for i := range n {
			space, function := fmt.Sprintf("space-%d", i%10), fmt.Sprintf("function-%d", i%1000)
			sub := testSubscription(space, fmt.Sprintf("user.event.%d", i%5000), function, fmt.Sprintf("/teams/%d", i/5000))
			if i%5 == 0 {
				sub = testSubscription(space, "http", function, fmt.Sprintf("/api/users/%d/orders", i))
			}
			e := configapi.Entry{
				Key: key(space, configapi.Subscriptions, sub.ID), Value: []byte(encode(sub)),
				CreateRevision: int64(i + 1), ModRevision: int64(i + 1),
			}
			if !yield(configapi.Change{Entry: e}) {
				return
			}
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func load(m *configapi.Mirror, changes iter.Seq[configapi.Change]) (n int, took time.Duration) {
	loader := m.Load()
	for change := range changes {
		started := time.Now()
		loader.Add(change)
		took += time.Since(started)
		n++
	}
	started := time.Now()
	loader.Commit(int64(n))
	return n, took + time.Since(started)
}

func newMirror() *configapi.Mirror { return configapi.NewMirror(open, slog.New(slog.DiscardHandler)) }

// BenchmarkColdLoad/1000000 is what a start costs, and what each subscription weighs afterwards.
func BenchmarkColdLoad(b *testing.B) {
	for _, n := range []int{1000, 200_000, million} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var total time.Duration
			for b.Loop() {
				before := heap()
				m := newMirror()
				_, took := load(m, stored(n))
				total += took
				b.ReportMetric(float64(heap()-before)/float64(n), "heap-B/subscription")
				runtime.KeepAlive(m)
			}
			b.ReportMetric(total.Seconds()/float64(b.N), "s/load")
		})
	}
}

// BenchmarkReload/1000000 is what a new list costs when nothing has changed.
func BenchmarkReload(b *testing.B) {
	m := newMirror()
	load(m, stored(million))
	var total time.Duration
	for b.Loop() {
		_, took := load(m, stored(million))
		total += took
	}
	b.ReportMetric(total.Seconds()/float64(b.N), "s/load")
}

// BenchmarkApply is one change, with a view that has static resources and one that has none.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1000, 200_000, million} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			m := newMirror()
			load(m, stored(n))
			for _, s := range []configapi.Static{{}, static([]*eventgateway.Function{testFunction("", "f")})} {
				if _, err := m.NewView(s); err != nil {
					b.Fatal(err)
				}
			}
			var changes []configapi.Change
			for change := range stored(n + 1000) {
				if change.Entry.CreateRevision > int64(n) {
					changes = append(changes, change)
				}
			}
			i, deleted := 0, false
			for b.Loop() {
				change := changes[i%len(changes)]
				change.Deleted = deleted
				m.Apply(int64(n+i), []configapi.Change{change})
				if i++; i%len(changes) == 0 {
					deleted = !deleted
				}
			}
		})
	}
}

// BenchmarkList is a GET of all 100,000 subscriptions of one space.
func BenchmarkList(b *testing.B) {
	m := newMirror()
	load(m, stored(million))
	view, err := m.NewView(configapi.Static{})
	if err != nil {
		b.Fatal(err)
	}
	h := &configapi.Handler{View: view, Mirror: m, Observer: &instance{}, Logger: slog.New(slog.DiscardHandler)}
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/spaces/space-3/subscriptions", nil))
		b.SetBytes(w.n)
	}
}

// sink is a ResponseWriter that counts.
type sink struct {
	header http.Header
	n      int64
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}

func (s *sink) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return len(p), nil
}

var _ io.Writer = (*sink)(nil)
