package matcher

import (
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// wildcards are the event names of subscriptions that end in a *, as a persistent tree of what stands before the *: those that
// match a name are found in the time it takes to read the name. nil is empty; a node without a pattern has two children or more.
type wildcards struct {
	label string
	// pattern is the whole event name that ends here, with its *; empty if none does. count is how many subscriptions have it.
	pattern string
	count   int
	// children are sorted by the first bytes of their labels, which differ.
	children []*wildcards
}

// isWildcard reports whether an event name of a subscription stands for more than one event.
func isWildcard(event string) bool { return strings.HasSuffix(event, "*") }

// fits reports whether an event name with a * stands for an event of this name, which is canonical.
func fits(pattern, name string) bool {
	switch {
	case !isWildcard(pattern), pattern == name, !strings.HasPrefix(name, pattern[:len(pattern)-1]),
		name == eventgateway.EventHTTP, name == eventgateway.EventInvoke:
		return false
	}
	return !eventgateway.IsSystemEvent(name) || eventgateway.IsSystemEvent(pattern)
}

// change returns the tree with one subscription more or less for a pattern.
func (w *wildcards) change(pattern string, change int) *wildcards {
	return w.under(strings.TrimSuffix(pattern, "*"), pattern, change)
}

// under is change below w, with what of the pattern is not said by the labels above.
func (w *wildcards) under(text, pattern string, change int) *wildcards {
	if w == nil {
		return &wildcards{label: text, pattern: pattern, count: change}
	}
	n := common(w.label, text)
	if n < len(w.label) {
		lower := *w
		lower.label = w.label[n:]
		upper := &wildcards{label: w.label[:n], children: []*wildcards{&lower}}
		return upper.under(text, pattern, change)
	}
	changed := *w
	if n == len(text) {
		if changed.pattern, changed.count = pattern, w.count+change; changed.count == 0 {
			changed.pattern = ""
		}
		return changed.tidy()
	}
	i, ok := w.child(text[n])
	if !ok {
		child := &wildcards{label: text[n:], pattern: pattern, count: change}
		changed.children = slices.Insert(slices.Clone(w.children), i, child)
		return &changed
	}
	changed.children = slices.Clone(w.children)
	if changed.children[i] = w.children[i].under(text[n:], pattern, change); changed.children[i] == nil {
		changed.children = slices.Delete(changed.children, i, i+1)
	}
	return changed.tidy()
}

func (w *wildcards) child(c byte) (int, bool) {
	return slices.BinarySearchFunc(w.children, c, func(child *wildcards, c byte) int { return int(child.label[0]) - int(c) })
}

// tidy returns the node without what it does not need.
func (w *wildcards) tidy() *wildcards {
	if w.pattern != "" || len(w.children) > 1 {
		return w
	}
	if len(w.children) == 0 {
		return nil
	}
	only := *w.children[0]
	only.label = w.label + only.label
	return &only
}
