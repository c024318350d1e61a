package eventsapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
)

// TestAnswersAreKept counts the calls of an authorizer for requests of one sender and of others.
func TestAnswersAreKept(t *testing.T) {
	as := func(header ...string) *http.Request {
		return request("POST", "/", `{}`, append([]string{"Event", "e", "Content-Type", jsonType}, header...)...)
	}
	for _, test := range []struct {
		name   string
		answer string
		r      []*http.Request
		calls  int64
	}{
		{"no lifetime", `{"authorization":{"principalId":"x"}}`, []*http.Request{as("Authorization", "a"), as("Authorization", "a")}, 2},
		{"seconds", `{"authorization":{"principalId":"x","ttl":60}}`, []*http.Request{as("Authorization", "a"), as("Authorization", "a")}, 1},
		{"duration", `{"authorization":{"principalId":"x","ttl":"5m"}}`, []*http.Request{as("Cookie", "a"), as("Cookie", "a")}, 1},
		{"refusal", `{"error":{"message":"no","ttl":60}}`, []*http.Request{as("X-Api-Key", "a"), as("X-Api-Key", "a")}, 1},
		{"zero", `{"authorization":{"principalId":"x","ttl":0}}`, []*http.Request{as("Authorization", "a"), as("Authorization", "a")}, 2},
		{"others", `{"authorization":{"principalId":"x","ttl":60}}`, []*http.Request{
			as("Authorization", "a"), as("Authorization", "b"), as("Cookie", "a"), as("Authorization", "a", "Cookie", "a"),
			as("X-Api-Key", "a"), as("Proxy-Authorization", "a"), as("Cookie", "a", "Cookie", "b"), as("Cookie", "ab"),
		}, 8},
		{"nobody", `{"authorization":{"principalId":"x","ttl":60}}`, []*http.Request{as(), as()}, 2},
		{"unreadable", `{"authorization":{"ttl":60}}`, []*http.Request{as("Cookie", "a"), as("Cookie", "a")}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := answering(test.answer)
			g := authorized(t, a)
			for _, r := range test.r {
				g.send(r)
			}
			if n := a.calls.Load(); n != test.calls {
				t.Errorf("asked %d times, want %d", n, test.calls)
			}
		})
	}
}

// TestAnswersAreForgotten asks again for another type and after the function was changed.
func TestAnswersAreForgotten(t *testing.T) {
	a := granting(`,"ttl":60`)
	g := authorized(t, a).eventType(t, "e2", authorizedBy("auth")).subscribe(t, "async e2 POST / f")
	send := func(event string, want int64) {
		t.Helper()
		if res := g.send(request("POST", "/", `{}`, "Event", event, "Content-Type", jsonType, "Cookie", "a")); res.StatusCode != 202 {
			t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
		}
		if n := a.calls.Load(); n != want {
			t.Errorf("%s: asked %d times, want %d", event, n, want)
		}
	}
	send("e", 1)
	send("e2", 2)
	send("e", 2)
	g.function("auth", a.invoke)
	send("e", 3)
	send("e", 3)
}

// TestBatchAsksOnce has equal events of a batch share an answer that may be kept, and others asked for each.
func TestBatchAsksOnce(t *testing.T) {
	for ttl, calls := range map[string]int64{`,"ttl":60`: 1, ``: 50} {
		a := granting(ttl)
		g := authorized(t, a)
		batch := "[" + strings.Repeat(structured("e")+",", 49) + structured("e") + "]"
		if res := g.send(request("POST", "/", batch, "Content-Type", batchType, "Authorization", "a")); res.StatusCode != 202 {
			t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
		}
		if n := a.calls.Load(); n != calls || len(g.queue.items) != 50 {
			t.Errorf("asked %d times, want %d; queued %d", n, calls, len(g.queue.items))
		}
	}
}

// TestBatchDoesNotWaitForABrokenAuthorizer asks an authorizer that fails not for each event of a batch.
func TestBatchDoesNotWaitForABrokenAuthorizer(t *testing.T) {
	a := &asked{answer: func(*providers.Call) (*providers.Result, error) { return nil, context.DeadlineExceeded }}
	g := authorized(t, a)
	batch := "[" + strings.Repeat(structured("e")+",", 499) + structured("e") + "]"
	expectError(t, g.send(request("POST", "/", batch, "Content-Type", batchType)), 403, "events[0]: not authorized")
	if n := a.calls.Load(); n > 16 {
		t.Errorf("asked %d times", n)
	}
	if n := strings.Count(g.log.String(), "did not decide"); n != 1 {
		t.Errorf("%d log lines", n)
	}
}

// TestConcurrentRequestsAskOnce sends many equal requests while the authorizer thinks.
func TestConcurrentRequestsAskOnce(t *testing.T) {
	const senders = 20
	release := make(chan struct{})
	a := granting(`,"ttl":60`)
	answer := a.answer
	a.answer = func(call *providers.Call) (*providers.Result, error) {
		<-release
		return answer(call)
	}
	g := authorized(t, a)
	statuses := make(chan int, senders)
	for range senders {
		go func() {
			statuses <- g.send(request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType, "Cookie", "a")).StatusCode
		}()
	}
	close(release)
	for range senders {
		if status := <-statuses; status != 202 {
			t.Errorf("got %d", status)
		}
	}
	if n := a.calls.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func BenchmarkAuthorized(b *testing.B) {
	for _, bench := range []struct{ name, more string }{{"asked", ""}, {"kept", `,"ttl":3600`}} {
		b.Run(bench.name, func(b *testing.B) {
			g := authorized(b, granting(bench.more))
			g.Queue, g.Observer = nothing{}, nothing{}
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				g.Serve(w, request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType, "Authorization", "a"), "")
				if w.status != 202 {
					b.Fatal(fmt.Sprint(w.status))
				}
			}
		})
	}
}
