package main

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/eventgateway/eventgateway/matcher"
)

// lookup is one kind of query, timed.
type lookup struct {
	Name        string  `json:"name"`
	Hit         bool    `json:"hit"`
	Routes      int     `json:"routes"`
	Nanoseconds float64 `json:"nanoseconds"`
	Allocations int64   `json:"allocations"`
}

// kinds are the queries that are timed: what they are called, whether they find something, and the one of number i in a
// table with that many spaces.
var kinds = []struct {
	name  string
	hit   bool
	query func(i, spaces int) matcher.Query
}{
	{"http route, hit", true, func(i, spaces int) matcher.Query {
		path := fmt.Sprintf("/api/v1/resource-%d/%d/items/7", i%(perSpace/2)*2, i)
		return matcher.Query{Space: fmt.Sprintf("space-%d", i%spaces), Method: "GET", Path: path, Event: "http"}
	}},
	{"http route, miss at its last segment", false, func(i, spaces int) matcher.Query {
		path := fmt.Sprintf("/api/v1/resource-%d/%d/items", i%(perSpace/2)*2, i)
		return matcher.Query{Space: fmt.Sprintf("space-%d", i%spaces), Method: "GET", Path: path, Event: "http"}
	}},
	{"custom event, hit", true, func(i, spaces int) matcher.Query {
		event := fmt.Sprintf("resource-%d.created", i%(perSpace/2)*2+1)
		return matcher.Query{Space: fmt.Sprintf("space-%d", i%spaces), Method: "POST", Path: "/", Event: event}
	}},
	{"custom event, miss", false, func(i, spaces int) matcher.Query {
		event := fmt.Sprintf("resource-%d.deleted", i%(perSpace/2)*2+1)
		return matcher.Query{Space: fmt.Sprintf("space-%d", i%spaces), Method: "POST", Path: "/", Event: event}
	}},
	{"http route in any space, miss", false, func(i, _ int) matcher.Query {
		return matcher.Query{Method: "GET", Path: fmt.Sprintf("/web/page-%d", i), Event: "http"}
	}},
}

// timeLookups times every kind of query twice: among few routes, which stay in the processor's caches as busy ones do, and
// among many all over the table, which do not.
func timeLookups(table *matcher.Table, n int) ([]lookup, error) {
	spaces := n / perSpace
	var all []lookup
	for _, kind := range kinds {
		for _, routes := range []int{1 << 6, 1 << 16} {
			queries := make([]matcher.Query, routes)
			var m matcher.Match
			for i := range queries {
				queries[i] = kind.query(int(uint32(i)*2654435761>>8), spaces)
				if table.Find(&queries[i], &m) != kind.hit {
					return nil, fmt.Errorf("%s: %+v is the opposite", kind.name, queries[i])
				}
			}
			// A request's own words have just been parsed and are in the processor's caches, while this list of queries is
			// in main memory: what fetching a query costs is measured by itself and taken off.
			var sum byte
			fetching := testing.Benchmark(func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					sum += fetch(&queries[i%len(queries)])
				}
			})
			result := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					q := &queries[i%len(queries)]
					sum += fetch(q)
					table.Find(q, &m)
				}
			})
			all = append(all, lookup{
				Name: kind.name, Hit: kind.hit, Routes: routes, Allocations: result.AllocsPerOp(),
				Nanoseconds: perOp(result) - perOp(fetching),
			})
			runtime.KeepAlive(sum)
		}
	}
	return all, nil
}

func perOp(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

// fetch brings what a query points to into the processor's caches. Its result is nothing but a reason to read.
func fetch(q *matcher.Query) byte {
	sum := q.Path[0] + q.Path[len(q.Path)-1] + q.Event[0]
	if q.Space != "" {
		sum += q.Space[0]
	}
	return sum
}
