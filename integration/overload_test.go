package integration

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// recovering is a function that notes which events it got, and hangs until it recovers.
type recovering struct {
	mu      sync.Mutex
	got     map[string]int
	recover chan struct{}
}

func (l *recovering) serve(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	select {
	case <-l.recover:
	case <-r.Context().Done():
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got[string(body)]++
}

// TestQueueOverload has a function hang until the queue is full. What cannot be queued whole is answered with 503 and
// leaves no trace, with no subscriber at all; what was answered with 202 is delivered once when the function recovers.
func TestQueueOverload(t *testing.T) {
	for queue, bytes := range map[string]int{"memory": 64 << 10, "jetstream": 1 << 20} {
		t.Run(queue, func(t *testing.T) { overload(t, queue, bytes) })
	}
}

// overload does it for one queue, which holds so many bytes of events.
func overload(t *testing.T, queue string, bytes int) {
	f := newFortress(t, gatewaytest.Extra("app", fmt.Sprintf(`
		concurrency 2
		queue %s {
			max_per_function 20
			max_deliveries 60
			max_bytes %d
		}`, queue, bytes)))
	hangs := &recovering{got: map[string]int{}, recover: make(chan struct{})}
	healthy := &recovering{got: map[string]int{}, recover: make(chan struct{})}
	answers := &recovering{got: map[string]int{}, recover: make(chan struct{})}
	close(healthy.recover)
	close(answers.recover)
	f.function("hangs", hangs.serve, fields{"format": "raw"})
	f.function("healthy", healthy.serve, fields{"format": "raw"})
	f.function("answers", answers.serve, fields{"format": "raw"})
	f.subscribe("one POST / hangs")
	f.subscribe("both POST / hangs")
	f.subscribe("both POST / healthy")
	f.subscribe("mixed POST / hangs")
	f.subscribe("mixed POST / answers", fields{"type": "sync"})
	f.subscribe("free POST / healthy")

	var wantHangs, wantHealthy, wantAnswers []string
	refused := func(a answer) {
		t.Helper()
		a.expect(t, 503, "the queue is full")
		if a.header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
	full := func() bool {
		q := f.queue()
		return q.Running == 2 && q.Waiting == 20
	}
	for i := 0; ; i++ {
		event := []string{"one", "both", "mixed"}[i%3]
		id := fmt.Sprintf("%s %d", event, i)
		a := f.send("POST", "/", id, "Event", event)
		if a.status == 503 {
			refused(a)
			break
		}
		wantHangs = append(wantHangs, id)
		switch event {
		case "both":
			wantHealthy = append(wantHealthy, id)
		case "mixed":
			wantAnswers = append(wantAnswers, id)
		}
		want := 202
		if event == "mixed" {
			want = 200
		}
		if a.status != want || i > 100 {
			t.Fatalf("event %d: got %d %s", i, a.status, a.body)
		}
	}
	if len(wantHangs) != 22 {
		t.Errorf("%d events were accepted, want 20 that wait and 2 that run", len(wantHangs))
	}
	gatewaytest.Eventually(t, patience, func() error {
		if !full() {
			return fmt.Errorf("the queue holds %+v", f.queue())
		}
		return nil
	})

	var ids atomic.Int64
	batch := func(prefix string, types ...string) string {
		events := make([]string, len(types))
		for i, eventType := range types {
			id := fmt.Sprint("event-", ids.Add(1)) // events with an id that came before would be taken for these
			events[i] = strings.Replace(structured(eventType, id), `{"n":1}`, fmt.Sprintf(`"%s %s %d"`, prefix, eventType, i), 1)
		}
		return "[" + strings.Join(events, ",") + "]"
	}
	var wait sync.WaitGroup
	for i := range 8 { // at once, as they would come
		wait.Go(func() {
			for _, event := range []string{"one", "both", "mixed"} {
				refused(f.send("POST", "/", fmt.Sprintf("refused %s %d", event, i), "Event", event))
			}
			refused(f.send("POST", "/", batch("refused", "free", "free", "one", "free"), "Content-Type", batchType))
		})
	}
	wait.Wait()
	if !full() {
		t.Errorf("what was refused is in the queue: %+v", f.queue())
	}
	// Nobody else suffers: events for other functions still pass, up to the other limits.
	f.send("POST", "/", "passes", "Event", "free").wants(t, 202, "")
	wantHealthy = append(wantHealthy, "passes")
	gatewaytest.Eventually(t, patience, func() error {
		if !full() {
			return fmt.Errorf("the queue holds %+v", f.queue())
		}
		return nil
	})
	refused(f.send("POST", "/", strings.Repeat("x", bytes-1024), "Event", "free"))
	free := make([]string, 39) // 22 + 39 is one more than the 60 deliveries the queue takes in all
	for i := range free {
		free[i] = "free"
	}
	refused(f.send("POST", "/", batch("refused", free...), "Content-Type", batchType))
	f.send("POST", "/", "", "Event", "nobody.listens").wants(t, 202, "")

	close(hangs.recover)
	f.idle()
	f.send("POST", "/", "after", "Event", "both").wants(t, 202, "")
	wantHangs, wantHealthy = append(wantHangs, "after"), append(wantHealthy, "after")
	f.idle()
	for name, test := range map[string]struct {
		function *recovering
		want     []string
	}{"hangs": {hangs, wantHangs}, "healthy": {healthy, wantHealthy}, "answers": {answers, wantAnswers}} {
		for _, id := range test.want {
			if test.function.got[id] != 1 {
				t.Errorf("%s got the accepted event %q %d times", name, id, test.function.got[id])
			}
			delete(test.function.got, id)
		}
		for id := range test.function.got {
			t.Errorf("%s got %.40q, which was refused", name, id)
		}
	}
	f.survived(64 << 20)
}
