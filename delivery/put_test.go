package delivery_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// unit is what the queue reckons for the event of item.
func unit(t *testing.T) int64 {
	t.Helper()
	r := newRig(t, delivery.Limits{})
	g := newGate()
	r.set("f", g.invoke)
	r.mustPut(t, item("f", "f", "f"))
	size := r.Stats().Bytes
	close(g.open)
	r.drain(t)
	return size
}

func TestPutIsAllOrNothing(t *testing.T) {
	size := unit(t)
	type items = []delivery.Item
	tests := []struct {
		name        string
		limits      delivery.Limits
		before, put items
		want        error
	}{
		{"no items", delivery.Limits{}, nil, nil, nil},
		{"no targets", delivery.Limits{Deliveries: 1}, items{item("a")}, items{item()}, nil},
		{"total reached", delivery.Limits{Deliveries: 5}, items{item("a")}, items{item("a", "b")}, nil},
		{"total passed", delivery.Limits{Deliveries: 3}, items{item("a")}, items{item("a", "b", "c")}, delivery.ErrFull},
		{"more than ever", delivery.Limits{Deliveries: 3}, nil, items{item("a"), item("b"), item("c", "d")}, delivery.ErrTooLarge},
		{"backlog reached", delivery.Limits{PerFunction: 2}, items{item("a")}, items{item("a", "a")}, nil},
		{"backlog passed", delivery.Limits{PerFunction: 2}, items{item("a")}, items{item("a", "a", "a")}, delivery.ErrFull},
		{"free slots", delivery.Limits{PerFunction: 1, Concurrency: 3}, items{item("a")}, items{item("a", "a", "a")}, nil},
		{
			"backlog beyond free slots",
			delivery.Limits{PerFunction: 1, Concurrency: 3},
			items{item("a")},
			items{item("a", "a"), item("b", "a", "a")},
			delivery.ErrFull,
		},
		{"one of many full", delivery.Limits{PerFunction: 1}, items{item("a", "a")}, items{item("b", "a", "c")}, delivery.ErrFull},
		{
			"a backlog beyond what may ever be",
			delivery.Limits{PerFunction: 1},
			nil,
			items{item("a", "b"), item("a", "a")},
			delivery.ErrTooLarge,
		},
		{"bytes reached", delivery.Limits{Bytes: 3 * size}, items{item("a", "b")}, items{item("a", "b", "c")}, nil},
		{"bytes passed", delivery.Limits{Bytes: 2*size - 1}, items{item("a")}, items{item("b")}, delivery.ErrFull},
		{"bytes of one event", delivery.Limits{Bytes: size}, nil, items{item("a")}, nil},
		{"more bytes than ever", delivery.Limits{Bytes: size - 1}, nil, items{item("a")}, delivery.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.limits.Concurrency == 0 {
					tt.limits.Concurrency = 1
				}
				r := newRig(t, tt.limits)
				g := newGate()
				for _, id := range []string{"a", "b", "c", "d"} {
					r.set(id, g.invoke)
				}
				r.mustPut(t, tt.before...)
				synctest.Wait()
				stats, backlogs := r.Stats(), r.backlogs()

				err := r.put(tt.put...)
				synctest.Wait()
				r.wantConsistent(t)
				if !errors.Is(err, tt.want) {
					t.Fatalf("Put: %v, want %v", err, tt.want)
				}
				want := deliveries(tt.before)
				if tt.want == nil {
					want += deliveries(tt.put)
				} else {
					if got := r.Stats(); got != stats {
						t.Errorf("stats after the refusal %+v, want %+v", got, stats)
					}
					if got := r.backlogs(); !maps.Equal(got, backlogs) {
						t.Errorf("backlogs after the refusal %v, want %v", got, backlogs)
					}
				}
				close(g.open)
				r.drain(t)
				r.record.want(t, want, nil)
			})
		})
	}
}

func deliveries(items []delivery.Item) (n int) {
	for _, it := range items {
		n += len(it.Targets)
	}
	return n
}

func TestBytesCountOnceUntilTheLastDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		slow, quick := newGate(), newGate()
		close(quick.open)
		r.set("slow", slow.invoke)
		r.set("quick", quick.invoke)
		r.mustPut(t, item("slow"))
		size := r.Stats().Bytes
		slow.open <- nil
		synctest.Wait()
		if got := r.Stats().Bytes; got != 0 {
			t.Fatalf("bytes after the only delivery: %d, want 0", got)
		}
		r.mustPut(t, item("quick", "slow", "quick"))
		synctest.Wait()
		if got := r.Stats(); got.Bytes != size || got.Memory != size || got.Running != 1 {
			t.Errorf("with one delivery left %+v, want %d bytes and 1 running", got, size)
		}
		slow.open <- nil
		synctest.Wait()
		if got := r.Stats(); got != (delivery.Stats{}) {
			t.Errorf("at the end %+v, want none", got)
		}
	})
}

func TestBytesCountAllASenderCanMakeLarge(t *testing.T) {
	large := string(make([]byte, 1000))
	tests := map[string]func(ev *eventgateway.Event){
		"data":      func(ev *eventgateway.Event) { ev.Data = []byte(large) },
		"id":        func(ev *eventgateway.Event) { ev.ID = large },
		"type":      func(ev *eventgateway.Event) { ev.Type = large },
		"data type": func(ev *eventgateway.Event) { ev.DataType = large },
		"source":    func(ev *eventgateway.Event) { ev.CloudEvent = &eventgateway.CloudEventAttributes{Source: large} },
		"subject":   func(ev *eventgateway.Event) { ev.CloudEvent = &eventgateway.CloudEventAttributes{Subject: large} },
		"extension": func(ev *eventgateway.Event) { extend(ev, map[string]any{"a": large}) },
		"attribute": func(ev *eventgateway.Event) { extend(ev, map[string]any{large: true}) },
		"path":      func(ev *eventgateway.Event) { ev.HTTP = &eventgateway.HTTPRequest{Path: large} },
		"raw path":  func(ev *eventgateway.Event) { ev.HTTP = &eventgateway.HTTPRequest{RawPath: large} },
		"raw query": func(ev *eventgateway.Event) { ev.HTTP = &eventgateway.HTTPRequest{RawQuery: large} },
		"header":    func(ev *eventgateway.Event) { setHeader(ev, map[string][]string{"A": {large}}) },
		"query name": func(ev *eventgateway.Event) {
			ev.HTTP = &eventgateway.HTTPRequest{Query: map[string][]string{large: nil}}
		},
		"many headers": func(ev *eventgateway.Event) {
			h := map[string][]string{}
			for i := range 100 {
				h[fmt.Sprint(i)] = []string{""}
			}
			setHeader(ev, h)
		},
	}
	size := unit(t)
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, delivery.Limits{})
			g := newGate()
			r.set("f", g.invoke)
			it := item("f")
			change(it.Event)
			r.mustPut(t, it)
			if got := r.Stats().Bytes; got < size+900 || got > size+10_000 {
				t.Errorf("bytes %d, want about 1000 more than %d", got, size)
			}
			close(g.open)
			r.drain(t)
		})
	}
}

func extend(ev *eventgateway.Event, m map[string]any) {
	ev.CloudEvent = &eventgateway.CloudEventAttributes{Extensions: m}
}

func setHeader(ev *eventgateway.Event, h map[string][]string) {
	ev.HTTP = &eventgateway.HTTPRequest{Header: h}
}
