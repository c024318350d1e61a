package matcher

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// Limits on patterns.
const (
	maxPatternDepth = 32
	maxPatternTests = 1024
	maxWildcards    = 16
)

func newPattern(source json.RawMessage) *Filter {
	f := &Filter{hash: rand.Uint64()}
	if f.pattern, f.broken = parsePattern(source); f.broken != nil {
		f.index(open())
		return f
	}
	d := f.pattern.normalize(nil)
	f.joinsFields = joinsFields(d)
	f.index(d)
	return f
}

// parsePattern reads an event pattern and puts the names of its envelope into those of this gateway.
func parsePattern(source json.RawMessage) (*pattern, error) {
	if err := eventgateway.ValidateJSON("pattern", source); err != nil {
		return nil, err
	}
	p := &patternParser{}
	root := p.object("pattern", source, 0, true)
	if p.problem != nil {
		return nil, p.problem
	}
	return root, nil
}

// patternParser keeps the first problem.
type patternParser struct {
	tests   int
	problem error
}

func (p *patternParser) fail(at, format string, args ...any) {
	if p.problem == nil {
		p.problem = eventgateway.Errorf(eventgateway.Invalid, "%s: %s", at, fmt.Sprintf(format, args...))
	}
}

// envelope is where the names of the first level of a pattern are in an event. All others are extension attributes.
var envelope = map[string][]string{
	"detail": {"data"}, "data": {"data"}, "event": {"event"}, "request": {"request"},
	"detail-type": {"event", "type"}, "type": {"event", "type"}, "source": {"event", "source"}, "id": {"event", "id"},
	"time": {"event", "time"}, "subject": {"event", "subject"}, "dataType": {"event", "dataType"},
}

// object reads a pattern of an object, whose names are those of the envelope if outer is set.
func (p *patternParser) object(at string, source []byte, depth int, outer bool) *pattern {
	if source = trim(source); source[0] != '{' {
		p.fail(at, "not an object: want one, or a list of values that match")
		return nil
	}
	if depth > maxPatternDepth {
		p.fail(at, "nested too deeply: want at most %d levels", maxPatternDepth)
		return nil
	}
	out, seen := &pattern{}, map[string]bool{}
	for raw, value := range eventgateway.JSONMembers(source) {
		text, _ := eventgateway.JSONText(raw)
		name := string(text)
		inner := at + "." + clip(name)
		switch {
		case p.problem != nil:
			return nil
		case seen[name]:
			p.fail(inner, "the name is there twice: want it once")
		case name == "$or" && value[0] == '[' && alternatives(value):
			out.either = append(out.either, p.either(inner, value, depth, outer))
		case outer:
			path, ok := envelope[name]
			if !ok {
				path = []string{"event", "extensions", name}
			}
			out.put(path, p.value(inner, value, depth))
		default:
			out.put([]string{name}, p.value(inner, value, depth))
		}
		seen[name] = true
	}
	if len(seen) == 0 {
		p.fail(at, "empty: want at least one name")
	}
	return out
}

// put adds the pattern of the member at a path.
func (p *pattern) put(path []string, child *pattern) {
	for i := len(path) - 1; i > 0; i-- {
		child = &pattern{members: []member{{path[i], child}}}
	}
	p.members = append(p.members, member{path[0], child})
}

// alternatives reports whether the value of $or is one: a list of objects; else $or is a name like others.
func alternatives(list []byte) bool {
	n := 0
	for element := range eventgateway.JSONElements(list) {
		if n++; element[0] != '{' {
			return false
		}
	}
	return n > 1
}

func (p *patternParser) either(at string, list []byte, depth int, outer bool) []*pattern {
	var all []*pattern
	for element := range eventgateway.JSONElements(list) {
		all = append(all, p.object(fmt.Sprintf("%s[%d]", at, len(all)), element, depth+1, outer))
	}
	return all
}

// value reads the pattern of a member: an object, or a leaf.
func (p *patternParser) value(at string, source []byte, depth int) *pattern {
	if source[0] != '[' {
		return p.object(at, source, depth+1, false)
	}
	out, n := &pattern{leaf: []test{}}, 0
	for element := range eventgateway.JSONElements(source) {
		inner := fmt.Sprintf("%s[%d]", at, n)
		if n++; element[0] == '{' {
			p.operator(inner, element, out)
		} else if t, ok := p.constant(inner, element); ok {
			out.leaf = append(out.leaf, t)
		}
		if p.tests++; p.tests > maxPatternTests {
			p.fail("pattern", "too many values: want at most %d", maxPatternTests)
		}
		if p.problem != nil {
			return out
		}
	}
	if n == 0 {
		p.fail(at, "an empty list matches nothing: want values")
	}
	return out
}

// constant reads a string, number, true, false or null.
func (p *patternParser) constant(at string, source []byte) (test, bool) {
	switch source[0] {
	case '[', '{':
		p.fail(at, "not a value: want a string, a number, true, false or null")
		return test{}, false
	case '"':
		text, _ := eventgateway.JSONText(source)
		return test{op: opEqual, constant: value{kind: isString, text: string(text)}}, true
	}
	return test{op: opEqual, constant: scalarOf(string(source))}, true
}

func clip(name string) string {
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	return strings.ToValidUTF8(name, "")
}

func trim(source []byte) []byte { return []byte(strings.TrimSpace(string(source))) }
