package configapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/configapi"
)

// Hostile and mistaken bodies. Each is refused with a message that helps, and none changes anything.
func TestRefusedBodies(t *testing.T) {
	s := newStore(t)
	in := newInstance(t, s, configapi.Static{})
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
	sub := in.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"http","method":"GET","path":"/x"}`)
	const functions, subscriptions = "POST /v1/spaces/a/functions", "POST /v1/spaces/a/subscriptions"
	update := "PUT /v1/spaces/a/subscriptions/" + sub.field("subscriptionId").(string)
	revisions := len(s.log)

	for _, test := range []struct{ why, request, body, want string }{
		{"nothing sent", functions, ``, `body: empty: want a JSON object`},
		{"only white space", functions, " \n", `body: empty: want a JSON object`},
		{"truncated", functions, `{"functionId":"g"`, `body: not valid JSON at byte 17: unexpected end of JSON input`},
		{"a second value would be lost", functions, `{"functionId":"g"} {}`, `body: not valid JSON at byte 20: invalid character '{' after top-level value`},
		{"a form instead of JSON", functions, `functionId=g`, `body: not valid JSON at byte 2: invalid character 'u' in literal false (expecting 'a')`},
		{"invalid UTF-8 would be stored as something else", functions, "{\"functionId\":\"g\xff\"}", `body: not valid UTF-8: want JSON in UTF-8`},
		{"deep JSON can exhaust a recursive decoder", functions, strings.Repeat(`[`, 500_000), `body: nested too deep: want at most 32 levels of JSON`},
		{"deep inside a field", functions, `{"provider":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 41), `body: nested too deep: want at most 32 levels of JSON`},
		{"a list is no function", functions, `[{"functionId":"g"}]`, `body: an array is not accepted: want a JSON object`},
		{"null is no function", functions, `null`, `body: null is not accepted: want a JSON object`},
		{"a misspelled field would be ignored", functions, `{"functionID":"g"}`, `unknown field "functionID": want only space, functionId, type, provider, format, timeout, concurrency, metadata`},
		{"a field of a later version", subscriptions, `{"functionId":"f","event":"e","batch":{}}`, `unknown field "batch": want only space, subscriptionId, type, event, eventType, functionId, method, path, cors, filter, pattern, transform, responseTransform, headers, delivery, paused, metadata`},
		{"which of two wins is anybody's guess", functions, `{"functionId":"g","functionId":"h"}`, `functionId: given twice: want every field once`},
		{"also among the provider's", functions, `{"functionId":"g","type":"test","provider":{"url":"a","url":"b"}}`, `"provider.url": given twice: want every field once`},
		{"also in metadata", functions, `{"functionId":"g","metadata":{"k":"a","k":"b"}}`, `"metadata.k": given twice: want every field once`},
		{"number as id", functions, `{"functionId":1}`, `functionId: a number is not accepted: want a string`},
		{"object as type", functions, `{"functionId":"g","type":{}}`, `type: an object is not accepted: want a string`},
		{"string as provider", functions, `{"functionId":"g","type":"test","provider":"AKIA"}`, `provider: a string is not accepted: want a JSON object`},
		{"number as timeout", functions, `{"functionId":"g","timeout":5}`, `timeout: "5" is not accepted as a duration: want a string such as "250ms", "30s" or "24h"`},
		{"no time at all", functions, `{"functionId":"g","timeout":"0s"}`, `timeout: "0s" is not accepted: want more than 0s and at most 15m`},
		{"too much time", functions, `{"functionId":"g","type":"test","provider":{"url":"u"},"timeout":"16m"}`, `timeout: "16m0s" is not accepted: want more than 0s and at most 15m`},
		{"string as concurrency", functions, `{"functionId":"g","concurrency":"5"}`, `concurrency: a string is not accepted: want a number`},
		{"half a call", functions, `{"functionId":"g","concurrency":0.5}`, `concurrency: 0.5 is not accepted: want a whole number from 0 to 10000`},
		{"too many calls", functions, `{"functionId":"g","concurrency":10001}`, `concurrency: 10001 is not accepted: want a whole number from 0 to 10000`},
		{"unknown format", functions, `{"functionId":"g","type":"test","provider":{"url":"u"},"format":"xml"}`, `format: "xml" is not accepted: want event, cloudevents, cloudevents-binary, raw, apigateway-v1 or apigateway-v2`},
		{"array as metadata", functions, `{"functionId":"g","metadata":["a"]}`, `metadata: an array is not accepted: want a JSON object`},
		{"number in metadata", functions, `{"functionId":"g","metadata":{"a":1}}`, `"metadata.a": a number is not accepted: want a string`},
		{"no type", functions, `{"functionId":"g","provider":{"url":"u"}}`, `type: missing: want the name of a provider such as http or awslambda`},
		{"no provider", functions, `{"functionId":"g","type":"test"}`, `provider: missing: want an object with the fields of type "test"`},
		{"null stands for not given", functions, `{"functionId":"g","type":"test","provider":null}`, `provider: missing: want an object with the fields of type "test"`},
		{"two types", functions, `{"functionId":"g","type":"test","provider":{"type":"http","url":"u"}}`, `provider.type: "http" is not accepted beside type "test": want one type`},
		{"number as inner type", functions, `{"functionId":"g","provider":{"type":7,"url":"u"}}`, `provider.type: a number is not accepted: want a string`},
		{"unknown provider field", functions, `{"functionId":"g","type":"test","provider":{"uri":"u"}}`, `provider: unknown field "uri": want url, secret`},
		{"a type path would reach other modules", functions, `{"functionId":"g","type":"../http.handlers.x","provider":{}}`, `type: "../http.handlers.x" is not accepted: want one of the providers built in: `},
		{"an id that does not survive in a URL", functions, `{"functionId":"..","type":"test","provider":{"url":"u"}}`, `functionId: ".." is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`},
		{"an id with a slash would be another key", functions, `{"functionId":"a/b","type":"test","provider":{"url":"u"}}`, `functionId: "a/b" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`},
		{"an id with an escaped NUL", functions, `{"functionId":"a\u0000","type":"test","provider":{"url":"u"}}`, `functionId: "a\x00" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`},
		{"another space", functions, `{"functionId":"g","space":"b","type":"test","provider":{"url":"u"}}`, `space: "b" is not accepted: want the one in the URL, "a", or none`},
		{"another id", "PUT /v1/spaces/a/functions/f", `{"functionId":"g","type":"test","provider":{"url":"u"}}`, `functionId: "g" is not accepted: want the one in the URL, "f", or none`},
		{"first generation has one space", "POST /v1/functions", `{"functionId":"g","space":"b","provider":{"type":"test","url":"u"}}`, `space: "b" is not accepted: want the one in the URL, "default", or none`},
		{"two event names", subscriptions, `{"functionId":"f","event":"a","eventType":"b"}`, `eventType: "b" is not accepted beside event "a": want one of them`},
		{"no event", subscriptions, `{"functionId":"f"}`, `event: "" is not accepted: want 1 to 255 bytes of printable characters without spaces, and * only at the end`},
		{"half a surrogate", subscriptions, `{"functionId":"f","event":"\ud800"}`, `event: "` + "\uFFFD" + `" is not accepted: want 1 to 255 bytes of printable characters without spaces, and * only at the end`},
		{"http without a method", subscriptions, `{"functionId":"f","event":"http"}`, `method: missing: want an HTTP method such as GET for event "http"`},
		{"header injection by method", subscriptions, `{"functionId":"f","event":"http","method":"GET\r\nX: y"}`, `method: "GET\r\nX: Y" is not accepted: want an HTTP method such as GET`},
		{"relative path", subscriptions, `{"functionId":"f","event":"e","path":"x"}`, `path: "x" is not accepted: want a path that starts with /`},
		{"long path", subscriptions, `{"functionId":"f","event":"e","path":"/` + strings.Repeat("a", 64<<10) + `"}`, `path: "/` + strings.Repeat("a", 79) + `…" is not accepted: want at most 2048 bytes`},
		{"path of a thousand parameters", subscriptions, `{"functionId":"f","event":"e","path":"` + strings.Repeat("/:a", 600) + `"}`, `path: "` + strings.Repeat("/:a", 27)[:80] + `…" is not accepted: want at most 64 segments`},
		{"anything after a wildcard", subscriptions, `{"functionId":"f","event":"e","path":"/*a/b"}`, `path: "/*a/b" is not accepted: want nothing after the wildcard *a`},
		{"an id of its own", subscriptions, `{"functionId":"f","event":"e","subscriptionId":"mine"}`, `subscriptionId: "mine" is not accepted: want none: the gateway gives it, here ` + id("a", "e", "f", "/")},
		{"boolean as cors", subscriptions, `{"functionId":"f","event":"http","method":"GET","path":"/y","cors":true}`, `cors: a boolean is not accepted: want a JSON object`},
		{"string as origins", subscriptions, `{"functionId":"f","event":"http","method":"GET","path":"/y","cors":{"origins":"*"}}`, `cors.origins: a string is not accepted: want an array of strings`},
		{"number among origins", subscriptions, `{"functionId":"f","event":"http","method":"GET","path":"/y","cors":{"origins":["*",1]}}`, `cors.origins: a number is not accepted: want only strings in the array`},
		{"null among origins", subscriptions, `{"functionId":"f","event":"http","method":"GET","path":"/y","cors":{"origins":[null]}}`, `cors.origins: null is not accepted: want only strings in the array`},
		{"string as boolean", subscriptions, `{"functionId":"f","event":"http","method":"GET","path":"/y","cors":{"allowCredentials":"true"}}`, `cors.allowCredentials: a string is not accepted: want true or false`},
		{"unknown cors field", subscriptions, `{"functionId":"f","event":"http","method":"GET","path":"/y","cors":{"origin":["*"]}}`, `unknown field "cors.origin": want only origins, methods, headers, allowCredentials`},
		{"cors on a custom event", subscriptions, `{"functionId":"f","event":"e","cors":{}}`, `cors: not accepted for event "e": want it only for http events; custom events accept any origin`},
		{"filter that does not compile", subscriptions, `{"functionId":"f","event":"e","filter":"data.n > \n  nothing"}`, `filter: 2:3: undeclared reference to 'nothing'`},
		{"filter that is no bool", subscriptions, `{"functionId":"f","event":"e","filter":"1 + 1"}`, `filter: 1:1: the value is int: want a bool`},
		{"filter as an object", subscriptions, `{"functionId":"f","event":"e","filter":{"a":["b"]}}`, `filter: an object is not accepted: want a string`},
		{"pattern as a string", subscriptions, `{"functionId":"f","event":"e","pattern":"{}"}`, `pattern: a string is not accepted: want a JSON object`},
		{"filter and pattern", subscriptions, `{"functionId":"f","event":"e","filter":"true","pattern":{"detail":{"a":["b"]}}}`, `pattern: not accepted beside filter: want one of them`},
		{"long filter", subscriptions, `{"functionId":"f","event":"e","filter":"` + strings.Repeat("x", 100_000) + `"}`, `filter: 100000 bytes are not accepted: want at most 8192`},
		{"many parentheses", subscriptions, `{"functionId":"f","event":"e","filter":"` + strings.Repeat("(", 4000) + strings.Repeat(")", 4000) + `"}`, `filter: 1:65: nested too deeply: want at most 64 levels`},
		{"costly filter", subscriptions, `{"functionId":"f","event":"e","filter":"data.a.all(x, data.b.all(y, data.c.all(z, x + y == z)))"}`, `filter: `},
		{"transform that does not compile", subscriptions, `{"functionId":"f","event":"e","transform":"{"}`, `transform: 1:2: `},
		{"answer of an async subscription", subscriptions, `{"functionId":"f","event":"e","responseTransform":"1"}`, `responseTransform: not accepted for type "async": want it only for sync`},
		{"headers as a list", subscriptions, `{"functionId":"f","event":"e","headers":["X-A"]}`, `headers: an array is not accepted: want a JSON object`},
		{"header injection by name", subscriptions, `{"functionId":"f","event":"e","headers":{"X-A: b\r\nX-B":"1"}}`, `headers: "X-A: b\r\nX-B" is not accepted: want an HTTP header name`},
		{"header that does not compile", subscriptions, `{"functionId":"f","event":"e","headers":{"X-A":"1 +"}}`, `headers.X-A: 1:4: `},
		{"boolean as delivery", subscriptions, `{"functionId":"f","event":"e","delivery":true}`, `delivery: a boolean is not accepted: want a JSON object`},
		{"unknown delivery field", subscriptions, `{"functionId":"f","event":"e","delivery":{"retries":3}}`, `unknown field "delivery.retries": want only attempts, backoff, maxAge, timeout, retryOn, deadLetter, orderingKey`},
		{"string as attempts", subscriptions, `{"functionId":"f","event":"e","delivery":{"attempts":"5"}}`, `delivery.attempts: a string is not accepted: want a number`},
		{"no attempt would mean the default", subscriptions, `{"functionId":"f","event":"e","delivery":{"attempts":0}}`, `delivery.attempts: 0 is not accepted: want a whole number from 1 to 100`},
		{"many attempts", subscriptions, `{"functionId":"f","event":"e","delivery":{"attempts":` + strings.Repeat("9", 1000) + `}}`, `delivery.attempts: ` + strings.Repeat("9", 40) + ` is not accepted: want a whole number from 1 to 100`},
		{"number as backoff", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":2}}`, `delivery.backoff: a number is not accepted: want a JSON object`},
		{"unknown backoff field", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":{"max":"1s"}}}`, `unknown field "delivery.backoff.max": want only initial, factor, maximum, jitter`},
		{"number as wait", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":{"initial":5}}}`, `delivery.backoff.initial: "5" is not accepted as a duration: want a string such as "250ms", "30s" or "24h"`},
		{"no wait would mean the default", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":{"initial":"0s"}}}`, `delivery.backoff.initial: "0s" is not accepted: want more than 0s and at most 24h`},
		{"maximum below initial", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":{"initial":"2s","maximum":"1s"}}}`, `delivery.backoff.maximum: "1s" is not accepted: want at least the initial wait, 2s`},
		{"no factor would mean the default", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":{"factor":0}}}`, `delivery.backoff.factor: 0 is not accepted: want 1 to 10`},
		{"infinite factor", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":{"factor":1e999}}}`, `delivery.backoff.factor: 1e999 is not accepted: want a smaller number`},
		{"string as jitter", subscriptions, `{"functionId":"f","event":"e","delivery":{"backoff":{"jitter":"0.1"}}}`, `delivery.backoff.jitter: a string is not accepted: want a number`},
		{"no age would mean the default", subscriptions, `{"functionId":"f","event":"e","delivery":{"maxAge":"0s"}}`, `delivery.maxAge: "0s" is not accepted: want more than 0s and at most 720h, which is 30 days`},
		{"a month and more", subscriptions, `{"functionId":"f","event":"e","delivery":{"maxAge":"721h"}}`, `delivery.maxAge: "721h0m0s" is not accepted: want more than 0s and at most 720h, which is 30 days`},
		{"no time would mean the default", subscriptions, `{"functionId":"f","event":"e","delivery":{"timeout":"0s"}}`, `delivery.timeout: "0s" is not accepted: want more than 0s and at most 15m`},
		{"string as outcomes", subscriptions, `{"functionId":"f","event":"e","delivery":{"retryOn":"5xx"}}`, `delivery.retryOn: a string is not accepted: want an array of statuses and classes of failures`},
		{"boolean among outcomes", subscriptions, `{"functionId":"f","event":"e","delivery":{"retryOn":["5xx",true]}}`, `delivery.retryOn: a boolean is not accepted: want only statuses and classes of failures in the array`},
		{"unknown outcome", subscriptions, `{"functionId":"f","event":"e","delivery":{"retryOn":[503,600]}}`, `delivery.retryOn: "600" is not accepted: want a status from 100 to 599, 4xx, `},
		{"a status in two forms", subscriptions, `{"functionId":"f","event":"e","delivery":{"retryOn":[503,"503"]}}`, `delivery.retryOn: "503" is given twice: want every entry once`},
		{"dead letters to nobody", subscriptions, `{"functionId":"f","event":"e","delivery":{"deadLetter":"none"}}`, `delivery.deadLetter: function "none" does not exist in space "a": want a function that is registered`},
		{"dead letters to itself", subscriptions, `{"functionId":"f","event":"e","delivery":{"deadLetter":"f"}}`, `delivery.deadLetter: "f" is not accepted: want another function than the subscription's own`},
		{"ordering key that does not compile", subscriptions, `{"functionId":"f","event":"e","delivery":{"orderingKey":"data.a + nothing"}}`, `delivery.orderingKey: 1:10: undeclared reference to 'nothing'`},
		{"ordering key of another event's request", subscriptions, `{"functionId":"f","event":"e","delivery":{"orderingKey":"request.path"}}`, `delivery.orderingKey: 1:1: `},
		{"delivery of a sync subscription", subscriptions, `{"functionId":"f","event":"e","type":"sync","delivery":{"attempts":1}}`, `delivery: not accepted for type "sync": want it only for async, where the sender does not wait`},
		{"a sync subscription paused", subscriptions, `{"functionId":"f","event":"e","type":"sync","paused":true}`, `paused: not accepted for type "sync": want it only for async, where the sender does not wait`},
		{"string as paused", subscriptions, `{"functionId":"f","event":"e","paused":"true"}`, `paused: a string is not accepted: want true or false`},
		{"bad filter on update", update, `{"filter":"data."}`, `filter: 1:6: `},
		{"identity is not for change", update, `{"path":"/y"}`, `path: "/y" is not accepted: want no change from "/x": only cors, filter, pattern, transform, responseTransform, headers, delivery, paused and metadata of a subscription can be changed; delete it and create another`},
		{"nor the function", update, `{"functionId":"g"}`, `functionId: "g" is not accepted: want no change from "f": only cors, filter, pattern, transform, responseTransform, headers, delivery, paused and metadata of a subscription can be changed; delete it and create another`},
		{"nor the type", update, `{"type":"async"}`, `type: "async" is not accepted: want no change from "sync": only cors, filter, pattern, transform, responseTransform, headers, delivery, paused and metadata of a subscription can be changed; delete it and create another`},
		{"nor the id", update, `{"subscriptionId":"x"}`, `subscriptionId: "x" is not accepted: want the one in the URL, `},
		{"bad cors on update", update, `{"cors":{"methods":["G T"]}}`, `cors.methods: "G T" is not accepted: want `},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		a := in.do(method, path, test.body)
		if a.Code != 400 || !strings.HasPrefix(a.message(), test.want) {
			t.Errorf("%s:\ngot  %d %s\nwant 400 %s", test.why, a.Code, a.message(), test.want)
		}
	}
	if len(s.log) != revisions {
		t.Errorf("%d changes were made", len(s.log)-revisions)
	}
}

func TestBodyLimit(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	body := func(size int) string {
		const head, tail = `{"functionId":"f","provider":{"type":"test","url":"u"}`, `}`
		return head + strings.Repeat(" ", size-len(head)-len(tail)) + tail
	}
	in.must(200, "POST", "/v1/functions", body(1<<20))
	if got := in.must(413, "POST", "/v1/functions", body(1<<20+1)).message(); got != "body: too large: want at most 1048576 bytes" {
		t.Errorf("got %s", got)
	}
	in.handler.MaxBody = 100
	in.must(413, "POST", "/v1/functions", body(101))
}

// What only a real connection can send.
func TestHostileConnections(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	server := httptest.NewServer(in.handler)
	defer server.Close()
	send := func(request string, halfClose bool) (status int, body string) {
		t.Helper()
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if halfClose {
			c.(*net.TCPConn).CloseWrite()
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		data, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(data)
	}
	for _, test := range []struct {
		why, request string
		halfClose    bool
		status       int
	}{
		{"the body ends before Content-Length", "POST /v1/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{}", true, 400},
		{"a length that would fill memory", "POST /v1/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n" + strings.Repeat(" ", 1<<20+1), false, 413},
		{"endless chunks", "POST /v1/functions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n", 17), false, 413},
		{"64 KiB of path", "GET /v1/functions/" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", false, 404},
		{"path out of the tree", "GET /v1/spaces/../functions HTTP/1.1\r\nHost: x\r\n\r\n", false, 400},
		{"bytes that are no UTF-8 in the path", "GET /v1/functions/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n", false, 404},
		{"10,000 header lines", "GET /v1/functions HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 10_000) + "\r\n", false, 200},
	} {
		if status, body := send(test.request, test.halfClose); status != test.status || len(body) > 1000 {
			t.Errorf("%s: got %d %.200s, want %d", test.why, status, body, test.status)
		}
	}
	if status, body := send("GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false); status != 200 {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

// A list can be cut off by its reader at any time.
func TestListReaderGoesAway(t *testing.T) {
	s := newStore(t)
	for i := range 3000 {
		id := fmt.Sprintf("f%d", i)
		s.put(key("default", configapi.Functions, id), encode(testFunction("default", id)))
	}
	in := newInstance(t, s, configapi.Static{})
	server := httptest.NewServer(in.handler)
	defer server.Close()
	for range 5 {
		r, err := http.Get(server.URL + "/v1/functions")
		if err != nil {
			t.Fatal(err)
		}
		io.CopyN(io.Discard, r.Body, 100)
		r.Body.Close()
	}
	in.must(200, "GET", "/v1/functions", "")
}

// A sender that lets its body trickle holds a connection, but not for ever.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := unloadedInstance(t, newStore(t), configapi.Static{})
		ours, theirs := net.Pipe()
		listener := &oneConn{conns: make(chan net.Conn, 1)}
		listener.conns <- theirs
		server := &http.Server{Handler: in.handler}
		go server.Serve(listener)
		io.WriteString(ours, "POST /v1/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
		started := time.Now()
		r, err := http.ReadResponse(bufio.NewReader(ours), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		if took := time.Since(started); r.StatusCode != 408 || took != 30*time.Second {
			t.Errorf("got %d %s after %s", r.StatusCode, body, took)
		}
		ours.Close()
		server.Close()
	})
}

// oneConn is a listener that was called once.
type oneConn struct {
	conns chan net.Conn
	once  sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.conns) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
