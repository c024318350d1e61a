package eventsapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// patience is how long a test waits for what must happen; only a failing test waits that long.
const patience = time.Minute

// raw sends bytes over a connection and returns it, to read the answer from.
func raw(t *testing.T, server *httptest.Server, format string, args ...any) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, format, args...); err != nil {
		t.Fatal(err)
	}
	return conn
}

func readAnswer(t *testing.T, r io.Reader) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(r), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// A path is an attacker's to choose. A long one must cost no more than its length, whether something matches it or not.
func TestLongPaths(t *testing.T) {
	g := newGateway(t).function("f", echo).subscribe(t, "sync http GET /w/*rest f").subscribe(t, "async e POST /w/*rest f")
	for _, long := range []string{
		strings.Repeat("x", 64<<10), strings.Repeat("/", 64<<10), strings.Repeat("%2F", 20<<10),
		strings.Repeat("a/", 32<<10),
	} {
		res := g.send(request("GET", "/w/"+long, ""))
		if res.StatusCode != 200 && res.StatusCode != 404 {
			t.Errorf("GET: got %d", res.StatusCode)
		}
		expectError(t, g.send(request("GET", "/n/"+long, "")), 404, "no http subscription wants")
		if res := g.send(request("POST", "/w/"+long, "", "Event", "e")); res.StatusCode != 202 {
			t.Errorf("POST: got %d", res.StatusCode)
		}
		expectError(t, g.send(request("POST", "/n/"+long, "", "Event", "invoke", "Function-ID", "f")), 404, "cannot be invoked")
	}
}

// net/http lets as many headers through as fit in a megabyte. All reach the function; none makes the gateway do more than
// look at each.
func TestManyHeaders(t *testing.T) {
	g := newGateway(t).function("f", echo).subscribe(t, "sync http GET /f f")
	r := request("GET", "/f", "")
	for i := range 10_000 {
		r.Header.Set(fmt.Sprintf("X-%d", i), "v")
	}
	var event struct {
		Data struct{ Headers map[string]string }
	}
	if err := json.Unmarshal([]byte(bodyOf(t, g.send(r))), &event); err != nil || len(event.Data.Headers) != 10_000 {
		t.Errorf("%d headers reached the function: %v", len(event.Data.Headers), err)
	}

	r = request("POST", "/", "", "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/", "ce-type", "t")
	for i := range 10_000 {
		r.Header.Set(fmt.Sprintf("ce-x%d", i), "v")
	}
	if res := g.send(r); res.StatusCode != 202 {
		t.Errorf("10,000 extensions: got %d", res.StatusCode)
	}
	preflight := request("OPTIONS", "/f", "", "Origin", "http://x", "Access-Control-Request-Method", "GET",
		"Access-Control-Request-Headers", strings.Repeat("x,", 100_000))
	if res := g.send(preflight); res.StatusCode != 204 {
		t.Errorf("a preflight for 100,000 headers: got %d", res.StatusCode)
	}
}

// What is not valid UTF-8 cannot stand in JSON, and a function's JSON parser may choke on it: it never gets it.
func TestInvalidUTF8(t *testing.T) {
	const bad = "\xff\xfe\xed\xa0\x80"
	g := newGateway(t).function("f", func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		if err := eventgateway.ValidateJSON("payload", call.Payload); err != nil {
			t.Errorf("the function got %q: %v", call.Payload, err)
		}
		return &providers.Result{Body: []byte(`{}`)}, nil
	}).subscribe(t, "sync http POST /:p f").subscribe(t, "sync e POST /:p f")
	path := "/" + url.PathEscape(bad)
	for name, r := range map[string]*http.Request{
		"body":         request("POST", path, bad),
		"form":         request("POST", path, bad, "Content-Type", "application/x-www-form-urlencoded"),
		"query":        request("POST", path+"?%ff=%ff&a=%ff", ""),
		"header":       request("POST", path, "", "X-Bad", bad, "Content-Type", "text/plain; x="+bad),
		"host":         request("POST", "http://"+url.PathEscape("h\xff")+path, ""),
		"event's body": request("POST", path, bad, "Event", "e", "Content-Type", "text/plain; x="+bad),
	} {
		if name == "host" {
			r.Host = bad
		}
		if res := g.send(r); res.StatusCode != 200 {
			t.Errorf("%s: got %d %s", name, res.StatusCode, bodyOf(t, res))
		}
	}
	expectError(t, g.send(request("POST", path, `"`+bad+`"`, "Content-Type", jsonType)), 400, "byte 2 is not valid UTF-8")
	expectError(t, g.send(request("POST", path, "", "Event", bad)), 400, "Event: ")
	expectError(t, g.send(request("POST", path, "", "Event", "e", "Space", bad)), 400, "Space: ")
	expectError(t, g.send(request("POST", path, "", "Event", "invoke", "Function-ID", bad)), 400, "Function-ID: ")
	expectError(t, g.send(request("GET", path+path, "")), 404, "no http subscription wants")
}

// Deep nesting exhausts the stack of recursive parsers: ours and those of functions.
func TestDeepJSON(t *testing.T) {
	g := newGateway(t)
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	expectError(t, g.send(request("POST", "/", deep, "Event", "e", "Content-Type", jsonType)), 400, "nested too deeply")
	event := strings.Replace(structured("e"), `{"a":1}`, deep, 1)
	expectError(t, g.send(request("POST", "/", event, "Content-Type", cloudEvents)), 400, "nested too deeply")
	expectError(t, g.send(request("POST", "/", "["+event+"]", "Content-Type", batchType)), 400, "nested too deeply")
}

// A body that breaks off is not an event: half of one must not be delivered.
func TestTruncatedBodies(t *testing.T) {
	g := newGateway(t).subscribe(t, "async e POST / f")
	server := g.start(t)
	for name, rest := range map[string]string{
		"less than Content-Length": "Content-Length: 10\r\n\r\n{}",
		"no last chunk":            "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		"no chunk size":            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := raw(t, server, "POST / HTTP/1.1\r\nHost: x\r\nEvent: e\r\nContent-Type: text/plain\r\n%s", rest)
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectError(t, readAnswer(t, conn), 400, "body: ")
		})
	}
	if g.queued() != "" {
		t.Errorf("queued %q", g.queued())
	}
}

// HTTP/2 has other deadlines, other connections to close, and other ways to break off.
func TestHTTP2(t *testing.T) {
	g := newGateway(t).function("f", echo).subscribe(t, "sync http POST /f f")
	g.ReadTimeout, g.MaxBody = 50*time.Millisecond, 1000
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, "") }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	post := func(body io.Reader) *http.Response {
		t.Helper()
		res, err := server.Client().Post(server.URL+"/f", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 2 {
			t.Fatalf("the answer came over %s", res.Proto)
		}
		return res
	}
	if res := post(strings.NewReader("x")); res.StatusCode != 200 || !strings.Contains(bodyOf(t, res), `"body":"eA=="`) {
		t.Errorf("got %d", res.StatusCode)
	}
	expectError(t, post(bytes.NewReader(make([]byte, 1001))), 413, "body: too large")
	reader, writer := io.Pipe()
	defer writer.Close()
	expectError(t, post(reader), 408, "body: not all of it arrived")
	if res := post(strings.NewReader("x")); res.StatusCode != 200 {
		t.Errorf("after these: got %d", res.StatusCode)
	}
}
