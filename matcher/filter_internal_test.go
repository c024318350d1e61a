package matcher

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// TestFiltersLeaveNothingBehind empties an index in which every way to a filter was used.
func TestFiltersLeaveNothingBehind(t *testing.T) {
	shapes := []string{
		`data.a.b == "x%d"`, `data.n == %d`, `data.p.startsWith("p%d")`, `data.p.endsWith("%d")`, `data.r > %d && data.r < 900`,
		`data.c == "c" && data.d == %d`, `data.c == "c" && data.e.endsWith("x%d") || data.c == "c" && has(data.d)`,
		`data.l in [%d, "y", true, null]`, `has(data.f%d)`, `!has(data.g%d)`, `data.s%d == true || event.type == "t"`, `size(data.a) == %d`,
	}
	var list []*eventgateway.Subscription
	for i := range 400 {
		s := &eventgateway.Subscription{Event: "e", FunctionID: fmt.Sprint("f", i), Path: "/"}
		s.Filter = strings.ReplaceAll(shapes[i%len(shapes)], "%d", fmt.Sprint(i%97))
		if i%3 == 0 {
			s.Filter, s.Pattern = "", fmt.Appendf(nil,
				`{"detail":{"a":["x%d",{"equals-ignore-case":"A%d"}],"b":[{"exists":false}]}}`, i, i)
		}
		s.Normalize()
		list = append(list, s)
	}
	for _, owner := range []*hamt.Owner{nil, new(hamt.Owner)} {
		var x filterIndex
		for _, s := range list {
			f := filterOf(s)
			if f.broken != nil {
				t.Fatal(f.broken)
			}
			if x.insert(owner, s, f) {
				t.Fatal("replaced what was not there")
			}
		}
		if !x.insert(owner, list[0], filterOf(list[0])) || x.len() != len(list) {
			t.Fatal("a subscription is there twice")
		}
		for _, i := range rand.Perm(len(list)) {
			if !x.remove(owner, list[i].ID) || x.remove(owner, list[i].ID) {
				t.Fatal("not removed once")
			}
		}
		if x.len() != 0 || x.groups.Len() != 0 || !x.fields.none() || !x.always.empty() {
			t.Errorf("left: %d subscriptions, %d groups, %d fields, %d always", x.len(), x.groups.Len(), x.fields.len(), x.always.len())
		}
	}
}

// collector notes what is visited.
type collector struct{ got []int }

func (c *collector) candidates(list postings, _ int) {
	for p := range list.each() {
		c.got = append(c.got, int(p.clause.index))
	}
}

func collect(visit func(visitor)) []int {
	var c collector
	visit(&c)
	slices.Sort(c.got)
	return c.got
}

// TestSpansAndRadix compares both trees with lists, and earlier versions with what they were.
func TestSpansAndRadix(t *testing.T) {
	filter := &Filter{hash: 1}
	var tree *spans
	var texts *radix
	type item struct {
		span span
		text string
		p    posting
	}
	var items []item
	check := func() {
		for range 20 {
			n, text := float64(rand.IntN(40)), strings.Repeat("a", rand.IntN(4))+strings.Repeat("b", rand.IntN(4))
			var inSpan, inText []int
			for _, it := range items {
				if it.span.low <= n && n <= it.span.high {
					inSpan = append(inSpan, int(it.p.clause.index))
				}
				if strings.HasPrefix(text, it.text) {
					inText = append(inText, int(it.p.clause.index))
				}
			}
			slices.Sort(inSpan)
			slices.Sort(inText)
			if got := collect(func(f visitor) { tree.visit(n, f, 0) }); !slices.Equal(got, inSpan) {
				t.Fatalf("spans with %v: %v, want %v", n, got, inSpan)
			}
			if got := tree.count(n, math.MaxInt); got != len(inSpan) {
				t.Fatalf("count of %v: %d, want %d", n, got, len(inSpan))
			}
			if got := collect(func(f visitor) { texts.visit(text, f, 0) }); !slices.Equal(got, inText) {
				t.Fatalf("prefixes of %q: %v, want %v", text, got, inText)
			}
		}
	}
	for i := range 2000 {
		if len(items) > 0 && rand.IntN(2) == 0 {
			k := rand.IntN(len(items))
			it := items[k]
			items = slices.Delete(items, k, k+1)
			tree, texts = tree.change(nil, it.span, it.p, false), texts.change(nil, it.text, it.p, false)
		} else {
			low := float64(rand.IntN(40))
			it := item{
				span{low, low + float64(rand.IntN(10)) - 1},
				strings.Repeat("a", rand.IntN(3)) + strings.Repeat("b", rand.IntN(3)),
				newPosting(&clause{filter: filter, hash: uint64(i), index: uint16(i)}, nil),
			}
			items = append(items, it)
			tree, texts = tree.change(nil, it.span, it.p, true), texts.change(nil, it.text, it.p, true)
		}
		if i%20 == 0 {
			check()
		}
	}
	for _, it := range items {
		tree, texts = tree.change(nil, it.span, it.p, false), texts.change(nil, it.text, it.p, false)
	}
	if tree != nil || texts != nil {
		t.Error("something is left in an emptied tree")
	}
}
