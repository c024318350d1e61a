package matcher_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// TestFiltersBesidePatterns compares what one index of filters and patterns finds with what each says alone. Patterns look into
// lists, and filters at the same fields must not.
func TestFiltersBesidePatterns(t *testing.T) {
	const count = 150
	d := dice{rand.New(rand.NewPCG(rand.Uint64(), 3))}
	var m matcher.Match
	matched := map[string]int{}
	for done := 0; done < pairs(); {
		edit := (*matcher.Table)(nil).Edit()
		var list []*eventgateway.Subscription
		programs := map[string]*expression.Program{}
		for i := range count {
			s := d.compiled()
			if i%2 == 0 {
				s = filteredBy("", fmt.Sprintf(`{"detail":%s}`, d.commonPattern()))
			}
			list = append(list, s)
			edit.Insert(s)
			if s.Filter != "" {
				programs[s.ID], _ = expression.Compile(expression.Filter, "filter", s.Filter, expression.Scope{})
			}
		}
		table := edit.Table()
		for range 100 {
			text := pick(d, d.patternJSON(4), d.object(3), fmt.Sprintf(`{"a":[%s,{"b":%s}],"b":%s}`, pick(d, d.json(0), `{"a":"a"}`), d.json(1), d.json(1)))
			ev := &eventgateway.Event{Type: "e", DataType: "application/json", Data: []byte(text)}
			ids := found(t, table, ev, &m)
			in := expression.NewInput(ev)
			in.SetParams(eventgateway.PathParams{{Name: "p", Value: "a"}})
			for _, s := range list {
				var want bool
				kind := "pattern"
				if p := programs[s.ID]; p != nil {
					kind = "filter"
					want, _ = p.Bool(in)
				} else {
					f, _ := matcher.CompileFilter(s, expression.Scope{})
					want, _ = f.Match(in)
				}
				if want != ids[s.ID] {
					t.Fatalf("%s%s\nof %s\nis %v, the index says %v", s.Filter, s.Pattern, text, want, ids[s.ID])
				}
				if want {
					matched[kind]++
				}
				done++
			}
		}
	}
	t.Logf("matches: %v", matched)
	if len(matched) != 2 {
		t.Fatal("the random filters and patterns are of one sort")
	}
}

// TestManyPatternsOfOneElement has patterns whose two conditions are both found by the index, in different elements of a list.
func TestManyPatternsOfOneElement(t *testing.T) {
	const count = 100
	var table *matcher.Table
	for i := range count {
		table = table.Insert(filteredBy("", fmt.Sprintf(`{"detail":{"l":{"a":["a"],"b":["b",%d]}}}`, i)))
	}
	var m matcher.Match
	for data, want := range map[string]int{
		`{"l":{"a":"a","b":"b"}}`: count, `{"l":[{"a":"a","b":"b"}]}`: count, `{"l":[{"a":"a"},{"b":"b"}]}`: 0,
		`{"l":[{"a":"a"},{"a":"a","b":7}]}`: 1, `{"l":[{"a":"a","b":3},{"b":"b"}]}`: 1,
	} {
		ev := &eventgateway.Event{Type: "e", DataType: "application/json", Data: []byte(data)}
		if got := found(t, table, ev, &m); len(got) != want {
			t.Errorf("%s: %d patterns match, want %d", data, len(got), want)
		}
	}
}

// commonPattern makes one of many that have something in common.
func (d dice) commonPattern() string {
	switch first := pick(d, `"a"`, `1`); d.IntN(4) {
	case 0:
		return d.patternObject(2)
	case 1:
		return fmt.Sprintf(`{"a":[%s]}`, first)
	case 2:
		return fmt.Sprintf(`{"a":{"a":["a"],"b":[%s,%d]}}`, pick(d, `"a"`, `"b"`, `1`), 10+d.IntN(50))
	default:
		return fmt.Sprintf(`{"a":[%s],"b":%s}`, first, d.patternLeaf())
	}
}
