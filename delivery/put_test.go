package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// unit is what the queue reckons for the event of item.
func unit(t *testing.T) int64 {
	t.Helper()
	r := newRig(delivery.Limits{})
	g := newGate()
	r.functions.set("f", g.invoke)
	r.mustPut(t, item("f", "f", "f"))
	size := r.Stats().Bytes
	for range 3 {
		g.open <- nil
	}
	r.Drain(context.Background())
	return size
}

func TestPutIsAllOrNothing(t *testing.T) {
	size := unit(t)
	type items = []delivery.Item
	tests := []struct {
		name        string
		limits      delivery.Limits
		before, put items
		full        bool
	}{
		{"no items", delivery.Limits{}, nil, nil, false},
		{"no targets", delivery.Limits{Deliveries: 1}, items{item("a")}, items{item()}, false},
		{"total reached", delivery.Limits{Deliveries: 3}, items{item("a")}, items{item("a", "b")}, false},
		{"total passed", delivery.Limits{Deliveries: 3}, items{item("a")}, items{item("a", "b", "c")}, true},
		{"total passed by the last", delivery.Limits{Deliveries: 3}, nil, items{item("a"), item("b"), item("c", "d")}, true},
		{"backlog reached", delivery.Limits{PerFunction: 2}, items{item("a")}, items{item("a", "a")}, false},
		{"backlog passed", delivery.Limits{PerFunction: 2}, items{item("a")}, items{item("a", "a", "a")}, true},
		{"free slots", delivery.Limits{PerFunction: 1, Concurrency: 3}, items{item("a")}, items{item("a", "a", "a")}, false},
		{
			"backlog beyond free slots",
			delivery.Limits{PerFunction: 1, Concurrency: 3},
			items{item("a")},
			items{item("a", "a"), item("b", "a", "a")},
			true,
		},
		{"one of many full", delivery.Limits{PerFunction: 1}, items{item("a", "a")}, items{item("b", "a", "c")}, true},
		{"bytes reached", delivery.Limits{Bytes: 2 * size}, items{item("a", "b")}, items{item("a", "b", "c")}, false},
		{"bytes passed", delivery.Limits{Bytes: 2*size - 1}, items{item("a")}, items{item("b")}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.limits.Concurrency == 0 {
					tt.limits.Concurrency = 1
				}
				r := newRig(tt.limits)
				g := newGate()
				for _, id := range []string{"a", "b", "c", "d"} {
					r.functions.set(id, g.invoke)
				}
				r.mustPut(t, tt.before...)
				synctest.Wait()
				stats, backlogs := r.Stats(), sorted(r.Backlogs())

				err := r.Put(tt.put)
				synctest.Wait()
				if tt.full != errors.Is(err, delivery.ErrFull) || !tt.full && err != nil {
					t.Fatalf("Put: %v, want full %v", err, tt.full)
				}
				accepted := slices.Clone(tt.before)
				if tt.full {
					if got := r.Stats(); got != stats {
						t.Errorf("stats after the refusal %+v, want %+v", got, stats)
					}
					if got := sorted(r.Backlogs()); !slices.Equal(got, backlogs) {
						t.Errorf("backlogs after the refusal %v, want %v", got, backlogs)
					}
				} else {
					accepted = append(accepted, tt.put...)
				}
				close(g.open)
				r.Drain(t.Context())
				want := 0
				for _, it := range accepted {
					want += len(it.Targets)
				}
				r.record.want(t, want, nil)
				if got := r.Stats(); got != (delivery.Stats{}) {
					t.Errorf("stats at the end %+v, want none", got)
				}
			})
		})
	}
}

func sorted(b []delivery.Backlog) []delivery.Backlog {
	slices.SortFunc(b, func(a, b delivery.Backlog) int { return strings.Compare(a.Key.ID, b.Key.ID) })
	return b
}

func TestBytesCountOnceUntilTheLastDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{})
		slow, quick := newGate(), newGate()
		close(quick.open)
		r.functions.set("slow", slow.invoke)
		r.functions.set("quick", quick.invoke)
		one := item("slow")
		r.mustPut(t, one)
		size := r.Stats().Bytes
		slow.open <- nil
		synctest.Wait()
		if got := r.Stats().Bytes; got != 0 {
			t.Fatalf("bytes after the only delivery: %d, want 0", got)
		}
		r.mustPut(t, item("quick", "slow", "quick"))
		synctest.Wait()
		if got := r.Stats(); got.Bytes != size || got.Running != 1 {
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
			r := newRig(delivery.Limits{})
			g := newGate()
			r.functions.set("f", g.invoke)
			it := item("f")
			change(it.Event)
			r.mustPut(t, it)
			if got := r.Stats().Bytes; got < size+900 || got > size+10_000 {
				t.Errorf("bytes %d, want about 1000 more than %d", got, size)
			}
			close(g.open)
			r.Drain(t.Context())
		})
	}
}

func extend(ev *eventgateway.Event, m map[string]any) {
	ev.CloudEvent = &eventgateway.CloudEventAttributes{Extensions: m}
}

func setHeader(ev *eventgateway.Event, h map[string][]string) {
	ev.HTTP = &eventgateway.HTTPRequest{Header: h}
}
