package matcher_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// pairs is how many pairs of a filter and an event a differential test compares: a million when asked for.
func pairs() int {
	if os.Getenv("EVENT_GATEWAY_LONG") != "" {
		return 1_000_000
	}
	return 50_000
}

var numbers = []string{
	"0", "-0", "1", "1.0", "1e0", "2", "2.5", "-1", "10", "1e2", "100", "9007199254740992", "9007199254740993", "9007199254740992.0",
	"9223372036854775807", "9223372036854775808", "18446744073709551615", "-9223372036854775808", "1e400", "1e-400", "0.1",
}

// json makes a JSON value, in all the ways JSON can be written.
func (d dice) json(depth int) string {
	space := pick(d, "", "", "", " ", "\n\t")
	switch n := d.IntN(12); {
	case n < 3:
		return pick(d, numbers...)
	case n < 6:
		return pick(d, `"a"`, `"b"`, `"ab"`, `"abc"`, `"\u0061"`, `"A"`, `""`, `"1"`, `"true"`, `"ba"`, `"é"`, `"a\"b\\"`, `"10.0.0.7"`, `"K"`)
	case n < 8:
		return pick(d, "true", "false", "null")
	case n < 9 && depth > 0:
		var list []string
		for range d.IntN(3) {
			list = append(list, d.json(depth-1))
		}
		return "[" + space + strings.Join(list, space+","+space) + space + "]"
	case depth > 0:
		return d.object(depth)
	}
	return "{}"
}

func (d dice) object(depth int) string {
	var members []string
	for range d.IntN(5) {
		if d.IntN(8) == 0 {
			members = append(members, pick(d, `"a":`, `"b":`)+pick(d, "0", "1", "2", "1.0", "9007199254740992", "9007199254740993"))
		}
		members = append(members, pick(d, `"a"`, `"b"`, `"c"`, `"\u0061"`, `"a.b"`, `"d"`)+pick(d, ":", " : ")+d.json(depth-1))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (d dice) event() *eventgateway.Event {
	ev := &eventgateway.Event{
		Type: pick(d, "a", "b", "order.created"), ID: pick(d, "1", "2"), ReceivedAt: time.Unix(int64(d.IntN(3)), 0),
		DataType: "application/json", Data: []byte(d.object(3)),
	}
	switch d.IntN(8) {
	case 0:
		ev.Data = []byte(d.json(3))
	case 1:
		ev.DataType = pick(d, "text/plain", "application/octet-stream", "")
	case 2:
		ev.Data = nil
	}
	if d.IntN(2) == 0 {
		ev.CloudEvent = &eventgateway.CloudEventAttributes{
			Source: pick(d, "a", "/b"), Subject: pick(d, "", "ab"), Time: pick(d, "", "2024-01-01T00:00:00Z"),
			Extensions: map[string]any{"a": pick[any](d, "a", true, int32(1)), "b": "ab"},
		}
	}
	if d.IntN(4) == 0 {
		ev.Authorization = []byte(pick(d, `{"a":"ab","b":{"a":1}}`, `{"a":["a"]}`, `{}`))
	}
	if d.IntN(4) == 0 {
		ev.SchemaViolation = pick(d, "a", "ab")
	}
	if ev.CloudEvent != nil && d.IntN(4) == 0 { // a sender's own of the name
		ev.CloudEvent.Extensions["eventgateway"] = pick[any](d, "a", true)
	}
	if d.IntN(2) == 0 {
		ev.HTTP = &eventgateway.HTTPRequest{
			Method: pick(d, "GET", "POST"), Path: pick(d, "/a", "/b"), Host: "a",
			Header: http.Header{"A": {"a", "b"}, "X-B": {pick(d, "a", "ab")}}, Query: url.Values{"a": {"a", "b"}, "b": {""}},
		}
	}
	return ev
}

func (d dice) expressionPath() string {
	switch d.IntN(10) {
	case 0:
		return pick(d, "event.type", "event.id", "event.source", "event.subject", "event.dataType")
	case 1:
		return pick(d, "event.extensions.a", "event.extensions.b", "event.extensions.c", `event.extensions["a"]`, "event.extensions.a.b",
			"event.extensions.eventgateway", "event.extensions.eventgateway.schemaViolation", "event.extensions.eventgateway.authorization",
			"event.extensions.eventgateway.authorization.a", "event.extensions.eventgateway.authorization.b.a")
	case 2:
		return pick(d, "request.method", "request.path", "request.headers.a", `request.headers["x-b"]`, "request.params.p", "request.params.q")
	case 3:
		return pick(d, "data", `data["a.b"]`, `data["a"].b`)
	}
	path := "data"
	for range 1 + d.IntN(3) {
		path += "." + pick(d, "a", "b", "c", "d")
	}
	return path
}

func (d dice) literal() string {
	switch d.IntN(4) {
	case 0:
		n := pick(d, numbers...)
		if strings.Contains(n, "e400") || n == "9223372036854775808" || n == "18446744073709551615" {
			return pick(d, "18446744073709551615u", "9223372036854775808u", "1e300", "1u")
		}
		return n
	case 1:
		return pick(d, "true", "false", "null", "1", "2", "10", "-1", "0.5")
	}
	return pick(d, `"a"`, `"b"`, `"ab"`, `""`, `"A"`, `"1"`, `"order.created"`, `"GET"`, `"é"`)
}

func (d dice) atom() string {
	path := d.expressionPath()
	switch d.IntN(14) {
	case 0, 1, 2:
		return path + " == " + d.literal()
	case 3:
		return d.literal() + pick(d, " == ", " != ") + path
	case 4:
		return path + " != " + d.literal()
	case 5:
		return path + pick(d, " < ", " <= ", " > ", " >= ") + d.literal()
	case 6:
		return d.literal() + pick(d, " < ", " <= ", " > ", " >= ") + path
	case 7:
		var list []string
		for range d.IntN(4) {
			list = append(list, d.literal())
		}
		return path + " in [" + strings.Join(list, ", ") + "]"
	case 8, 9:
		return path + pick(d, ".startsWith(", ".endsWith(") + pick(d, `"a"`, `"ab"`, `""`, `"b"`, `"or"`) + ")"
	case 10, 11:
		return "has(data" + pick(d, ".a", ".b", ".a.b", ".a.b.c", ".c.d", ".d") + ")"
	case 12:
		return "has(" + pick(d, "event.subject", "event.extensions.a", "event.extensions.eventgateway",
			"event.extensions.eventgateway.authorization", "event.extensions.eventgateway.authorization.b.a", "event.extensions.c", "request.headers.a", "request.query.a", "request.query.c") + ")"
	}
	return pick(d, path, "true", "false", `size(data.a) > 1`, `data.a == data.b`, `"a" in data`, `data.a.exists(x, x == "a")`,
		`data.?a.orValue("a") == "a"`, `request.query.a == ["a", "b"]`, `data.a + 1 > 2`, `event.time > timestamp("2000-01-01T00:00:00Z")`)
}

// bounds makes a range, of numbers that events often have.
func (d dice) bounds() string {
	low, high := pick(d, " > ", " >= "), pick(d, " < ", " <= ")
	switch d.IntN(3) {
	case 0:
		return "data.a" + low + pick(d, numbers[:14]...)
	case 1:
		return "data.a" + high + pick(d, numbers[:14]...)
	}
	return "data.a" + low + pick(d, "-1", "0", "1") + " && data.a" + high + pick(d, "1", "2", "10")
}

func (d dice) filter(depth int) string {
	if depth == 0 || d.IntN(3) == 0 {
		return d.atom()
	}
	switch d.IntN(6) {
	case 0:
		return "!(" + d.filter(depth-1) + ")"
	case 1:
		return "((" + d.filter(depth-1) + ") ? (" + d.filter(depth-1) + ") : (" + d.filter(depth-1) + "))"
	}
	op := pick(d, " && ", " || ")
	list := []string{}
	for range 2 + d.IntN(2) {
		list = append(list, "("+d.filter(depth-1)+")")
	}
	return strings.Join(list, op)
}

// compiled returns a random filter that CEL takes.
func (d dice) compiled() *eventgateway.Subscription {
	for {
		filter := d.filter(3)
		switch d.IntN(6) {
		case 0, 1: // many with something in common
			filter = pick(d, d.bounds(), `data.a == "a"`, `data.b == 1`, `data.a.startsWith("a")`) + " && " + d.atom()
		case 2: // nothing but what the index finds by one value
			filter = pick(d, d.bounds(), d.bounds()+" && data.b == 1", "data.a in [1, "+d.literal()+"]", "data.a == "+d.literal())
		}
		s := filteredBy(filter, "")
		if _, err := matcher.CompileFilter(s, expression.Scope{Event: "http"}); err == nil {
			return s
		}
	}
}

func filteredBy(filter, pattern string) *eventgateway.Subscription {
	s := &eventgateway.Subscription{
		Event: "e", FunctionID: "f" + fmt.Sprint(rand.Uint64()), Path: "/:p", Filter: filter, Pattern: []byte(pattern),
	}
	s.Normalize()
	return s
}

// found returns the IDs of what a table finds, and fails for one found twice.
func found(t *testing.T, table *matcher.Table, ev *eventgateway.Event, m *matcher.Match) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	table.Find(&matcher.Query{Method: "POST", Path: "/a", Event: "e", Input: expression.NewInput(ev)}, m)
	for _, target := range m.Async {
		if ids[target.Subscription.ID] {
			t.Fatalf("found twice: %s%s", target.Subscription.Filter, target.Subscription.Pattern)
		}
		ids[target.Subscription.ID] = true
	}
	return ids
}

// TestFiltersAgainstCEL compares what the index finds with what plain CEL says of each filter alone, for random filters and
// events, while filters come and go.
func TestFiltersAgainstCEL(t *testing.T) {
	const count = 300
	d := dice{rand.New(rand.NewPCG(rand.Uint64(), 1))}
	var m matcher.Match
	matched, indexed, failed, all := 0, 0, 0, 0
	for done := 0; done < pairs(); {
		edit := (*matcher.Table)(nil).Edit()
		list := make([]*eventgateway.Subscription, 0, count)
		programs := map[string]*expression.Program{}
		for range count {
			s := d.compiled()
			if d.IntN(10) == 0 && len(list) > 0 {
				s.Filter = list[d.IntN(len(list))].Filter
			}
			list = append(list, s)
			edit.Insert(s)
			p, err := expression.Compile(expression.Filter, "filter", s.Filter, expression.Scope{})
			if err != nil {
				t.Fatal(err)
			}
			programs[s.ID] = p
			if f, _ := matcher.CompileFilter(s, expression.Scope{Event: "http"}); f.Indexed() {
				indexed++
			}
			all++
		}
		table := edit.Table()
		for range 50 {
			ev := d.event()
			ids := found(t, table, ev, &m)
			in := expression.NewInput(ev)
			in.SetParams(eventgateway.PathParams{{Name: "p", Value: "a"}})
			for _, s := range list {
				want, err := programs[s.ID].Bool(in)
				if want != ids[s.ID] {
					t.Fatalf("%s\nof %s %s\nis %v (%v), the index says %v", s.Filter, ev.DataType, ev.Data, want, err, ids[s.ID])
				}
				if want {
					matched++
				}
				if err != nil {
					failed++
				}
				done++
			}
			for range 4 {
				i := d.IntN(len(list))
				table = table.Delete(list[i])
				list[i] = d.compiled()
				table = table.Insert(list[i])
				programs[list[i].ID], _ = expression.Compile(expression.Filter, "filter", list[i].Filter, expression.Scope{})
				done++
			}
		}
		for _, s := range list {
			table = table.Delete(s)
		}
		if table.Len() != 0 {
			t.Fatal("something is left in the emptied table")
		}
	}
	t.Logf("%d filters, %d indexed; %d matches, %d failures", all, indexed, matched, failed)
	if matched == 0 || failed == 0 || indexed == 0 {
		t.Fatal("the random filters are of one sort")
	}
}
