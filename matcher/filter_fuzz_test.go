package matcher_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// soon fails if something took so long that it cannot be bounded. The bounds are milliseconds; a busy machine gets more.
func soon(t *testing.T, start time.Time, what string) {
	t.Helper()
	if took := time.Since(start); took > 10*time.Second {
		t.Fatalf("%s took %v", what, took)
	}
}

func FuzzFilter(f *testing.F) {
	for _, filter := range []string{
		`data.a == 1 && data.b.startsWith("x")`, `data.a in [1, 2.0, "x", null] || !has(data.b)`, `data.l.exists(x, x > 1)`,
		`data["a"].b >= -1.5 ? event.type == "e" : false`, `!(data.a != 1u) || data.s.matches("^a+$")`, `request.headers["a"] == "b"`,
		`data.a < 9223372036854775808u && data.a >= 1u && data.a > -1 && data.a <= 1.5`, `data.?a.orValue(1) == 1`, `event.extensions.x == true`, `"a" in data`,
	} {
		f.Add(filter, `{"a":1,"b":"xy","l":[1,2],"s":"aa"}`)
	}
	f.Fuzz(func(t *testing.T, filter, data string) {
		start := time.Now()
		s := filteredBy(filter, "")
		compiled, err := matcher.CompileFilter(s, expression.Scope{})
		soon(t, start, "compiling")
		if err != nil {
			if eventgateway.KindOf(err) != eventgateway.Invalid {
				t.Fatal(err)
			}
			return
		}
		if len(data) > 0 && eventgateway.ValidateJSON("data", []byte(data)) != nil {
			return
		}
		ev := &eventgateway.Event{Type: "e", DataType: "application/json", Data: []byte(data)}
		want, err := compiled.Match(expression.NewInput(ev))
		var m matcher.Match
		got := len(found(t, (*matcher.Table)(nil).Insert(s), ev, &m)) == 1
		soon(t, start, "evaluating")
		if slow := err != nil && time.Since(start) > expression.TimePerEvent; got != want && !slow {
			t.Fatalf("%s of %s is %v (%v), the index says %v (%v)", filter, data, want, err, got, m.Failed)
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, pattern := range []string{
		`{"detail":{"a":[1,"x",null,{"prefix":"y"}],"b":{"c":[{"exists":false}]}}}`,
		`{"$or":[{"source":["a"]},{"detail-type":[{"anything-but":{"suffix":["x","y"]}}]}]}`,
		`{"data":{"a":[{"numeric":[">",0,"<=",5]},{"cidr":"10.0.0.0/8"},{"wildcard":"a*\\*b"}]}}`,
		`{"data":{"a":[{"prefix":{"equals-ignore-case":"é"}},{"equals-ignore-case":"K"}]},"account":["1"]}`,
	} {
		f.Add(pattern, `{"a":[1,"y"],"b":[{"c":1},{}]}`)
	}
	f.Fuzz(func(t *testing.T, pattern, data string) {
		start := time.Now()
		s := filteredBy("", pattern)
		if len(s.Pattern) == 0 {
			return
		}
		compiled, err := matcher.CompileFilter(s, expression.Scope{})
		soon(t, start, "compiling")
		if err != nil {
			if eventgateway.KindOf(err) != eventgateway.Invalid {
				t.Fatal(err)
			}
			return
		}
		if !json.Valid([]byte(data)) || eventgateway.ValidateJSON("data", []byte(data)) != nil {
			return
		}
		ev := &eventgateway.Event{Type: "e", DataType: "application/json", Data: []byte(data)}
		want, err := compiled.Match(expression.NewInput(ev))
		var m matcher.Match
		got := len(found(t, (*matcher.Table)(nil).Insert(s), ev, &m)) == 1
		soon(t, start, "evaluating")
		if got != want || err != nil {
			t.Fatalf("%s of %s is %v (%v), the index says %v", pattern, data, want, err, got)
		}
	})
}
