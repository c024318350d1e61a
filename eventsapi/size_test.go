package eventsapi_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/eventsapi"
)

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
