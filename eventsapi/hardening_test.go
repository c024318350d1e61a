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
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/eventsapi"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
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

// A sender that trickles its body holds a connection and a goroutine. It gets 408 after ReadTimeout, and the connection
// is closed without waiting for the rest.
func TestSlowSenders(t *testing.T) {
	g := newGateway(t).function("f", echo).subscribe(t, "sync http POST /f f")
	g.ReadTimeout = 50 * time.Millisecond
	server := g.start(t)
	for name, head := range map[string]string{
		"custom event": "POST / HTTP/1.1\r\nHost: x\r\nEvent: e\r\nContent-Length: 100\r\n\r\n{",
		"http event":   "POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"chunks":       "POST /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := raw(t, server, "%s", head)
			res := readAnswer(t, conn)
			expectError(t, res, http.StatusRequestTimeout, "body: not all of it arrived within 50ms")
			if !res.Close {
				t.Error("the connection is kept")
			}
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("the connection was not closed: %v", err)
			}
		})
	}
	t.Run("refused before the body", func(t *testing.T) {
		conn := raw(t, server, "POST / HTTP/1.1\r\nHost: x\r\nEvent: a b\r\nContent-Length: 100\r\n\r\n{")
		expectError(t, readAnswer(t, conn), 400, "Event: ")
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("the server still waits for the body: %v", err)
		}
	})
	if told := g.told(); strings.Count(told, " slow") != 3 {
		t.Errorf("the observer was told %q", told)
	}
}

// The deadline is for the body. One that stayed would make the server think, in the middle of a long call, that the sender
// is gone.
func TestReadTimeoutDoesNotEndACall(t *testing.T) {
	const timeout = 50 * time.Millisecond
	g := newGateway(t).function("f", func(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(4 * timeout):
			return &providers.Result{Body: []byte(`{"body":"ok"}`)}, nil
		}
	}).subscribe(t, "sync http POST /f f")
	g.ReadTimeout = timeout
	res, err := http.Post(g.start(t).URL+"/f", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if body := bodyOf(t, res); res.StatusCode != 200 || body != "ok" {
		t.Errorf("got %d %q", res.StatusCode, body)
	}
}

// A sender may announce more than it will ever send, to make the gateway set memory aside.
func TestHugeContentLength(t *testing.T) {
	g := newGateway(t)
	server := g.start(t)
	conn := raw(t, server, "POST / HTTP/1.1\r\nHost: x\r\nEvent: e\r\nContent-Length: 9223372036854775807\r\n\r\n")
	expectError(t, readAnswer(t, conn), 413, "body: too large: want at most 1048576 bytes")

	g.MaxBody = 1 << 40
	r := request("POST", "/", "x", "Event", "e")
	r.ContentLength = 1 << 39
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	g.send(r)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("an announcement of 512 GiB took %d bytes", took)
	}
}

// A sender of too large a body is still at work when it is answered. A connection closed over unread bytes is reset, and
// the sender sees that instead of the answer. net/http sees to it for bodies it knows, but Caddy wraps them.
func TestTooLargeIsAnsweredToASenderAtWork(t *testing.T) {
	g := newGateway(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = struct{ io.ReadCloser }{r.Body}
		g.serve(w, r, "")
	}))
	defer server.Close()
	for name, start := range map[string]string{
		"announced": "Content-Length: 4000000\r\n\r\n" + strings.Repeat("x", 500_000),
		"chunked":   "Transfer-Encoding: chunked\r\n\r\n400000\r\n" + strings.Repeat("x", 1_500_000),
	} {
		t.Run(name, func(t *testing.T) {
			conn := raw(t, server, "POST / HTTP/1.1\r\nHost: x\r\nEvent: e\r\n%s", start)
			r := bufio.NewReader(conn)
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			expectError(t, res, 413, "body: too large")
			if _, err := r.ReadByte(); err != io.EOF {
				t.Errorf("after the answer: %v, want an end in good order", err)
			}
		})
	}
}

// endless is a body without end.
type endless struct{ sent int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.sent += int64(len(p))
	return len(p), nil
}

// A chunked body may never end: the gateway reads no further than one byte over its limit.
func TestEndlessBody(t *testing.T) {
	g := newGateway(t)
	body := &endless{}
	r := httptest.NewRequest("POST", "/", body)
	r.Header.Set("Event", "e")
	expectError(t, g.send(r), 413, "body: too large")
	if body.sent > eventsapi.DefaultMaxBody+1 {
		t.Errorf("%d bytes were read", body.sent)
	}
}

// A limit that a Caddy directive has set before the gateway is answered like the gateway's own.
func TestLimitOfAnotherHandler(t *testing.T) {
	r := request("POST", "/", "0123456789", "Event", "e")
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 5)
	expectError(t, newGateway(t).send(r), 413, "body: too large: want at most 5 bytes")
}

// A function may hang. Its own timeout ends the call, and so does the sender when it leaves.
func TestHangingFunction(t *testing.T) {
	ended := make(chan error, 1)
	started := make(chan bool, 1)
	hangs := func(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
		started <- true
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}
	g := newGateway(t).function("f", hangs).subscribe(t, "sync http GET /f f")
	handle, _ := g.snapshot.Load().Functions.Get(eventgateway.FunctionKey{Space: "default", ID: "f"})
	impatient := *handle.Function
	impatient.Timeout = eventgateway.Duration(20 * time.Millisecond)
	server := g.start(t)

	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/f", nil)
	go func() {
		<-started
		cancel()
	}()
	if res, err := http.DefaultClient.Do(r); err == nil {
		t.Fatalf("got %d after the sender left", res.StatusCode)
	}
	if err := <-ended; err != context.Canceled {
		t.Errorf("the call ended with %v", err)
	}

	quick := providers.Open(&impatient, providers.Env{MaxResponse: 1})
	g.change(func(s *snapshot.Snapshot) { s.Functions = s.Functions.Set(impatient.Key(), quick) })
	res, err := http.Get(server.URL + "/f")
	if err != nil {
		t.Fatal(err)
	}
	expectError(t, res, 504, `function "f" did not answer: no whole answer in time; the function's timeout is 20ms`)
}

// Requests share pooled memory. Many at once must each see their own event only.
func TestConcurrentRequestsDoNotMix(t *testing.T) {
	g := newGateway(t).function("f", func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		var event struct {
			Data struct{ Body, Path string }
		}
		if err := json.Unmarshal(call.Payload, &event); err != nil {
			return nil, err
		}
		return &providers.Result{Body: fmt.Appendf(nil, `{"body":%q}`, event.Data.Path+" "+event.Data.Body)}, nil
	}).subscribe(t, "sync http POST /:id f").subscribe(t, "async http POST /:id a").subscribe(t, "async e POST /:id b")
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			for j := range 50 {
				id := fmt.Sprintf("%d-%d", i, j)
				res := g.send(request("POST", "/"+id, "a="+id, "Content-Type", "application/x-www-form-urlencoded"))
				if body := bodyOf(t, res); body != "/"+id+" a="+id {
					t.Errorf("request %s got %q", id, body)
				}
				g.send(request("POST", "/"+id, id, "Event", "e"))
			}
		})
	}
	wait.Wait()
	for _, item := range g.queue.items {
		id := item.Targets[0].Params[0].Value
		if len(item.Targets) != 1 || strings.TrimPrefix(string(item.Event.Data), "a=") != id {
			t.Fatalf("queued %s with %q", id, item.Event.Data)
		}
	}
	if n := len(g.queue.items); n != 2*32*50 {
		t.Errorf("%d items queued", n)
	}
}

// A batch multiplies: as many events as fit in a body, each with all its subscribers, are still one all-or-nothing step, and
// the memory they took is not kept for the requests that follow.
func TestLargeBatch(t *testing.T) {
	g := newGateway(t).subscribe(t, "async e POST / a").subscribe(t, "async e POST / b")
	batch := "[" + strings.Repeat(structured("e")+",", 9_999) + structured("e") + "]"
	if res := g.send(request("POST", "/", batch, "Content-Type", batchType)); res.StatusCode != 202 {
		t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
	}
	if g.queue.puts != 1 || len(g.queue.items) != 10_000 {
		t.Errorf("%d items in %d puts", len(g.queue.items), g.queue.puts)
	}
	for _, item := range g.queue.items {
		if len(item.Targets) != 2 || item.Targets[0].FunctionID != "a" || item.Targets[1].FunctionID != "b" {
			t.Fatalf("queued for %+v", item.Targets)
		}
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
