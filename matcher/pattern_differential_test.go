package matcher_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// naivePattern says whether decoded JSON matches an event pattern, as plainly as can be. missing stands for no value.
type missing struct{}

func naivePattern(pattern, v any) bool {
	switch pattern := pattern.(type) {
	case []any:
		return naiveLeaf(pattern, v)
	case map[string]any:
		if list, ok := v.([]any); ok && len(list) > 0 {
			for _, element := range list {
				if naivePattern(pattern, element) {
					return true
				}
			}
			return false
		}
		object, _ := v.(map[string]any)
		for name, inner := range pattern {
			if alternatives, ok := naiveOr(name, inner); ok {
				one := false
				for _, alternative := range alternatives {
					one = one || naivePattern(alternative, v)
				}
				if !one {
					return false
				}
				continue
			}
			member, ok := object[name]
			if !ok {
				member = missing{}
			}
			if !naivePattern(inner, member) {
				return false
			}
		}
	}
	return true
}

func naiveOr(name string, inner any) ([]any, bool) {
	list, ok := inner.([]any)
	if !ok || name != "$or" || len(list) < 2 {
		return nil, false
	}
	for _, element := range list {
		if _, ok := element.(map[string]any); !ok {
			return nil, false
		}
	}
	return list, true
}

// naiveValues returns the values that lists and lists of lists hold, but no objects.
func naiveValues(v any) []any {
	switch v := v.(type) {
	case missing, map[string]any:
		return nil
	case []any:
		var all []any
		for _, element := range v {
			all = append(all, naiveValues(element)...)
		}
		return all
	}
	return []any{v}
}

func naiveLeaf(alternatives []any, v any) bool {
	values := naiveValues(v)
	for _, alternative := range alternatives {
		if operator, ok := alternative.(map[string]any); ok && operator["exists"] == false {
			if len(values) == 0 {
				return true
			}
			continue
		}
		for _, v := range values {
			if naiveTest(alternative, v) {
				return true
			}
		}
	}
	return false
}

func naiveEqual(a, b any) bool {
	x, ok := a.(json.Number)
	y, ok2 := b.(json.Number)
	if ok && ok2 {
		return naiveNumber(x).Cmp(naiveNumber(y)) == 0
	}
	return ok == ok2 && a == b
}

// naiveNumber is exact; the values below have no more digits than a double tells apart.
func naiveNumber(n json.Number) *big.Rat {
	r, _ := new(big.Rat).SetString(string(n))
	return r
}

func naiveTest(test, v any) bool {
	operator, ok := test.(map[string]any)
	if !ok {
		return naiveEqual(test, v)
	}
	text, isText := v.(string)
	for name, of := range operator {
		ignored, fold := of.(map[string]any)
		if fold {
			of = ignored["equals-ignore-case"]
		}
		want, _ := of.(string)
		switch name {
		case "exists":
			return true
		case "prefix":
			return isText && (strings.HasPrefix(text, want) || fold && len(text) >= len(want) && strings.EqualFold(text[:len(want)], want))
		case "suffix":
			return isText && (strings.HasSuffix(text, want) || fold && len(text) >= len(want) && strings.EqualFold(text[len(text)-len(want):], want))
		case "equals-ignore-case":
			return isText && strings.EqualFold(text, want)
		case "wildcard":
			return isText && naiveWildcard(want, text)
		case "cidr":
			address, err := netip.ParseAddr(text)
			return isText && err == nil && netip.MustParsePrefix(want).Contains(address)
		case "numeric":
			return naiveNumeric(of.([]any), v)
		case "anything-but":
			return naiveAnythingBut(operator[name], v)
		}
	}
	return false
}

func naiveAnythingBut(not, v any) bool {
	switch not := not.(type) {
	case []any:
		for _, one := range not {
			if naiveEqual(one, v) {
				return false
			}
		}
		return true
	case map[string]any:
		for name, of := range not {
			list, ok := of.([]any)
			if !ok {
				list = []any{of}
			}
			for _, one := range list {
				if naiveTest(map[string]any{name: one}, v) {
					return false
				}
			}
		}
		return true
	}
	return !naiveEqual(not, v)
}

func naiveNumeric(list []any, v any) bool {
	n, ok := v.(json.Number)
	for i := 0; ok && i < len(list); i += 2 {
		c := naiveNumber(n).Cmp(naiveNumber(list[i+1].(json.Number)))
		ok = map[string]bool{"=": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[list[i].(string)]
	}
	return ok
}

func naiveWildcard(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return naiveWildcard(pattern[1:], s) || s != "" && naiveWildcard(pattern, s[1:])
	case pattern[0] == '\\':
		pattern = pattern[1:]
	}
	return s != "" && s[0] == pattern[0] && naiveWildcard(pattern[1:], s[1:])
}

func (d dice) patternValue() string {
	return pick(d, "1", "1.0", "2", "2.5", "-1", "100", "0.1", `"a"`, `"b"`, `"ab"`, `"A"`, `""`, `"\u0061"`, "true", "false", "null")
}

func (d dice) patternLeaf() string {
	var all []string
	for range 1 + d.IntN(3) {
		text := pick(d, `"a"`, `"ab"`, `"B"`, `"b"`, `""`, `"c"`)
		folded := pick(d, text, `{"equals-ignore-case":`+text+`}`)
		all = append(all, pick(d, d.patternValue(), d.patternValue(), d.patternValue(), `{"exists":true}`, `{"exists":false}`,
			`{"prefix":`+folded+`}`, `{"suffix":`+folded+`}`, `{"equals-ignore-case":`+text+`}`,
			`{"wildcard":`+pick(d, `"*"`, `"a*"`, `"*b"`, `"a*c"`, `"*b*"`, `"a\\*"`)+`}`, `{"cidr":"10.0.0.0/24"}`,
			`{"numeric":[`+pick(d, `"="`, `">"`, `">="`, `"<"`, `"<="`)+`,`+pick(d, "1", "2", "0", "2.5", "100")+`]}`,
			`{"numeric":[">",0,"<=",`+pick(d, "1", "2", "100")+`]}`,
			`{"anything-but":`+d.patternValue()+`}`, `{"anything-but":[`+d.patternValue()+`,`+d.patternValue()+`]}`,
			`{"anything-but":{`+pick(d, `"prefix"`, `"suffix"`, `"equals-ignore-case"`, `"wildcard"`)+`:`+pick(d, text, `[`+text+`,"z"]`)+`}}`))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (d dice) patternObject(depth int) string {
	var members []string
	names := d.Perm(4)
	for i := range 1 + d.IntN(2) {
		name := []string{`"a"`, `"b"`, `"c"`, `"d"`}[names[i]]
		if depth > 0 && d.IntN(3) == 0 {
			members = append(members, name+":"+d.patternObject(depth-1))
		} else {
			members = append(members, name+":"+d.patternLeaf())
		}
	}
	if depth > 0 && d.IntN(4) == 0 {
		members = append(members, `"$or":[`+d.patternObject(depth-1)+`,`+d.patternObject(depth-1)+`]`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// patternJSON makes data in which numbers are few enough that doubles tell them apart, and no name is there twice.
func (d dice) patternJSON(depth int) string {
	switch n := d.IntN(10); {
	case depth == 0 || n < 4:
		return pick(d, d.patternValue(), `"abc"`, `"10.0.0.7"`, `"aB"`)
	case n < 6:
		var list []string
		for range d.IntN(4) {
			list = append(list, d.patternJSON(depth-1))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	var members []string
	for _, name := range []string{`"a"`, `"b"`, `"c"`, `"\u0064"`} {
		if d.IntN(2) == 0 {
			members = append(members, name+":"+d.patternJSON(depth-1))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func decodeJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// TestPatternsAgainstNaive compares what the index finds with what a naive matcher says of each pattern.
func TestPatternsAgainstNaive(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(rand.Uint64(), 2))}
	var m matcher.Match
	matched, indexed := 0, 0
	for done := 0; done < pairs(); {
		var table *matcher.Table
		var list []*eventgateway.Subscription
		naive := map[string]any{}
		for range 100 {
			pattern := fmt.Sprintf(`{"detail":%s}`, d.patternObject(2))
			if d.IntN(2) == 0 { // many with something in common
				pattern = fmt.Sprintf(`{"detail":{"a":[%s],"b":%s}}`, pick(d, `"a"`, `1`), d.patternLeaf())
			}
			s := filteredBy("", pattern)
			f, err := matcher.CompileFilter(s, expression.Scope{})
			if err != nil {
				t.Fatalf("%s: %v", pattern, err)
			}
			if f.Indexed() {
				indexed++
			}
			list, table = append(list, s), table.Insert(s)
			naive[s.ID] = decodeJSON(t, pattern)
		}
		for range 100 {
			text := d.patternJSON(4)
			ev := &eventgateway.Event{Type: "e", DataType: "application/json", Data: []byte(text)}
			ids := found(t, table, ev, &m)
			whole := map[string]any{"detail": decodeJSON(t, text)}
			for _, s := range list {
				want := naivePattern(naive[s.ID], whole)
				if ids[s.ID] != want {
					t.Fatalf("%s\nof %s\nis %v, the index says %v", s.Pattern, text, want, ids[s.ID])
				}
				f, _ := matcher.CompileFilter(s, expression.Scope{})
				if got, err := f.Match(expression.NewInput(ev)); got != want || err != nil {
					t.Fatalf("%s\nof %s\nis %v, Match says %v, %v", s.Pattern, text, want, got, err)
				}
				if want {
					matched++
				}
				done++
			}
		}
	}
	t.Logf("%d indexed, %d matches", indexed, matched)
	if matched == 0 || indexed == 0 {
		t.Fatal("the random patterns are of one sort")
	}
}
