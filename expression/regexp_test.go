package expression_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/expression"
)

func TestRegularExpressions(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`data.a.matches("^[A-Z]{2}-[0-9]{4}$")`, ""},
		{`data.a.matches("a{2,}|(b{3}){4}")`, ""},
		{`matches(data.a, "a{5}")`, ""},
		{`data.a.matches("(a{100}){9}")`, "filter: 1:16: the regular expression is too large: it has "},
		{`data.a.matches("a{1001}")`, "filter: 1:16: "},
		{`data.a.matches("((((a{100}){100}){100}){100}){100}")`, "filter: 1:16: "},
		{`data.a.matches("(")`, "filter: 1:16: "},
		{`data.a.matches(data.b)`, "filter: 1:20: the regular expression is not a literal"},
		{`data.a.matches("a" + "b")`, "filter: 1:20: the regular expression is not a literal"},
	} {
		_, err := expression.Compile(expression.Filter, "filter", test.source, expression.Scope{})
		if err == nil && test.want != "" || err != nil && (test.want == "" || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %s", test.source, err, test.want)
		}
	}
}
