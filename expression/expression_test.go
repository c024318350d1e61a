package expression_test

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

func sampleEvent() *eventgateway.Event {
	return &eventgateway.Event{
		Type: "order.created", ID: "1", ReceivedAt: time.Unix(100, 0), DataType: "application/json",
		Data: []byte(`{"list":[1,2.5,"x"],"big":9007199254740993,"huge":18446744073709551615,"s":"h\u00e9llo","amount":12,` +
			`"price":1.5,"ip":"10.1.2.3","none":null,"twice":1,"twice":2,"nested":{"a":{"b":true}}}`),
		CloudEvent: &eventgateway.CloudEventAttributes{
			Source: "/shop", Time: "2024-05-06T07:08:09Z", Extensions: map[string]any{"tenant": "t1", "count": int32(5)},
		},
		HTTP: &eventgateway.HTTPRequest{
			Method: "POST", Path: "/orders/7", Host: "shop.example", Header: http.Header{"X-Tag": {"a", "b"}},
			Query: url.Values{"q": {"1", "2"}},
		},
	}
}

func inputOf(ev *eventgateway.Event) *expression.Input {
	in := expression.NewInput(ev)
	in.SetParams(eventgateway.PathParams{{Name: "id", Value: "7"}})
	return in
}

func TestFilters(t *testing.T) {
	for source, want := range map[string]string{
		`data.amount > 10`:                                    "true",
		`data.amount < 10.5`:                                  "false",
		`data.amount == 12.0`:                                 "true",
		`data.big == 9007199254740993`:                        "true",
		`data.big == 9007199254740992`:                        "false",
		`data.huge == 18446744073709551615u`:                  "true",
		`data.twice == 2`:                                     "true",
		`data.s == "héllo" && data.s.size() == 5`:             "true",
		`data.none == null && has(data.none)`:                 "true",
		`data.missing == 1`:                                   "no such key: missing",
		`data.missing == 1 || data.amount == 12`:              "true",
		`!has(data.missing)`:                                  "true",
		`data.?nested.?a.?b.orValue(false)`:                   "true",
		`data.?nope.?a.orValue("x") == "x"`:                   "true",
		`data.amount`:                                         "the value is int: want a bool",
		`event.type == "order.created"`:                       "true",
		`event.extensions.count == 5`:                         "true",
		`event.time.getFullYear() == 2024`:                    "true",
		`has(event.source) && !has(event.subject)`:            "true",
		`event.subject == ""`:                                 "true",
		`dyn(event).type == "order.created"`:                  "true",
		`data.list.exists(x, x == "x")`:                       "true",
		`data.s.matches("^h.*o$")`:                            "true",
		`cidr("10.0.0.0/8").containsIP(data.ip)`:              "true",
		`math.greatest(data.amount, 5) == 12`:                 "true",
		`sets.contains([1, 2, 3], [2])`:                       "true",
		`data.s.upperAscii().startsWith("H")`:                 "true",
		`request.method == "POST"`:                            "true",
		`request.headers["x-tag"] == "a, b"`:                  "true",
		`request.query.q[1] == "2"`:                           "true",
		`request.params.id == "7"`:                            "true",
		`double(data.amount) * 1.5 > 17.0`:                    "true",
		`data.price * 2 == 3`:                                 "no such overload",
		`data.s.replace("l", "L") == "héLLo"`:                 "true",
		`data.list.map(x, string(x)).join("-").size() > 3`:    "true",
		`"%s-%d".format([data.s, data.amount]) == "héllo-12"`: "true",
		`[1, 2, 2].distinct() == [1, 2]`:                      "true",
		`data.s.indexOf("l") == 2`:                            "true",
	} {
		p, err := expression.Compile(expression.Filter, "filter", source, expression.Scope{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := p.Bool(inputOf(sampleEvent()))
		if text := fmt.Sprint(got); err == nil && text != want || err != nil && err.Error() != want {
			t.Errorf("%s is %v, %v; want %s", source, got, err, want)
		}
	}
}

func TestData(t *testing.T) {
	for _, c := range []struct{ dataType, data, filter string }{
		{"text/plain; charset=utf-8", "a\xffb", `data == "a\ufffdb"`},
		{"application/x-www-form-urlencoded", "a=b", `data.startsWith("a=")`},
		{"application/octet-stream", "ab", `data == b"ab"`},
		{"application/json", "", `data == null`},
		{"application/cloudevents+json", ` [1] `, `data == [1]`},
		{"application/json", `{"a\u0062":-0,"c":1e400}`, `data.ab == 0 && data.c > 1e300`},
	} {
		p, err := expression.Compile(expression.Filter, "filter", c.filter, expression.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Bool(expression.NewInput(&eventgateway.Event{DataType: c.dataType, Data: []byte(c.data)}))
		if !got || err != nil {
			t.Errorf("%s of %s %q: %v, %v", c.filter, c.dataType, c.data, got, err)
		}
	}
	p, _ := expression.Compile(expression.Filter, "filter", `request.method == "GET"`, expression.Scope{})
	if got, err := p.Bool(expression.NewInput(&eventgateway.Event{})); got || err == nil {
		t.Errorf("request of an event that is not http: %v, %v", got, err)
	}
}

const schema = `{"type":"object","properties":{"amount":{"type":"number"},"to":{"$ref":"#/$defs/to"},"any":{},
	"open":{"properties":{"a":{}},"additionalProperties":true}},"$defs":{"to":{"properties":{"city":{"type":"string"}}}}}`

func TestRefused(t *testing.T) {
	long := strings.Repeat
	for _, c := range []struct {
		source, want string
		scope        expression.Scope
	}{
		{`event.typo == "x"`, "filter: 1:6: undefined field 'typo'", expression.Scope{}},
		{"data.x ==\n  foo", "filter: 2:3: undeclared reference", expression.Scope{}},
		{`data.a.`, "filter: 1:8: Syntax error", expression.Scope{}},
		{`1 + 1`, "filter: 1:1: the value is int: want a bool", expression.Scope{}},
		{``, "filter: 1:1: Syntax error", expression.Scope{}},
		{`data.amuont > 1`, `filter: 1:5: "data.amuont": the schema of the event type has no such property`, expression.Scope{Schema: []byte(schema)}},
		{`data.to.town == "x"`, `"data.to.town"`, expression.Scope{Schema: []byte(schema)}},
		{`has(data.nope)`, `"data.nope"`, expression.Scope{Schema: []byte(schema)}},
		{`request.method == "GET"`, "filter: 1:1: request: only http events", expression.Scope{Event: "user.created"}},
		{`data.s.matches(data.p)`, "is not a literal", expression.Scope{}},
		{`data.s.matches("(((a{100}){100}){100})")`, "filter: 1:16:", expression.Scope{}},
		{`data.s.matches("(a*)*$` + long("(x+x+)+y", 600) + `")`, "filter: 1:16:", expression.Scope{}},
		{long("(", 4000) + "true" + long(")", 4000), "nested too deeply", expression.Scope{}},
		{long("(", 10_000) + "true" + long(")", 10_000), "bytes are not accepted", expression.Scope{}},
		{long("[", 8000), "nested too deeply", expression.Scope{}},
		{`"` + long("x", 100_000) + `" == data.s`, "bytes are not accepted", expression.Scope{}},
		{"data" + long(".a", 4000) + " == 1", "recursion", expression.Scope{}},
		{`data.l.all(a, data.l.all(b, data.l.all(c, a != b)))`, "nesting limit", expression.Scope{}},
		{`lists.range(1000000).exists(x, x == 5)`, "too costly", expression.Scope{}},
		{`data.l.exists(a, data.l.exists(b, data.l.map(c, c + b).size() == a))`, "filter: 1:", expression.Scope{}},
		{"true\xff", "not valid UTF-8", expression.Scope{}},
	} {
		start := time.Now()
		_, err := expression.Compile(expression.Filter, "filter", c.source, c.scope)
		if err == nil || !strings.Contains(err.Error(), c.want) || eventgateway.KindOf(err) != eventgateway.Invalid || len(err.Error()) > 500 {
			t.Errorf("%.60s: %v; want %s", c.source, err, c.want)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%.60s: refused after %v", c.source, took)
		}
	}
	for _, source := range []string{`data.amount > 1`, `data.to.city == "x"`, `data.any.thing == 1`, `data.open.b == 1`} {
		if _, err := expression.Compile(expression.Filter, "filter", source, expression.Scope{Schema: []byte(schema)}); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// TestHostileEvents evaluates what is admitted on events made to be as costly as can be: each ends soon, with an error.
func TestHostileEvents(t *testing.T) {
	list := "[" + strings.Repeat("1,", 200_000) + "1]"
	text := strings.Repeat("a", 1<<20)
	for _, source := range []string{
		`data.l.exists(a, data.l.exists(b, a + b == 7))`,
		`data.l.all(a, a > 0) && data.l.distinct().size() == 2`,
		`sets.contains(data.l, data.l.map(x, x + 1))`,
		`data.s.replace("a", "` + strings.Repeat("b", 8000) + `").size() == 1`,
		`data.s.split("").join("` + strings.Repeat("b", 8000) + `").size() == 1`,
		`data.s.matches("(a|aa|aaa)*b")`,
		`"` + strings.Repeat("%s", 100) + `".format([` + strings.Repeat("data.s,", 100) + `]) == "x"`,
		`data.s.indexOf("` + strings.Repeat("a", 4000) + `b") == 1`,
		strings.Repeat("data.s+", 50) + `data.s == "x"`,
	} {
		p, err := expression.Compile(expression.Filter, "filter", source, expression.Scope{})
		if err != nil {
			continue // refused is as good
		}
		ev := &eventgateway.Event{DataType: "application/json", Data: []byte(`{"l":` + list + `,"s":"` + text + `"}`)}
		in := expression.NewInput(ev)
		in.Data()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got, err := p.Bool(in)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if got || err == nil {
			t.Errorf("%.60s: %v, %v; want an error", source, got, err)
		}
		if made := after.TotalAlloc - before.TotalAlloc; took > 5*time.Second || made > 512<<20 {
			t.Errorf("%.60s: %v, %d bytes", source, took, made)
		}
	}
}

func TestTransforms(t *testing.T) {
	for source, want := range map[string]string{
		`{"id": data.big, "t": event.time, "d": duration("90s"), "b": b"abc", "o": data.?x, "ip": string(ip("1.2.3.4"))}`: `{"b":"YWJj","d":"90s","id":9007199254740993,"ip":"1.2.3.4","o":null,"t":"2024-05-06T07:08:09Z"}`,
		`[data.list, 1.0, 2u, null]`: `[[1,2.5,"x"],1,2,null]`,
		`data.s`:                     `"héllo"`,
		`event.extensions`:           `{"count":5,"tenant":"t1"}`,
		`{1: "a"}`:                   `{"1":"a"}`,
		`request.query`:              `{"q":["1","2"]}`,
		`event`: `{"dataType":"application/json","extensions":{"count":5,"tenant":"t1"},"id":"1","source":"/shop",` +
			`"time":"2024-05-06T07:08:09Z","type":"order.created"}`,
	} {
		p, err := expression.Compile(expression.Transform, "transform", source, expression.Scope{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		v, err := p.Value(inputOf(sampleEvent()))
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := v.JSON(); string(got) != want {
			t.Errorf("%s is %s; want %s", source, got, want)
		}
	}
	for _, source := range []string{`1.0 / 0.0`, `{1: "a", "1": "b"}`, `type(1)`} {
		p, err := expression.Compile(expression.Transform, "transform", source, expression.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := p.Value(inputOf(sampleEvent())); err == nil {
			t.Errorf("%s is %s; want an error", source, v.JSON())
		}
	}
}

func TestResponse(t *testing.T) {
	p, err := expression.Compile(expression.ResponseTransform, "responseTransform",
		`{"s": response.status, "h": response.headers["x-a"], "d": response.data.x, "e": event.id}`, expression.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	in := inputOf(sampleEvent())
	if _, err := p.Value(in); err == nil {
		t.Error("a response transform without a response evaluates")
	}
	in.SetResponse(&expression.Response{Status: 200, Header: map[string][]string{"X-A": {"1"}}, DataType: "application/json", Data: []byte(`{"x":[1]}`)})
	v, err := p.Value(in)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.JSON(); string(got) != `{"d":[1],"e":"1","h":"1","s":200}` {
		t.Errorf("got %s", got)
	}
	in.SetResponse(&expression.Response{Header: map[string][]string{"X-A": {"2"}}, DataType: "application/json", Data: []byte(`{"x":2}`)})
	if v, err = p.Value(in); string(v.JSON()) != `{"d":2,"e":"1","h":"2","s":0}` || err != nil {
		t.Errorf("with another response got %s, %v", v.JSON(), err)
	}
	if _, err := expression.Compile(expression.Transform, "transform", `response.status`, expression.Scope{}); err == nil {
		t.Error("a transform may use response")
	}
}

// TestShared compiles the same expression in many goroutines and expects one program, as long as it is in use.
func TestShared(t *testing.T) {
	var group sync.WaitGroup
	programs := make([]*expression.Program, 8)
	for i := range programs {
		group.Go(func() {
			programs[i], _ = expression.Compile(expression.Filter, "filter", `data.shared.exists(x, x == 1)`, expression.Scope{})
		})
	}
	group.Wait()
	for _, p := range programs {
		if p != programs[0] || p == nil {
			t.Fatal("equal expressions have different programs")
		}
	}
}
