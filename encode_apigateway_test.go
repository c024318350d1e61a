package eventgateway_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway"
)

var gatewayFormats = []eventgateway.Format{eventgateway.FormatAPIGatewayV1, eventgateway.FormatAPIGatewayV2}

// gatewayEvent is the http event of a request with a little of everything.
func gatewayEvent(dataType, data string) *eventgateway.Event {
	ev := httpEvent(dataType, data)
	ev.HTTP = &eventgateway.HTTPRequest{
		Path: "/users/a/b/files/ü x", RawPath: "/users/a%2Fb/files/%C3%BC%20x", Method: "POST", Host: "api.example.com:8443",
		Header: http.Header{
			"Accept": {"text/html", "*/*;q=0.1"}, "Content-Type": {dataType}, "Cookie": {"a=1; b=2", "c=3"}, "User-Agent": {"agent/1.0"},
			"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"gopher"},
		},
		Query: url.Values{"q": {"1", "a&b"}, "empty": {""}, "ü": {"é"}}, RawQuery: "q=1&q=a%26b&empty&%C3%BC=%C3%A9",
		Protocol: "HTTP/2.0", Scheme: "https", ClientIP: "203.0.113.7",
	}
	return ev
}

var gatewayRoute = eventgateway.Route{
	Path: "/users/:id/files/*rest", Params: eventgateway.PathParams{{Name: "id", Value: "a/b"}, {Name: "rest", Value: "ü x"}},
}

var gatewayEncodings = map[string]struct {
	event *eventgateway.Event
	route eventgateway.Route
}{
	"json":    {gatewayEvent("application/json", `{"a": "ü"}`), gatewayRoute},
	"form":    {gatewayEvent("application/x-www-form-urlencoded", "a=1&b=%20"), gatewayRoute},
	"text":    {gatewayEvent("Text/Plain; charset=utf-8", "line\n\"two\""), gatewayRoute},
	"latin":   {gatewayEvent("text/plain; charset=latin1", "caf\xe9"), gatewayRoute},
	"svg":     {gatewayEvent("image/svg+xml", "<svg/>"), gatewayRoute},
	"binary":  {gatewayEvent("image/png", "\x89PNG"), gatewayRoute},
	"no-body": {gatewayEvent("application/json", ""), gatewayRoute},
	"authorized": {
		func() *eventgateway.Event {
			ev := gatewayEvent("application/json", "")
			ev.Authorization = json.RawMessage(
				`{"principalId":"ü 1","context":{"text":"x","number":1.5,"flag":true,"none":null,"list":["a"],"principalId":"other"}}`)
			return ev
		}(), gatewayRoute,
	},
	// What is known of a request that was queued by an earlier version, and of one whose subscription is gone.
	"bare":    {httpEvent("application/json", `{"a":1}`), eventgateway.Route{}},
	"root":    {&eventgateway.Event{Type: "http", ID: "1", HTTP: &eventgateway.HTTPRequest{Path: "/", Method: "GET"}}, eventgateway.Route{Path: "/"}},
	"ipv6":    {&eventgateway.Event{HTTP: &eventgateway.HTTPRequest{Path: "/", Host: "[::1]:80", Scheme: "http", ClientIP: "::1"}}, eventgateway.Route{}},
	"hostile": {encodings["hostile"].event, eventgateway.Route{Path: hostile, Params: encodings["hostile"].params}},
}

// TestEncodeAPIGatewayGolden shows what functions written for API Gateway receive. Run with -update to write the files anew.
func TestEncodeAPIGatewayGolden(t *testing.T) {
	for name, test := range gatewayEncodings {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			for _, format := range gatewayFormats {
				encoded := test.event.EncodeRoute([]byte("before"), format, test.route)
				payload, found := bytes.CutPrefix(encoded.Payload, []byte("before"))
				if !found || encoded.ContentType != eventgateway.TypeJSON || encoded.Header != nil {
					t.Errorf("%s: got %q as %s with %v", format, encoded.Payload, encoded.ContentType, encoded.Header)
				}
				if err := eventgateway.ValidateJSON("payload", payload); err != nil {
					t.Errorf("%s: %v", format, err)
				}
				fmt.Fprintf(&out, "== %s\n", format)
				if err := json.Indent(&out, payload, "", "  "); err != nil {
					t.Fatal(err)
				}
				out.WriteByte('\n')
			}
			golden(t, filepath.Join("testdata", "encode", "apigateway", name+".txt"), out.Bytes())
		})
	}
}

// TestEventsOfOtherTypesAreNoRequests encodes what reaches a function of these formats only where its subscription was
// written by another version.
func TestEventsOfOtherTypesAreNoRequests(t *testing.T) {
	for _, format := range gatewayFormats {
		got := custom("application/json", `{"a":1}`).Encode(nil, format, nil)
		want := custom("application/json", `{"a":1}`).Encode(nil, eventgateway.FormatEvent, nil)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %s", format, got.Payload)
		}
	}
}

// gatewayV1 and gatewayV2 are the events as functions in Go decode them.
type (
	gatewayV1 struct {
		Resource, Path, HTTPMethod                         string
		Headers, QueryStringParameters, PathParameters     map[string]string
		MultiValueHeaders, MultiValueQueryStringParameters map[string][]string
		RequestContext                                     struct {
			Path, HTTPMethod, RequestID, Protocol string
			RequestTimeEpoch                      int64
			Identity                              struct{ SourceIP, UserAgent string }
		}
		Body            string
		IsBase64Encoded bool
	}
	gatewayV2 struct {
		RawPath, RawQueryString                        string
		Cookies                                        []string
		Headers, QueryStringParameters, PathParameters map[string]string
		RequestContext                                 struct {
			RequestID string
			TimeEpoch int64
			HTTP      struct{ Method, Path, Protocol, SourceIP, UserAgent string }
		}
		Body            string
		IsBase64Encoded bool
	}
)

// asRead is a text as it is after it was written as JSON.
func asRead(s string) string {
	var out string
	if err := json.Unmarshal(eventgateway.AppendJSONString(nil, s), &out); err != nil {
		panic(err)
	}
	return out
}

func allAsRead(list []string) (out []string) {
	for _, s := range list {
		out = append(out, asRead(s))
	}
	return out
}

// FuzzEncodeAPIGateway encodes http events made of anything: they are valid JSON in which functions find what was sent.
func FuzzEncodeAPIGateway(f *testing.F) {
	f.Add("/users/%C3%BC%2F1", "q=1&q=2&%zz", "Accept: a\nAccept: b\nCookie: a=1;b=2", "application/json", []byte(`{"a":1}`), "id", "x/y", "::1")
	f.Add("/", "", "Host: x\nX-Forwarded-For: 1.2.3.4", "image/png", []byte("\x89PNG"), "proxy", "", "")
	f.Add("/\xff", "a=\xff", "X: \xff", "text/plain", []byte("\xff"), "\xff", "\"", "\\")
	f.Add("/a?b", "a=1;b=2", "User-Agent: x\nUser-Agent: y", "", []byte("text"), "", "", "1.2.3.4")
	f.Fuzz(func(t *testing.T, path, query, headers, dataType string, data []byte, name, value, ip string) {
		u, err := url.Parse(path)
		if err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			return
		}
		u.RawQuery = query
		r := &eventgateway.HTTPRequest{
			Path: u.Path, RawPath: u.RawPath, Method: "PUT", Host: "h:1", Header: http.Header{}, Query: u.Query(), RawQuery: query,
			Protocol: "HTTP/1.1", Scheme: "http", ClientIP: ip,
		}
		for line := range strings.SplitSeq(headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok && eventgateway.ValidHeaderName(name) {
				r.Header.Add(name, value)
			}
		}
		r.Header.Del("Host")
		if dataType != "" {
			r.Header.Set("Content-Type", dataType)
		}
		ev := &eventgateway.Event{Type: "http", ID: "id", ReceivedAt: receivedAt, DataType: dataType, Data: data, HTTP: r}
		route := eventgateway.Route{Path: "/x/:" + name, Params: eventgateway.PathParams{{Name: name, Value: value}}}
		var v1 gatewayV1
		var v2 gatewayV2
		for format, into := range map[eventgateway.Format]any{gatewayFormats[0]: &v1, gatewayFormats[1]: &v2} {
			payload := ev.EncodeRoute(nil, format, route).Payload
			if err := eventgateway.ValidateJSON("payload", payload); err != nil {
				t.Fatalf("%s: %v: %q", format, err, payload)
			}
			if err := json.Unmarshal(payload, into); err != nil {
				t.Fatalf("%s: %v: %q", format, err, payload)
			}
		}
		checkRead(t, "path", []string{v1.Path, v1.RequestContext.Path, v2.RawPath, v2.RequestContext.HTTP.Path}, asRead(u.EscapedPath()))
		checkRead(t, "query", []string{v2.RawQueryString}, asRead(query))
		checkRead(t, "parameter", []string{v1.PathParameters[asRead(name)], v2.PathParameters[asRead(name)]}, asRead(value))
		checkRead(t, "client", []string{v1.RequestContext.Identity.SourceIP, v2.RequestContext.HTTP.SourceIP}, asRead(ip))
		checkRead(t, "body", []string{readBody(t, v1.Body, v1.IsBase64Encoded), readBody(t, v2.Body, v2.IsBase64Encoded)}, string(data))
		checkHeaders(t, r, &v1, &v2)
		for name, values := range r.Query {
			if !utf8.ValidString(name) {
				continue // two such names may become one
			}
			if got := v1.MultiValueQueryStringParameters[name]; !reflect.DeepEqual(got, allAsRead(values)) {
				t.Errorf("query parameter %q: got %q, want %q", name, got, values)
			}
			checkRead(t, "last of "+name, []string{v1.QueryStringParameters[name]}, asRead(values[len(values)-1]))
			checkRead(t, "all of "+name, []string{v2.QueryStringParameters[name]}, asRead(strings.Join(values, ",")))
		}
	})
}

func checkHeaders(t *testing.T, r *eventgateway.HTTPRequest, v1 *gatewayV1, v2 *gatewayV2) {
	t.Helper()
	checkRead(t, "host", []string{v1.Headers["Host"], v2.Headers["host"]}, r.Host)
	var cookies []string
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		switch name {
		case "Cookie":
			for cookie := range strings.SplitSeq(strings.Join(values, ";"), ";") {
				if cookie = strings.TrimSpace(cookie); cookie != "" {
					cookies = append(cookies, asRead(cookie))
				}
			}
			checkRead(t, name, []string{v1.Headers[name]}, asRead(strings.Join(values, "; ")))
		case "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto": // see the golden files
		default:
			if got := v1.MultiValueHeaders[name]; !reflect.DeepEqual(got, allAsRead(values)) {
				t.Errorf("header %s: got %q, want %q", name, got, values)
			}
			checkRead(t, name, []string{v1.Headers[name]}, asRead(values[len(values)-1]))
			checkRead(t, lower, []string{v2.Headers[lower]}, asRead(strings.Join(values, ",")))
		}
	}
	if !reflect.DeepEqual(v2.Cookies, cookies) || v2.Headers["cookie"] != "" {
		t.Errorf("cookies: got %q and %q, want %q", v2.Cookies, v2.Headers["cookie"], cookies)
	}
}

func checkRead(t *testing.T, what string, got []string, want string) {
	t.Helper()
	for _, got := range got {
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
}

func readBody(t *testing.T, body string, isBase64 bool) string {
	t.Helper()
	if !isBase64 {
		return body
	}
	data, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		t.Errorf("body %q: %v", body, err)
	}
	return string(data)
}

// BenchmarkEncodeAPIGateway writes one http event in the gateway's own schema and as API Gateway has it.
func BenchmarkEncodeAPIGateway(b *testing.B) {
	ev := gatewayEvent("application/json", string(benchmarkEvent.Data))
	ratio := map[eventgateway.Format]float64{}
	for _, format := range append([]eventgateway.Format{eventgateway.FormatEvent}, gatewayFormats...) {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ev.EncodeRoute(nil, format, gatewayRoute)
			}
			ratio[format] = float64(b.Elapsed()) / float64(b.N)
			b.ReportMetric(ratio[format]/ratio[eventgateway.FormatEvent], "x/event")
		})
	}
}
