package configapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/configapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

const trials = "/v1/spaces/default/filters/test"

// TestTrialsGolden shows what is answered to what is tried. Run with -update to write the file anew.
func TestTrialsGolden(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	var out bytes.Buffer
	for _, test := range []struct{ name, body string }{
		{"nothing", `{}`},
		{"only a filter", `{"filter":"data.total > 100"}`},
		{"a filter and events", `{"filter":"data.total > 100","events":[{"event":"order","data":{"total":101}},{"event":"order","data":{"total":7.5}},{"event":"order","data":{}}]}`},
		{"one event", `{"filter":"event.type == 'order'","event":{"event":"order"}}`},
		{"a CloudEvent", `{"filter":"event.source.startsWith('/shop') && event.extensions.tenant == 'a'","event":{"specversion":"1.0","type":"order","source":"/shop/7","id":"1","tenant":"a"}}`},
		{"a request", `{"filter":"request.method == 'GET' && request.params.id == '7' && request.headers['x-a'] == 'b' && request.query.q == ['1']","event":{"http":{"path":"/users/7","params":{"id":"7"},"headers":{"X-A":"b"},"query":{"q":"1"}}}}`},
		{"a pattern", `{"pattern":{"detail":{"total":[{"numeric":[">",100]}],"country":["DE",{"prefix":"A"}]}},"events":[{"event":"order","data":{"total":101,"country":"AT"}},{"event":"order","data":{"total":101,"country":"CH"}}]}`},
		{"transforms", `{"filter":"true","transform":"{'n': data.n * 2}","headers":{"X-N":"data.n","X-Id":"'#' + event.id"},"responseTransform":"response.status == 200 ? response.data : null","event":{"event":"e","id":"7","data":{"n":21}},"response":{"data":{"ok":true}}}`},
		{"text and bytes", `{"transform":"event.type == 'a' ? data.text : b'\\x00\\x01'","events":[{"event":"b","data":{"text":"hi"}}]}`},
		{"a text", `{"transform":"data.text","event":{"event":"b","data":{"text":"hi"}}}`},
		{"a transform that fails", `{"transform":"data.missing","event":{"event":"e","data":{}}}`},
		{"a header that fails", `{"headers":{"X-A":"data.n"},"event":{"event":"e","data":{"n":{}}}}`},
		{"a response transform without a response", `{"responseTransform":"response.data","event":{"event":"e"}}`},
		{"a transform of what does not match", `{"filter":"false","transform":"data.missing","event":{"event":"e"}}`},
		{"a filter that fails", `{"filter":"data.a.b == 1","event":{"event":"e","data":{"a":7}}}`},
		{"syntax error", `{"filter":"data.total >","event":{"event":"e"}}`},
		{"unknown name", `{"filter":"data.total > 1 &&\n  datum.x == 2"}`},
		{"no bool", `{"filter":"1 + 1"}`},
		{"errors in all fields", `{"filter":"(","transform":")","responseTransform":"]","headers":{"X-A":"[","X-B":"1"}}`},
		{"a costly filter", `{"filter":"data.all(a, data.all(b, data.all(c, a + b == c)))"}`},
		{"a pattern that is none", `{"pattern":{"detail":{"a":"b"}}}`},
	} {
		a := in.must(200, "POST", trials, test.body)
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(a.body), "", "  "); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "== %s\n%s\n\n%s\n", test.name, test.body, pretty.String())
	}
	const file = "testdata/trials.golden"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, out.Bytes()) {
		t.Errorf("%s is out of date; run with -update and look at the difference:\n%s", file, out.String())
	}
}

func TestTrialRefusals(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	for _, test := range []struct{ body, want string }{
		{`[]`, "body: an array is not accepted: want a JSON object"},
		{`{"expression":"true"}`, `unknown field "expression": want only filter, pattern, transform, responseTransform, headers, event, events, response`},
		{`{"filter":1}`, "filter: a number is not accepted: want a string"},
		{`{"filter":"true","pattern":{"a":["b"]}}`, "pattern: not accepted beside filter: want one of them"},
		{`{"headers":{"Host":"1"}}`, "headers.Host: this header is set by the gateway itself: want it left out"},
		{`{"transform":"` + strings.Repeat("x", 9000) + `"}`, "transform: 9000 bytes are not accepted: want at most 8192"},
		{`{"event":{"event":"a"},"events":[]}`, "events: not accepted beside the other: want event or events"},
		{`{"event":1}`, "event: not accepted: want a JSON object"},
		{`{"events":{}}`, "events: an object is not accepted: want an array of events"},
		{`{"events":[{"event":"a"},{}]}`, "events[1]: not accepted: want a CloudEvent, an object with event and data, or one with http"},
		{`{"events":[` + strings.Repeat("{},", 100) + `{}]}`, "events: 101 events are not accepted: want at most 100"},
		{`{"filter":"(","event":{"event":"a b"}}`, `event.event: "a b" is not accepted: want `},
		{`{"response":{"status":"ok"}}`, "response.status: a string is not accepted: want an HTTP status"},
		{`{"response":{"statusCode":200}}`, `unknown field "response.statusCode": want only status, headers, data`},
	} {
		a := in.do("POST", trials, test.body)
		if a.Code != 400 || !strings.HasPrefix(a.message(), test.want) {
			t.Errorf("%.100s:\n got %d %s\nwant 400 %s", test.body, a.Code, a.message(), test.want)
		}
	}
	in.must(405, "GET", trials, "")
	in.must(400, "POST", "/v1/spaces/a%20b/filters/test", `{}`)
	in.must(404, "POST", "/v1/filters/test", `{}`)
}

// A trial needs neither the store nor a space that exists.
func TestTrialWithoutAStore(t *testing.T) {
	in := unloadedInstance(t, newStore(t), configapi.Static{})
	if a := in.must(200, "POST", "/v1/spaces/new/filters/test", `{"filter":"true","event":{"event":"e"}}`); a.field("valid") != true {
		t.Errorf("got %s", a.body)
	}
	if got := <-in.seen; got != " filters test OK" {
		t.Errorf("the observer was told %q", got)
	}
}

// FuzzTrial tries anything. Whatever it is: the answer is JSON in the contract's form, and it does not take long.
func FuzzTrial(f *testing.F) {
	for _, seed := range []string{
		`{"filter":"data.total > 100","event":{"event":"order","data":{"total":101}}}`,
		`{"pattern":{"detail":{"a":[{"prefix":"b"}]}},"events":[{"http":{"body":[1]}}]}`,
		`{"transform":"{'a': data}","headers":{"X-A":"event.id"},"responseTransform":"response","response":{"data":[1]},"event":{"specversion":"1.0","type":"e","source":"/","id":"1"}}`,
		`{"filter":"data.all(a, a.matches('^(a+)+$'))","event":{"event":"e","data":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"]}}`,
		`{"filter":"\ud800"}`, `{"transform":"lists.range(10000).map(x, lists.range(10000))","event":{"event":"e"}}`, `{}`, `[`, "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in := unloadedInstance(t, newStore(t), configapi.Static{})
		a := in.do("POST", trials, body)
		var result struct {
			Valid   *bool
			Errors  []struct{ Field, Message string }
			Results []struct{ Matches *bool }
		}
		if err := json.Unmarshal([]byte(a.body), &result); err != nil {
			t.Fatalf("%d %q", a.Code, a.body)
		}
		switch a.Code {
		case 400, 413:
			if a.message() == "" {
				t.Fatalf("no message: %s", a.body)
			}
		case 200:
			if result.Valid == nil || *result.Valid != (len(result.Errors) == 0) || !*result.Valid && len(result.Results) > 0 {
				t.Fatalf("%s", a.body)
			}
			for _, e := range result.Errors {
				if e.Field == "" || e.Message == "" {
					t.Fatalf("an error without field or message: %s", a.body)
				}
			}
		default:
			t.Fatalf("%d %s", a.Code, a.body)
		}
	})
}
