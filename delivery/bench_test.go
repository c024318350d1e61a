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
	"github.com/eventgateway/eventgateway/delivery/memory"
	"github.com/eventgateway/eventgateway/providers"
)

// nobody is an observer that costs nothing.
type nobody struct{}

func (nobody) CopyDropped(eventgateway.FunctionKey) {}

func (nobody) Invoked(eventgateway.FunctionKey, providers.Failure, time.Duration) {}
func (nobody) Delivered(string, string, time.Duration)                            {}
func (nobody) Attempted(eventgateway.FunctionKey, string)                         {}
func (nobody) Dropped(string, string, string)                                     {}
func (nobody) Deduplicated(string, string)                                        {}

// one are resources with the same function and the same subscription everywhere.
type one struct {
	handle       *providers.Handle
	subscription *eventgateway.Subscription
}

func (o one) Function(eventgateway.FunctionKey) *providers.Handle    { return o.handle }
func (o one) Subscription(string, string) *eventgateway.Subscription { return o.subscription }
func (one) Loaded() bool                                             { return true }

// benchQueue returns a dispatcher on the queue in memory, whose every function is f.
func benchQueue(b *testing.B, limits delivery.Limits, f invokerFunc) *delivery.Dispatcher {
	log, err := (&memory.Queue{}).Open(delivery.Env{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	found := one{openFunction("any", eventgateway.FormatRaw, f), &eventgateway.Subscription{Space: "s", ID: "sub"}}
	d := delivery.NewDispatcher(log, found, nobody{}, nil, delivery.Options{Limits: limits}, slog.New(slog.DiscardHandler))
	d.Start()
	return d
}

// putAll puts items until there is room, as a patient sender would.
func putAll(b *testing.B, d *delivery.Dispatcher, items []delivery.Item) {
	for {
		err := d.Put(context.Background(), items)
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
			d := benchQueue(b, delivery.Limits{}, succeed)
			var ids []string
			for i := range targets {
				ids = append(ids, fmt.Sprint(i))
			}
			items := []delivery.Item{item(ids...)}
			b.ReportAllocs()
			for b.Loop() {
				putAll(b, d, items)
			}
			d.Drain(context.Background())
			b.ReportMetric(float64(b.N*targets)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkOrdered times events of many ordering keys.
func BenchmarkOrdered(b *testing.B) {
	d := benchQueue(b, delivery.Limits{}, succeed)
	var items [][]delivery.Item
	for i := range 1000 {
		it := item("f")
		it.Targets[0].OrderingKey = fmt.Sprint("key", i)
		items = append(items, []delivery.Item{it})
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		putAll(b, d, items[n%len(items)])
		n++
	}
	d.Drain(context.Background())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkDeduplicated times events with a publisher's key.
func BenchmarkDeduplicated(b *testing.B) {
	d := benchQueue(b, delivery.Limits{}, succeed)
	items := []delivery.Item{item("f")}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		items[0].Key = fmt.Sprint("key", n)
		n++
		putAll(b, d, items)
	}
	d.Drain(context.Background())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkSeldom times an event to a function that has no others, from Put to the end of its delivery.
func BenchmarkSeldom(b *testing.B) {
	done := make(chan struct{})
	d := benchQueue(b, delivery.Limits{}, func(context.Context, *providers.Call) (*providers.Result, error) {
		done <- struct{}{}
		return &providers.Result{}, nil
	})
	items := []delivery.Item{item("f")}
	b.ReportAllocs()
	for b.Loop() {
		putAll(b, d, items)
		<-done
	}
	d.Drain(context.Background())
}

// BenchmarkProducers times Put from 32 producers at once, to one function or to many.
func BenchmarkProducers(b *testing.B) {
	for _, functions := range []int{1, 100} {
		b.Run(fmt.Sprintf("functions=%d", functions), func(b *testing.B) {
			d := benchQueue(b, delivery.Limits{}, succeed)
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
					putAll(b, d, items[i%functions])
				}
			})
			d.Drain(context.Background())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkRefuse times a Put that finds no room.
func BenchmarkRefuse(b *testing.B) {
	g := newGate()
	d := benchQueue(b, delivery.Limits{Deliveries: 1}, g.invoke)
	items := []delivery.Item{item("f")}
	if err := d.Put(context.Background(), items); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !errors.Is(d.Put(context.Background(), items), delivery.ErrFull) {
			b.Fatal("accepted")
		}
	}
	close(g.open)
	d.Drain(context.Background())
}

// BenchmarkRetry times a delivery that fails once, with many waiting for their retry.
func BenchmarkRetry(b *testing.B) {
	const attempts = 10
	policy := delivery.DefaultPolicy()
	policy.Attempts, policy.Initial, policy.Factor = attempts, time.Nanosecond, 1
	policy.RetryOn = []string{"bad_answer"}
	d := benchQueue(b, delivery.Limits{}, fail(providers.BadAnswer))
	d.SetOptions(delivery.Options{Policy: policy})
	items := []delivery.Item{item("f")}
	b.ReportAllocs()
	for b.Loop() {
		putAll(b, d, items)
	}
	d.Drain(context.Background())
	b.ReportMetric(float64(b.N*attempts)/b.Elapsed().Seconds(), "attempts/s")
}
