package matcher_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// orderEvent is an event whose data has 430 bytes. What filters look at comes late in it.
func orderEvent(customer string, amount int) *eventgateway.Event {
	data := fmt.Sprintf(`{"id":"0d8ff4d8-59f0-4c4b-9f4e-5d43e7f2c1aa","createdAt":"2024-05-06T07:08:09Z","currency":"EUR",`+
		`"items":[{"sku":"A-1001","quantity":2,"price":19.99},{"sku":"B-2002","quantity":1,"price":5.5}],`+
		`"shipping":{"street":"Example Street 1","city":"Berlin","country":"DE"},"status":"paid","amount":%d,"customer":{"id":"%s"},"note":""}`,
		amount, customer)
	data = strings.Replace(data, `"note":""`, `"note":"`+strings.Repeat("x", 430-len(data))+`"`, 1)
	return &eventgateway.Event{Type: "order.paid", ID: "1", DataType: "application/json", Data: []byte(data)}
}

// filterShape makes the i-th of many filters. The event is that of customer c-0000007 with amount 700.
type filterShape struct {
	name string
	// filter is the i-th one of size; matching is one that the event matches.
	filter, matching func(i int) string
}

var filterShapes = []filterShape{
	{
		"equality",
		func(i int) string { return fmt.Sprintf(`data.customer.id == "n-%07d"`, i) },
		func(i int) string { return fmt.Sprintf(`data.customer.id == "c-0000007" && data.amount != %d`, i) },
	},
	{
		"range",
		func(i int) string {
			return fmt.Sprintf(`data.status == "paid" && data.amount >= %d && data.amount < %d`, 1000+i*10, 1010+i*10)
		},
		func(i int) string {
			return fmt.Sprintf(`data.status == "paid" && data.amount >= %d && data.amount < %d`, 500-i, 800+i)
		},
	},
	{
		"threshold", // one constant in common, and ranges without an end
		func(i int) string { return fmt.Sprintf(`data.status == "paid" && data.amount >= %d`, 1000+i) },
		func(i int) string { return fmt.Sprintf(`data.status == "paid" && data.amount >= %d`, 700-i) },
	},
	{
		"prefix",
		func(i int) string { return fmt.Sprintf(`data.customer.id.startsWith("n-%07d")`, i) },
		func(i int) string { return fmt.Sprintf(`data.customer.id.startsWith("c-") && data.amount != %d`, i) },
	},
	{
		"in",
		func(i int) string {
			return fmt.Sprintf(`data.customer.id in ["n-%07d", "m-%07d", "o-%07d", "p-%07d"]`, i, i, i, i)
		},
		func(i int) string { return fmt.Sprintf(`data.customer.id in ["n-%07d", "c-0000007"]`, i) },
	},
	{
		"mix", // 1 % cannot be indexed, but for one condition
		func(i int) string {
			if i%100 == 0 {
				return fmt.Sprintf(`size(data.items) == %d`, 3+i)
			}
			return fmt.Sprintf(`data.customer.id == "n-%07d"`, i)
		},
		func(i int) string { return fmt.Sprintf(`data.customer.id == "c-0000007" && data.amount != %d`, i) },
	},
}

func (s filterShape) subscriptions(size, matches int) []*eventgateway.Subscription {
	list := make([]*eventgateway.Subscription, size)
	for i := range list {
		filter := s.filter(i)
		if i < matches {
			filter = s.matching(i)
		}
		list[i] = &eventgateway.Subscription{Event: "order.paid", FunctionID: fmt.Sprintf("f-%d", i), Path: "/orders", Filter: filter}
		list[i].Normalize()
	}
	return list
}

func everyFilterShape(b *testing.B, run func(b *testing.B, s filterShape, size, matches int)) {
	for _, s := range filterShapes {
		for _, size := range []int{1, 100, 1_000, 10_000, 100_000} {
			for _, matches := range []int{0, 1, 10, 100} {
				if matches <= size {
					b.Run(fmt.Sprintf("%s/filters=%d/matches=%d", s.name, size, matches), func(b *testing.B) { run(b, s, size, matches) })
				}
			}
		}
	}
}

// BenchmarkFilter finds the subscriptions of one event among filters, decoding of the event included.
func BenchmarkFilter(b *testing.B) {
	everyFilterShape(b, func(b *testing.B, s filterShape, size, matches int) {
		list := s.subscriptions(size, matches)
		table := build(list)
		ev := orderEvent("c-0000007", 700)
		var m matcher.Match
		var in expression.Input
		query := matcher.Query{Method: "POST", Event: "order.paid", Path: "/orders", Space: "default"}
		b.ReportAllocs()
		for b.Loop() {
			in.Reset(ev)
			query.Input = &in
			table.Find(&query, &m)
			if len(m.Async) != matches || len(m.Failed) > 0 {
				b.Fatal(len(m.Async), m.Failed)
			}
		}
		runtime.KeepAlive(list)
	})
}

// BenchmarkFilterBaseline evaluates every filter by itself with CEL, the event decoded once.
func BenchmarkFilterBaseline(b *testing.B) {
	everyFilterShape(b, func(b *testing.B, s filterShape, size, matches int) {
		if size > 10_000 || matches > 1 {
			b.Skip("it takes long, and tells nothing more")
		}
		var programs []*expression.Program
		for _, sub := range s.subscriptions(size, matches) {
			p, err := expression.Compile(expression.Filter, "filter", sub.Filter, expression.Scope{})
			if err != nil {
				b.Fatal(err)
			}
			programs = append(programs, p)
		}
		ev := orderEvent("c-0000007", 700)
		b.ReportAllocs()
		for b.Loop() {
			in, n := expression.NewInput(ev), 0
			for _, p := range programs {
				if ok, _ := p.Bool(in); ok {
					n++
				}
			}
			if n != matches {
				b.Fatal(n)
			}
		}
	})
}

// BenchmarkFilterChange replaces a subscription by one with a filter that is new and so has to be compiled: two changes an
// iteration.
func BenchmarkFilterChange(b *testing.B) {
	everyFilterShape(b, func(b *testing.B, s filterShape, size, matches int) {
		if size < 100_000 && size != 100 || matches > 0 {
			b.Skip("the other sizes and matches tell nothing more")
		}
		list := s.subscriptions(size, 0)
		table := build(list)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			old := list[i*7%size]
			changed := *old
			changed.Filter = s.filter(size + i)
			table = table.Delete(old).Insert(&changed)
			list[i*7%size] = &changed
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2), "ns/change")
	})
}

// BenchmarkFilterBuild makes a table of filters. The bytes are those of the table and what was compiled, without the
// subscriptions.
func BenchmarkFilterBuild(b *testing.B) {
	everyFilterShape(b, func(b *testing.B, s filterShape, size, matches int) {
		if size < 10_000 || matches > 0 {
			b.Skip("the other sizes and matches tell nothing more")
		}
		list := s.subscriptions(size, 0)
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
