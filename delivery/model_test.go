package delivery_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway/delivery"
)

// model is a queue as one would write it without care for speed: two numbers a function.
type model struct {
	limits           delivery.Limits
	waiting, running [4]int
	delivered        int
}

func (m *model) total() (n int) {
	for i := range m.waiting {
		n += m.waiting[i] + m.running[i]
	}
	return n
}

func (m *model) put(targets []int) bool {
	after := *m
	for _, f := range targets {
		after.waiting[f]++
	}
	after.start()
	for _, n := range after.waiting {
		if n > max(m.limits.PerFunction, 0) && after.grew(m) {
			return false
		}
	}
	if after.total() > m.limits.Deliveries && len(targets) > 0 {
		return false
	}
	*m = after
	return true
}

// grew reports whether a lane over the limit has got more; one that was over it already hinders nobody else.
func (m *model) grew(before *model) bool {
	for f := range m.waiting {
		if m.waiting[f] > m.limits.PerFunction && m.waiting[f]+m.running[f] > before.waiting[f]+before.running[f] {
			return true
		}
	}
	return false
}

func (m *model) start() {
	for f := range m.waiting {
		for m.waiting[f] > 0 && m.running[f] < m.limits.Concurrency {
			m.waiting[f]--
			m.running[f]++
		}
	}
}

func (m *model) finish(f int) {
	m.running[f]--
	m.delivered++
	m.start()
}

func (m *model) backlogs() (all []delivery.Backlog) {
	for f := range m.waiting {
		if m.waiting[f]+m.running[f] > 0 {
			all = append(all, delivery.Backlog{Key: key(fmt.Sprint(f)), Waiting: m.waiting[f], Running: m.running[f]})
		}
	}
	return all
}

// TestAgainstModel makes random puts, endings and changes of limits, and compares with the model after each.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			limits := func() delivery.Limits {
				return delivery.Limits{
					Deliveries: 1 + rnd.IntN(30), Bytes: 1 << 30, PerFunction: 1 + rnd.IntN(8), Concurrency: 1 + rnd.IntN(4),
				}
			}
			m := &model{limits: limits()}
			r := newRig(m.limits)
			gates := make([]*gate, len(m.waiting))
			for f := range gates {
				gates[f] = newGate()
				r.functions.set(fmt.Sprint(f), gates[f].invoke)
			}
			for step := range 200 {
				var did string
				switch n := rnd.IntN(10); {
				case n < 5:
					var items []delivery.Item
					var targets []int
					for range 1 + rnd.IntN(2) {
						var ids []string
						for range rnd.IntN(4) {
							f := rnd.IntN(len(gates))
							targets = append(targets, f)
							ids = append(ids, fmt.Sprint(f))
						}
						items = append(items, item(ids...))
					}
					want, err := m.put(targets), r.Put(items)
					did = fmt.Sprintf("put to %v: %v", targets, err)
					if want != (err == nil) || err != nil && !errors.Is(err, delivery.ErrFull) {
						t.Fatalf("seed %d, step %d: %s, the model says %v", seed, step, did, want)
					}
				case n < 9:
					f := rnd.IntN(len(gates))
					if m.running[f] == 0 {
						continue
					}
					did = fmt.Sprintf("end one of %d", f)
					gates[f].open <- nil
					m.finish(f)
				default:
					m.limits = limits()
					did = fmt.Sprintf("set limits %+v", m.limits)
					r.SetLimits(m.limits)
					m.start()
				}
				synctest.Wait()
				if got := sorted(r.Backlogs()); !slices.Equal(got, m.backlogs()) {
					t.Fatalf("seed %d, step %d, %s: backlogs %v, the model has %v", seed, step, did, got, m.backlogs())
				}
				r.record.want(t, m.delivered, nil)
			}
			left := m.total()
			for _, g := range gates {
				close(g.open)
			}
			if lost := r.Drain(t.Context()); lost != 0 {
				t.Errorf("lost %d", lost)
			}
			r.record.want(t, m.delivered+left, nil)
		})
	}
}
