package matcher

import (
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway/internal/hamt"
)

// radix is a persistent tree of texts: it finds those that a text begins with in the time it takes to read that text. nil is
// empty; a node without postings has two children or more.
type radix struct {
	label string
	here  postings
	// children are sorted by the first bytes of their labels, which differ.
	children []*radix
}

func (r *radix) child(c byte) (int, bool) {
	return slices.BinarySearchFunc(r.children, c, func(child *radix, c byte) int { return int(child.label[0]) - int(c) })
}

// change returns the tree with p added under a text, or taken away.
func (r *radix) change(owner *hamt.Owner, text string, p posting, add bool) *radix {
	if r == nil {
		if !add {
			return nil
		}
		return &radix{label: text, here: postings{one: p}}
	}
	n := common(r.label, text)
	if n < len(r.label) {
		if !add {
			return r
		}
		lower := &radix{r.label[n:], r.here, r.children}
		upper := &radix{label: r.label[:n], children: []*radix{lower}}
		return upper.change(owner, text, p, true)
	}
	changed := *r
	if n == len(text) {
		changed.here = r.here.change(owner, p, add)
		return changed.tidy()
	}
	i, ok := r.child(text[n])
	switch {
	case !ok && !add:
		return r
	case !ok:
		changed.children = slices.Insert(slices.Clone(r.children), i, &radix{label: text[n:], here: postings{one: p}})
		return &changed
	}
	child := r.children[i].change(owner, text[n:], p, add)
	changed.children = slices.Clone(r.children)
	if changed.children[i] = child; child == nil {
		changed.children = slices.Delete(changed.children, i, i+1)
	}
	return changed.tidy()
}

// tidy returns the node without what it does not need.
func (r *radix) tidy() *radix {
	if !r.here.empty() || len(r.children) > 1 {
		return r
	}
	if len(r.children) == 0 {
		return nil
	}
	only := *r.children[0]
	only.label = r.label + only.label
	return &only
}

// under returns how many postings are under exactly this text.
func (r *radix) under(text string) int {
	for r != nil && strings.HasPrefix(text, r.label) {
		if text = text[len(r.label):]; text == "" {
			return r.here.len()
		}
		i, ok := r.child(text[0])
		if !ok {
			return 0
		}
		r = r.children[i]
	}
	return 0
}

// visit calls f for the postings of all texts that text begins with.
func (r *radix) visit(text string, f visitor, at int) {
	for r != nil && strings.HasPrefix(text, r.label) {
		if !r.here.empty() {
			f.candidates(r.here, at)
		}
		if text = text[len(r.label):]; text == "" {
			return
		}
		i, ok := r.child(text[0])
		if !ok {
			return
		}
		r = r.children[i]
	}
}

// common returns how many bytes two texts have in common at their beginnings.
func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
