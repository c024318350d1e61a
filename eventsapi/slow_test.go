package eventsapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
)

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
