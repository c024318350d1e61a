package weighted

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func tableOf(weights ...int) *table {
	var members []Member
	for i, weight := range weights {
		members = append(members, Member{FunctionID: fmt.Sprintf("member-%d", i), Weight: &weight})
	}
	t := newTable(members, &Failover{})
	t.random = rand.New(rand.NewPCG(1, 2)).Uint64N
	return t
}

// within checks that of n calls as many came to a member as its share calls for, give or take five standard deviations.
func within(t *testing.T, what string, got, n int, share float64) {
	t.Helper()
	want, deviation := float64(n)*share, math.Sqrt(float64(n)*share*(1-share))
	if math.Abs(float64(got)-want) > 5*deviation {
		t.Errorf("%s: %d of %d, want %.0f ± %.0f", what, got, n, want, 5*deviation)
	}
}

// TestShares makes 100,000 calls at 90 to 10, and at others, at random and with as many keys.
func TestShares(t *testing.T) {
	const calls = 100_000
	for _, weights := range [][]int{{90, 10}, {1, 1}, {1, 0, 3}, {0, 7}, {1000, 1}, {5, 10, 15, 20, 50}} {
		table, total := tableOf(weights...), 0
		for _, weight := range weights {
			total += weight
		}
		drawn, keyed := make([]int, len(weights)), make([]int, len(weights))
		for i := range calls {
			drawn[table.pick(&places{})]++
			keyed[table.pickFor(hashText(fmt.Sprintf("customer-%d", i)), &places{})]++
		}
		for i, weight := range weights {
			share := float64(weight) / float64(total)
			within(t, fmt.Sprintf("%v: member %d at random", weights, i), drawn[i], calls, share)
			within(t, fmt.Sprintf("%v: member %d by key", weights, i), keyed[i], calls, share)
		}
	}
}

// TestExcept leaves members out: the others share the calls as their weights say.
func TestExcept(t *testing.T) {
	const calls = 100_000
	table := tableOf(50, 30, 20, 0)
	var except places
	except.add(0)
	drawn, keyed := make([]int, 4), make([]int, 4)
	for i := range calls {
		drawn[table.pick(&except)]++
		keyed[table.pickFor(hashText(fmt.Sprint(i)), &except)]++
	}
	for i, share := range []float64{0, 0.6, 0.4, 0} {
		within(t, "at random", drawn[i], calls, share)
		within(t, "by key", keyed[i], calls, share)
	}
	except.add(1)
	except.add(2)
	if table.pick(&except) != -1 || table.pickFor(7, &except) != -1 {
		t.Error("a member without a weight was picked")
	}
}

// TestKeysStay looks where keys go while the weights stand, also with the members in another order and with the weights in
// other numbers, and that it is the same for ever: instances of different releases must agree.
func TestKeysStay(t *testing.T) {
	table, scaled := tableOf(90, 10), tableOf(180, 20)
	nine, one := 90, 10
	turned := newTable([]Member{{FunctionID: "member-1", Weight: &one}, {FunctionID: "member-0", Weight: &nine}}, &Failover{})
	for i := range 100_000 {
		key := hashText(fmt.Sprintf("customer-%d", i))
		want := table.pickFor(key, &places{})
		if table.pickFor(key, &places{}) != want || scaled.pickFor(key, &places{}) != want {
			t.Fatalf("key %d moved", i)
		}
		if turned.members[turned.pickFor(key, &places{})].id != table.members[want].id {
			t.Fatalf("key %d moved with the order of the members", i)
		}
	}
	var golden string
	table = tableOf(1, 1, 1)
	for i := range 40 {
		golden += fmt.Sprint(table.pickFor(hashText(fmt.Sprintf("customer-%d", i)), &places{}))
	}
	if want := goldenKeys; golden != want {
		t.Errorf("40 keys go to %s, and went to %s in earlier releases", golden, want)
	}
}

// TestKeysMove changes weights: only keys of members whose share shrinks move, only to those whose share grows, and as many
// as that takes.
func TestKeysMove(t *testing.T) {
	const keys = 100_000
	for _, test := range []struct {
		from, to []int
		// moved is the share of the keys that has to move.
		moved float64
	}{
		{[]int{90, 10}, []int{50, 50}, 0.4},
		{[]int{100, 0}, []int{99, 1}, 0.01},
		{[]int{1, 1, 1}, []int{1, 1, 0}, 1.0 / 3},
		{[]int{50, 50, 0}, []int{50, 50, 25}, 0.2},
	} {
		before, after, moved := tableOf(test.from...), tableOf(test.to...), 0
		for i := range keys {
			key := hashText(fmt.Sprintf("customer-%d", i))
			a, b := before.pickFor(key, &places{}), after.pickFor(key, &places{})
			if a == b {
				continue
			}
			moved++
			if shareOf(test.to, a) >= shareOf(test.from, a) || shareOf(test.to, b) <= shareOf(test.from, b) {
				t.Fatalf("%v → %v: a key moved from member %d to %d", test.from, test.to, a, b)
			}
		}
		within(t, fmt.Sprintf("%v → %v: keys that moved", test.from, test.to), moved, keys, test.moved)
	}
}

func shareOf(weights []int, i int) float64 {
	total := 0
	for _, weight := range weights {
		total += weight
	}
	return float64(weights[i]) / float64(total)
}

// goldenKeys is where 40 keys went in the first release.
const goldenKeys = "2100000221201120102001022022002221002121"

// BenchmarkPickFor chooses by key among many members.
func BenchmarkPickFor(b *testing.B) {
	for _, n := range []int{2, 10, maxMembers} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			one, members := 1, make([]Member, n)
			for i := range members {
				members[i] = Member{FunctionID: fmt.Sprint("member-", i), Weight: &one}
			}
			table, none := newTable(members, &Failover{}), places{}
			for key := uint64(0); b.Loop(); key += 0x9e3779b97f4a7c15 {
				if table.pickFor(key, &none) < 0 {
					b.Fatal("nobody was chosen")
				}
			}
		})
	}
}
