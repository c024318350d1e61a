package matcher

import (
	"math/rand/v2"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// Filter is the compiled filter or pattern of a subscription. It is immutable; equal ones are shared.
type Filter struct {
	hash uint64
	// clauses are the conjunctions; the filter is true only if one of them is. exact is set if it is true whenever one is, and
	// joinsFields in a pattern of which that holds only where no objects are in lists.
	clauses            []clause
	exact, joinsFields bool
	// source is the expression; program is its program, unless the conditions say it all.
	source  string
	program *expression.Program
	// pattern is the pattern, in place of an expression.
	pattern *pattern
	// broken says why the filter does not compile; then it matches nothing.
	broken error
}

// Hash implements hamt.Key.
func (f *Filter) Hash() uint64 { return f.hash }

var filters expression.Interned[string, Filter]

// filterOf returns the filter of s, which was compiled before it was written: one that does not compile matches nothing.
func filterOf(s *eventgateway.Subscription) *Filter {
	f, _ := filters.Get(sourceOf(s), func() (*Filter, error) {
		if len(s.Pattern) > 0 {
			return newPattern(s.Pattern), nil
		}
		return newFilter(s.Filter), nil
	})
	return f
}

// sourceOf tells filters from patterns, which start with a space here.
func sourceOf(s *eventgateway.Subscription) string {
	if len(s.Pattern) > 0 {
		return "pattern " + string(s.Pattern)
	}
	return "filter " + s.Filter
}

func isFiltered(s *eventgateway.Subscription) bool { return s.Filter != "" || len(s.Pattern) > 0 }

func newFilter(source string) *Filter {
	formula, program, err := expression.Analyze("filter", source)
	f := &Filter{hash: rand.Uint64(), source: strings.Clone(source), program: program, broken: err}
	d := normalize(formula)
	if err != nil {
		d = open()
	} else if program == nil && !d.exact { // it grew too large
		f.program, f.broken = expression.Compile(expression.Filter, "filter", source, expression.Scope{})
	}
	f.index(d)
	return f
}

// CompileFilter compiles the filter or pattern of s; it returns nil if s has neither. The error, an *eventgateway.Error of kind
// Invalid, says where in it something is wrong. scope is what is known of the event type; Scope.Event is taken from s if empty. Of a
// pattern too, what it asks for must be in the schema; but it may ask that something else does not exist.
func CompileFilter(s *eventgateway.Subscription, scope expression.Scope) (*Filter, error) {
	if !isFiltered(s) {
		return nil, nil
	}
	if scope.Event == "" {
		scope.Event = s.Event
	}
	if len(s.Pattern) > 0 {
		p, err := parsePattern(s.Pattern)
		if err == nil {
			err = p.fits(scope)
		}
		if err != nil {
			return nil, err
		}
	} else if _, err := expression.Compile(expression.Filter, "filter", s.Filter, scope); err != nil {
		return nil, err
	}
	f := filterOf(s)
	return f, f.broken
}

// Match reports whether an event matches, without an index. An error says why the filter could not be evaluated: then it
// does not match; it may hold something of the event. The nil Filter matches every event.
func (f *Filter) Match(in *expression.Input) (bool, error) {
	switch {
	case f == nil:
		return true, nil
	case f.pattern != nil || f.program != nil || f.broken != nil:
		return f.evaluate(in)
	}
	program, err := expression.Compile(expression.Filter, "filter", f.source, expression.Scope{})
	if err != nil {
		return false, err
	}
	return program.Bool(in)
}

// evaluate looks at the whole event.
func (f *Filter) evaluate(in *expression.Input) (bool, error) {
	switch {
	case f.broken != nil:
		return false, f.broken
	case f.pattern != nil:
		return f.pattern.match(tree(in), true), nil
	}
	return f.program.Bool(in)
}

// Cost returns the estimated cost of one evaluation as expression.Program.Cost does; for a pattern, and for a filter that the
// index alone answers, the number of its tests.
func (f *Filter) Cost() uint64 {
	if f == nil {
		return 0
	}
	if f.program != nil {
		return f.program.Cost()
	}
	tests := 0
	for i := range f.clauses {
		tests += f.clauses[i].conditions.tests()
	}
	return uint64(tests)
}

// Indexed reports whether the index alone answers the filter, so that no expression is evaluated for it.
func (f *Filter) Indexed() bool { return f != nil && f.exact }

// Failure is a subscription whose filter could not be evaluated for an event, so that it did not match.
type Failure struct {
	Subscription *eventgateway.Subscription
	// Err says why. It holds nothing of the event's data.
	Err error
}
