package matcher_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// TestDocumentedPatterns holds every row of the table in docs/filters.md: the pattern and the expression beside it match the
// same events.
func TestDocumentedPatterns(t *testing.T) {
	page, err := os.ReadFile("../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(\\{.*)` \\| `(.*)` \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) < 15 {
		t.Fatalf("found only %d rows", len(rows))
	}
	events := make([]*eventgateway.Event, 0, 400)
	for _, a := range []string{"", `"a":"x"`, `"a":"y"`, `"a":"X"`, `"a":"xy"`, `"a":"XYz"`, `"a":"zx"`, `"a":"x.png"`, `"a":"xapng"`, `"a":""`, `"a":null`, `"a":7`} {
		for _, n := range []string{"", `"n":7`, `"n":7.0`, `"n":0`, `"n":0.5`, `"n":8`, `"n":"7"`} {
			for _, ip := range []string{"", `"ip":"10.1.2.3"`, `"ip":"11.1.2.3"`} {
				members := strings.Join(strings.Fields(strings.Join([]string{a, n, ip}, " ")), ",")
				ev := &eventgateway.Event{Type: "order.placed", DataType: "application/json", Data: []byte("{" + members + "}")}
				if n == "" {
					ev.Type = "other"
					ev.CloudEvent = &eventgateway.CloudEventAttributes{Source: "/shop"}
				}
				events = append(events, ev)
			}
		}
	}
	for _, row := range rows {
		expr := strings.ReplaceAll(row[2], `\|`, "|")
		pattern, err := matcher.CompileFilter(&eventgateway.Subscription{Pattern: json.RawMessage(row[1])}, expression.Scope{})
		if err != nil {
			t.Errorf("%s: %v", row[1], err)
			continue
		}
		filter, err := matcher.CompileFilter(&eventgateway.Subscription{Filter: expr}, expression.Scope{})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		matches := 0
		for _, ev := range events {
			want, err := pattern.Match(expression.NewInput(ev))
			if err != nil {
				t.Errorf("%s: %v", row[1], err)
			}
			got, _ := filter.Match(expression.NewInput(ev)) // what cannot be evaluated does not match
			if got != want {
				t.Errorf("%s with %s: the pattern says %v, %s says %v", ev.Type, ev.Data, want, expr, got)
			}
			if want {
				matches++
			}
		}
		if matches == 0 || matches == len(events) {
			t.Errorf("%s matches %d of %d events: it shows nothing", row[1], matches, len(events))
		}
	}
}
