package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// nobody is an observer that costs nothing.
type nobody struct{}

func (nobody) Invoked(eventgateway.FunctionKey, providers.Failure, time.Duration) {}
func (nobody) Delivered(string, string, time.Duration)                            {}
func (nobody) Dropped(string, string, string)                                     {}

func benchQueue(limits delivery.Limits) *delivery.Memory {
	h := openFunction("any", eventgateway.FormatRaw, succeed)
	find := func(eventgateway.FunctionKey) *providers.Handle { return h }
	return delivery.NewMemory(limits, find, nobody{}, slog.New(slog.DiscardHandler))
}

// putAll puts items until there is room, as a patient sender would.
func putAll(b *testing.B, q *delivery.Memory, items []delivery.Item) {
	for {
		err := q.Put(items)
		if err == nil {
			return
		}
		if !errors.Is(err, delivery.ErrFull) {
			b.Fatal(err)
		}
		runtime.Gosched()
	}
}

// BenchmarkPutAndDeliver times an event from one Put to the end of its deliveries, which return at once.
func BenchmarkPutAndDeliver(b *testing.B) {
	for _, targets := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("targets=%d", targets), func(b *testing.B) {
			q := benchQueue(delivery.Limits{})
			var ids []string
			for i := range targets {
				ids = append(ids, fmt.Sprint(i))
			}
			items := []delivery.Item{item(ids...)}
			b.ReportAllocs()
			for b.Loop() {
				putAll(b, q, items)
			}
			q.Drain(context.Background())
			b.ReportMetric(float64(b.N*targets)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkProducers times Put from 32 producers at once, to one function or to many.
func BenchmarkProducers(b *testing.B) {
	for _, functions := range []int{1, 100} {
		b.Run(fmt.Sprintf("functions=%d", functions), func(b *testing.B) {
			q := benchQueue(delivery.Limits{})
			var items [][]delivery.Item
			for i := range functions {
				items = append(items, []delivery.Item{item(fmt.Sprint(i))})
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(32 / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				i := int(next.Add(1))
				for pb.Next() {
					i++
					putAll(b, q, items[i%functions])
				}
			})
			q.Drain(context.Background())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkRefuse times a Put that finds no room.
func BenchmarkRefuse(b *testing.B) {
	g := newGate()
	h := openFunction("any", eventgateway.FormatRaw, g.invoke)
	find := func(eventgateway.FunctionKey) *providers.Handle { return h }
	q := delivery.NewMemory(delivery.Limits{Deliveries: 1}, find, nobody{}, slog.New(slog.DiscardHandler))
	items := []delivery.Item{item("f")}
	if err := q.Put(items); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !errors.Is(q.Put(items), delivery.ErrFull) {
			b.Fatal("accepted")
		}
	}
	close(g.open)
	q.Drain(context.Background())
}
