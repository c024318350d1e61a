package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/providers"
	_ "github.com/eventgateway/eventgateway/providers/http"
)

// tableReport is what was measured in this process, with a mirror full of subscriptions.
type tableReport struct {
	Subscriptions int      `json:"subscriptions"`
	Lookups       []lookup `json:"lookups"`
	// Change is the time of one change applied to the mirror, with a view following it, in microseconds.
	Change      spread  `json:"changeMicroseconds"`
	LoadSeconds float64 `json:"loadSeconds"`
	// BytesEach is the heap for each subscription, its function's share included.
	BytesEach float64 `json:"bytesPerSubscription"`
}

const (
	perSpace      = 1000
	perFunction   = 10
	changesToTime = 1001
)

// subscription returns the one of number i as the store holds it. There are a thousand in a space: half http routes with
// parameters, half custom events on the path /.
func subscription(i int) *eventgateway.Subscription {
	s := &eventgateway.Subscription{
		Space:          fmt.Sprintf("space-%d", i/perSpace),
		FunctionID:     fmt.Sprintf("function-%d", i%perSpace/perFunction),
		CreateRevision: int64(i + 1),
	}
	if n := i % perSpace; n%2 == 0 {
		s.Event, s.Method, s.Path = eventgateway.EventHTTP, "GET", fmt.Sprintf("/api/v1/resource-%d/:id/items/:item", n)
	} else {
		s.Event = fmt.Sprintf("resource-%d.created", n)
	}
	s.Normalize()
	return s
}

func entry(kind configapi.Kind, space, id string, value any, revision int64) (configapi.Change, error) {
	data, err := json.Marshal(value)
	return configapi.Change{Entry: configapi.Entry{
		Key: configapi.Key{Space: space, Kind: kind, ID: id}, Value: data, CreateRevision: revision, ModRevision: revision,
	}}, err
}

func subscriptionEntry(s *eventgateway.Subscription) (configapi.Change, error) {
	return entry(configapi.Subscriptions, s.Space, s.ID, s, s.CreateRevision)
}

func functionEntry(space string, n int) (configapi.Change, error) {
	f := &eventgateway.Function{
		Space: space, ID: fmt.Sprintf("function-%d", n), Type: "http",
		Provider: json.RawMessage(`{"url":"http://127.0.0.1:9/function"}`),
	}
	return entry(configapi.Functions, space, f.ID, f, 1)
}

func measureTable(ctx context.Context, n int) (*tableReport, error) {
	progress("loading %d subscriptions …", n)
	logger := slog.New(slog.DiscardHandler)
	before := heap()
	mirror := configapi.NewMirror(func(fn *eventgateway.Function) *providers.Handle {
		return providers.Open(fn, providers.Env{
			Space: fn.Space, FunctionID: fn.ID, Logger: logger, MaxResponse: 1 << 20,
		})
	}, logger)
	defer mirror.Close()
	view, err := mirror.NewView(configapi.Static{})
	if err != nil {
		return nil, err
	}
	defer view.Close()

	r := &tableReport{Subscriptions: n}
	took, err := fill(ctx, mirror, n)
	if err != nil {
		return nil, err
	}
	r.LoadSeconds = float64(took.Seconds())
	table := view.Snapshot().Table
	if table.Len() != n {
		return nil, fmt.Errorf("the table holds %d subscriptions, want %d", table.Len(), n)
	}
	r.BytesEach = float64(float64(heap()-before) / float64(n))

	progress("timing lookups …")
	if r.Lookups, err = timeLookups(table, n); err != nil {
		return nil, err
	}
	progress("timing changes …")
	r.Change, err = timeChanges(mirror, view, n)
	return r, err
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// fill loads the mirror as the store does at a cold start, and returns how long the mirror took; making up the entries is
// not in it.
func fill(ctx context.Context, mirror *configapi.Mirror, n int) (took time.Duration, err error) {
	loader := mirror.Load()
	add := func(c configapi.Change, err error) error {
		start := time.Now()
		loader.Add(c)
		took += time.Since(start)
		return err
	}
	for first := 0; first < n; first += perSpace {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		for f := range perSpace / perFunction {
			if err := add(functionEntry(fmt.Sprintf("space-%d", first/perSpace), f)); err != nil {
				return 0, err
			}
		}
		for i := first; i < min(n, first+perSpace); i++ {
			if err := add(subscriptionEntry(subscription(i))); err != nil {
				return 0, err
			}
		}
	}
	start := time.Now()
	loader.Commit(int64(n))
	return took + time.Since(start), nil
}

// timeChanges times single changes: subscriptions put and deleted in spaces that are full.
func timeChanges(mirror *configapi.Mirror, view *configapi.View, n int) (spread, error) {
	times := make([]float64, changesToTime)
	for i := range times {
		s := subscription(i * 997 % n)
		s.CreateRevision = int64(n + i + 1)
		s.Event, s.Method, s.Path, s.Type = fmt.Sprintf("changed-%d", i/2), "POST", "/", eventgateway.Async
		s.Space, s.FunctionID = fmt.Sprintf("space-%d", i/2*997%n/perSpace), "function-0"
		s.Normalize()
		change, err := subscriptionEntry(s)
		if err != nil {
			return spread{}, err
		}
		change.Deleted = i%2 == 1
		want := n + 1 - i%2
		start := time.Now()
		mirror.Apply(s.CreateRevision, []configapi.Change{change})
		times[i] = microseconds(time.Since(start))
		if got := view.Snapshot().Table.Len(); got != want {
			return spread{}, fmt.Errorf("after a change the table holds %d subscriptions, want %d", got, want)
		}
	}
	return spreadOf(times), nil
}
