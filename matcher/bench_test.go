package matcher_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

var sizes = []int{1_000, 100_000, 1_000_000}

// shape is a kind of table that is measured.
type shape struct {
	name string
	// subscription makes the i-th subscription.
	subscription func(i int) *eventgateway.Subscription
	// hit is a path that finds it; nil where an event finds all of the table. miss finds nothing, but begins like hit.
	hit, miss func(i int) string
}

var shapes = []shape{
	{
		name:         "static",
		subscription: func(i int) *eventgateway.Subscription { return httpTo("default", fmt.Sprintf("/api/items/%d", i)) },
		hit:          func(i int) string { return fmt.Sprintf("/api/items/%d", i) },
		miss:         func(i int) string { return fmt.Sprintf("/api/items/%d/none", i) },
	},
	{
		name:         "params",
		subscription: func(i int) *eventgateway.Subscription { return httpTo("default", fmt.Sprintf("/t%d/users/:id", i)) },
		hit:          func(i int) string { return fmt.Sprintf("/t%d/users/4711", i) },
		miss:         func(i int) string { return fmt.Sprintf("/t%d/users/4711/none", i) },
	},
	{
		name: "spaces", // of 100 subscriptions each
		subscription: func(i int) *eventgateway.Subscription {
			return httpTo(fmt.Sprintf("space-%d", i/100), fmt.Sprintf("/items/%d/:id", i))
		},
		hit:  func(i int) string { return fmt.Sprintf("/items/%d/4711", i) },
		miss: func(i int) string { return fmt.Sprintf("/items/%d/4711/none", i) },
	},
	{
		name: "async", // all on one path and event
		subscription: func(i int) *eventgateway.Subscription {
			s := &eventgateway.Subscription{Event: "user.created", FunctionID: fmt.Sprintf("function-%d", i), Path: "/myteam"}
			s.Normalize()
			return s
		},
		miss: func(int) string { return "/myteam/none" },
	},
}

func httpTo(space, path string) *eventgateway.Subscription {
	s := &eventgateway.Subscription{Space: space, Event: "http", Method: "GET", FunctionID: "function", Path: path}
	s.Normalize()
	return s
}

func (s shape) subscriptions(n int) []*eventgateway.Subscription {
	list := make([]*eventgateway.Subscription, n)
	for i := range list {
		list[i] = s.subscription(i)
	}
	rand.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func build(list []*eventgateway.Subscription) *matcher.Table {
	edit := (*matcher.Table)(nil).Edit()
	for _, s := range list {
		edit.Insert(s)
	}
	return edit.Table()
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// everyShape runs a benchmark for all shapes and sizes.
func everyShape(b *testing.B, run func(b *testing.B, s shape, size int)) {
	for _, s := range shapes {
		for _, size := range sizes {
			b.Run(fmt.Sprintf("%s/size=%d", s.name, size), func(b *testing.B) { run(b, s, size) })
		}
	}
}

// BenchmarkBuild makes a whole table through an editor. The bytes are those of the table, without the subscriptions.
func BenchmarkBuild(b *testing.B) {
	everyShape(b, func(b *testing.B, s shape, size int) {
		list := s.subscriptions(size)
		b.ReportAllocs()
		before := heap()
		var table *matcher.Table
		for b.Loop() {
			table = build(list)
		}
		b.StopTimer()
		b.ReportMetric(float64(heap()-before)/float64(size), "bytes/subscription")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/subscription")
		runtime.KeepAlive(table)
		runtime.KeepAlive(list)
	})
}

// BenchmarkFind looks for paths chosen at random over the whole table, so that most of it is in no cache: in the one
// space, and in all.
func BenchmarkFind(b *testing.B) {
	everyShape(b, func(b *testing.B, s shape, size int) {
		table := build(s.subscriptions(size))
		for _, kind := range []struct {
			name string
			path func(int) string
		}{{"hit", s.hit}, {"miss", s.miss}} {
			if kind.path == nil {
				continue
			}
			for _, scope := range []string{"space", "all"} {
				queries := queriesOf(s, size, kind.path, scope == "space")
				b.Run(kind.name+"/"+scope, func(b *testing.B) {
					b.ReportAllocs()
					var m matcher.Match
					for i := 0; b.Loop(); i++ {
						if table.Find(&queries[i%len(queries)], &m) != (kind.name == "hit") {
							b.Fatal("wrong answer")
						}
					}
				})
			}
		}
	})
}

// BenchmarkFindBaseline is what BenchmarkFind can be measured against in the same run: the same cold paths in a Go map of
// paths to subscriptions, which knows no parameters, spaces, methods or events.
func BenchmarkFindBaseline(b *testing.B) {
	for _, size := range sizes {
		paths := make(map[string]*eventgateway.Subscription, size)
		for _, s := range shapes[0].subscriptions(size) {
			paths[s.Path] = s
		}
		queries := queriesOf(shapes[0], size, shapes[0].hit, false)
		b.Run(fmt.Sprintf("gomap/size=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if paths[queries[i%len(queries)].Path].Type != eventgateway.Sync {
					b.Fatal("wrong answer")
				}
			}
		})
	}
}

// queriesOf makes queries for subscriptions chosen at random. They lie in memory one after the other, as the time to get
// them there is not the table's.
func queriesOf(s shape, size int, path func(int) string, bound bool) []matcher.Query {
	queries := make([]matcher.Query, 1<<16)
	var all strings.Builder
	for i := range queries {
		n := rand.IntN(size)
		sub := s.subscription(n)
		queries[i] = matcher.Query{Method: "GET", Event: sub.Event, Path: path(n)}
		if sub.Method != "GET" {
			queries[i].Method = "POST"
		}
		if bound {
			queries[i].Space = sub.Space
		}
		all.WriteString(queries[i].Space + queries[i].Path)
	}
	text := all.String()
	for i := range queries {
		q := &queries[i]
		q.Space, text = text[:len(q.Space)], text[len(q.Space):]
		q.Path, text = text[:len(q.Path)], text[len(q.Path):]
	}
	return queries
}

// BenchmarkFanOut finds all of 1,000 subscriptions.
func BenchmarkFanOut(b *testing.B) {
	table := build(shapes[3].subscriptions(1000))
	var m matcher.Match
	b.ReportAllocs()
	for b.Loop() {
		if table.Find(&matcher.Query{Method: "POST", Path: "/myteam", Event: "user.created"}, &m); len(m.Async) != 1000 {
			b.Fatal(len(m.Async))
		}
	}
}

// BenchmarkChange deletes a subscription and inserts it again, each making a table: two changes an iteration.
func BenchmarkChange(b *testing.B) {
	everyShape(b, func(b *testing.B, s shape, size int) {
		list := s.subscriptions(size)
		table := build(list)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			table = table.Delete(list[i%size]).Insert(list[i%size])
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2), "ns/change")
	})
}

// BenchmarkConflict checks what is written: a subscription that fits, and one that does not as a parameter would stand
// beside all the others.
func BenchmarkConflict(b *testing.B) {
	everyShape(b, func(b *testing.B, s shape, size int) {
		list := s.subscriptions(size)
		table := build(list)
		b.Run("none", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if other, _ := table.Conflict(list[i%size]); other != nil {
					b.Fatal(other)
				}
			}
		})
		beside := *list[0]
		beside.Path = "/:any"
		beside.Normalize()
		b.Run("found", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if other, _ := table.Conflict(&beside); other == nil {
					b.Fatal("no conflict")
				}
			}
		})
	})
}
