package schema

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What regular expressions may have. The time of a match grows with the size of an expression times that of the text. The size
// is about that of its compiled program: repetitions are written out, so x{100} is 100.
const (
	maxPatternLength = 1000
	maxPatternSize   = 2000
	maxPatternSizes  = 20000
)

// patterns compiles the regular expressions of one schema.
type patterns struct {
	meter *meter
	known map[string]pattern
	sizes int
}

type pattern struct {
	*regexp.Regexp
	meter *meter
	size  int
}

// MatchString implements jsonschema.Regexp.
func (p pattern) MatchString(s string) bool {
	p.meter.spend(len(s) * (p.size + 8) >> 8)
	return p.Regexp.MatchString(s)
}

// patternError says what is wrong with a regular expression.
type patternError string

func (e patternError) Error() string { return string(e) }

// compile is a jsonschema.RegexpEngine. It is asked more than once for the same expression.
func (all *patterns) compile(text string) (jsonschema.Regexp, error) {
	if p, ok := all.known[text]; ok {
		return p, nil
	}
	if len(text) > maxPatternLength {
		return nil, patternError(fmt.Sprintf("the regular expression has %d bytes: want at most %d", len(text), maxPatternLength))
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, patternError(fmt.Sprintf("the regular expression is not accepted: %v: want one in the syntax of RE2, "+
			"which has no look-around and no back-references", err))
	}
	size := sizeOf(tree)
	if all.sizes += size; size > maxPatternSize || all.sizes > maxPatternSizes {
		return nil, patternError(fmt.Sprintf("the regular expression is too large: want fewer or smaller repetitions (a size of %d, of all %d)",
			maxPatternSize, maxPatternSizes))
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, patternError(fmt.Sprintf("the regular expression is not accepted: %v", err))
	}
	if all.known == nil {
		all.known = map[string]pattern{}
	}
	p := pattern{compiled, all.meter, size}
	all.known[text] = p
	return p, nil
}

// sizeOf returns about how many instructions an expression compiles to.
func sizeOf(tree *syntax.Regexp) int {
	size := 1
	for _, sub := range tree.Sub {
		size += sizeOf(sub)
	}
	switch tree.Op {
	case syntax.OpLiteral:
		size += len(tree.Rune)
	case syntax.OpCharClass:
		size += len(tree.Rune) / 4
	case syntax.OpRepeat:
		size *= max(tree.Min, tree.Max, 1)
	}
	return size
}
