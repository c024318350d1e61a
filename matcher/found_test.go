package matcher_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// TestLastMemberCounts gives a member twice, with a list and with something else: the index must forget the elements of the
// list that came first, and keep those of one that came last.
func TestLastMemberCounts(t *testing.T) {
	for data, want := range map[string]string{
		`{"a":["K"],"a":{}}`:                       "",
		`{"a":["K"],"a":"L"}`:                      "L",
		`{"a":"K","a":["L"]}`:                      "L",
		`{"a":["K"],"a":["L","M"]}`:                "LM",
		`{"a":[["K"]],"a":7}`:                      "",
		`{"a":["K",{"a":"L"}],"a":{"a":"M"}}`:      "",
		`{"b":["K"],"a":["L"],"b":7}`:              "L",
		`{"a":["K"],"b":{"a":["L"]},"a":null}`:     "",
		`{"a":["K"],"a":["L"],"a":{},"a":["M"]}`:   "M",
		`{"a":[{"a":["K"],"a":[]},"L","M"],"b":1}`: "LM",
	} {
		for _, letter := range []string{"K", "L", "M"} {
			s := &eventgateway.Subscription{Event: "e", FunctionID: "f", Pattern: []byte(`{"detail":{"a":["` + letter + `"]}}`)}
			s.Normalize()
			in := expression.NewInput(&eventgateway.Event{Type: "e", DataType: "application/json", Data: []byte(data)})
			filter, err := matcher.CompileFilter(s, expression.Scope{})
			if err != nil {
				t.Fatal(err)
			}
			found := (*matcher.Table)(nil).Insert(s).Find(
				&matcher.Query{Method: "POST", Path: "/", Event: "e", Input: in}, new(matcher.Match))
			alone, _ := filter.Match(in)
			if has := strings.Contains(want, letter); found != has || alone != has {
				t.Errorf("%s in %s: found %t, alone %t, want %t", letter, data, found, alone, has)
			}
		}
	}
}
