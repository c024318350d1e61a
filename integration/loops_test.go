package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// loopAnswer is how an event that is too deep is refused.
const loopAnswer = http.StatusLoopDetected

// relay is a function that emits an event for every one it gets, as functions in a loop do.
type relay struct {
	s     *stage
	emits string
	// send makes the request for the event it emits, while it handles r.
	send func(r *http.Request, url string) *http.Request

	mu sync.Mutex
	// calls counts the events it got by chain, and refused those of its own that were refused as too deep.
	calls, refused map[string]int
}

// chain is the data of the events: which chain they belong to.
type chain struct{ Chain string }

func (f *relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var ev struct{ Data chain }
	if err != nil || json.Unmarshal(body, &ev) != nil {
		http.Error(w, "what is this", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.calls[ev.Data.Chain]++
	f.mu.Unlock()
	status := f.emit(r, ev.Data)
	f.mu.Lock()
	if status == loopAnswer {
		f.refused[ev.Data.Chain]++
	}
	f.mu.Unlock()
	if status != http.StatusAccepted && status != loopAnswer {
		http.Error(w, fmt.Sprint("answered with ", status), http.StatusServiceUnavailable)
	}
}

// count returns how many events of a chain it got, and how many of its own were refused.
func (f *relay) count(chain string) [2]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return [2]int{f.calls[chain], f.refused[chain]}
}

// emit sends the event, of the same chain, and returns the status of the answer; 0 without one.
func (f *relay) emit(r *http.Request, c chain) int {
	req := f.send(r, f.s.Events+"/")
	data, _ := json.Marshal(c)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	req.Header.Set("Event", f.emits)
	req.Header.Set("Content-Type", "application/json")
	res, err := f.s.client.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// forwardOwn passes on what the gateway's own headers say.
func forwardOwn(r *http.Request, url string) *http.Request {
	req, _ := http.NewRequestWithContext(context.WithoutCancel(r.Context()), http.MethodPost, url, nil)
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Event-Gateway-") {
			req.Header[name] = values
		}
	}
	return req
}

// forwardTrace passes on W3C trace context alone, with a span of its own, as a tracing library does.
func forwardTrace(r *http.Request, url string) *http.Request {
	req, _ := http.NewRequestWithContext(context.WithoutCancel(r.Context()), http.MethodPost, url, nil)
	part := strings.Split(r.Header.Get("Traceparent"), "-")
	if len(part) != 4 {
		return req // such a library begins a trace, which the test then notices
	}
	req.Header.Set("Traceparent", part[0]+"-"+part[1]+"-00f067aa0ba902b7-"+part[3])
	req.Header.Set("Tracestate", "vendor=x,"+r.Header.Get("Tracestate"))
	return req
}

// newLoop returns a stage with two functions that emit to each other.
func newLoop(t *testing.T, send func(*http.Request, string) *http.Request, opts ...gatewaytest.Option) (s *stage, ping, pong *relay) {
	t.Helper()
	s = newStage(t, opts...)
	ping = &relay{s: s, emits: "pong", send: send, calls: map[string]int{}, refused: map[string]int{}}
	pong = &relay{s: s, emits: "ping", send: send, calls: map[string]int{}, refused: map[string]int{}}
	s.function("ping", ping.ServeHTTP)
	s.function("pong", pong.ServeHTTP)
	s.subscribe("ping POST / ping")
	s.subscribe("pong POST / pong")
	s.function("hello", says(`{"statusCode":200,"body":"hello"}`))
	s.subscribe("http GET /hello hello")
	return s, ping, pong
}

// TestLoopStops begins many chains of two functions that emit to each other, at the same time: each ends after as many
// deliveries as may be, and the gateway answers others throughout.
func TestLoopStops(t *testing.T) {
	for name, send := range map[string]func(*http.Request, string) *http.Request{
		"own headers": forwardOwn, "trace context": forwardTrace,
	} {
		t.Run(name, func(t *testing.T) {
			const chains, limit = 30, 16
			s, ping, pong := newLoop(t, send)
			stop, stopped := make(chan struct{}), make(chan error, 1)
			go func() { stopped <- s.keepAsking("/hello", "hello", stop) }()
			for i := range chains {
				s.send(http.MethodPost, "/", fmt.Sprintf(`{"chain":"%d"}`, i), "Event", "ping", "Content-Type", "application/json").
					expect(t, 202, "")
			}
			letters := s.waitDeadLetters("reason=loop", chains)
			s.idle()
			close(stop)
			if err := <-stopped; err != nil {
				t.Errorf("while the functions emitted to each other: %v", err)
			}
			for i := range chains {
				// The first event is caused by none, and the last that is delivered by as many as may be.
				a, b := ping.count(fmt.Sprint(i)), pong.count(fmt.Sprint(i))
				if calls, refused := a[0]+b[0], a[1]+b[1]; calls != limit+1 || refused != 1 {
					t.Errorf("chain %d: %d deliveries and %d refused events, want %d and 1", i, calls, refused, limit+1)
				}
			}
			for _, l := range letters {
				if l.Event != "pong" || l.FunctionID != "pong" || l.Attempts != 0 {
					t.Errorf("dead letter %+v", l)
				}
			}
			if all := s.deadLetters(""); len(all) != chains {
				t.Errorf("%d dead letters in all, want %d", len(all), chains)
			}
			wantLoopTold(t, s)
		})
	}
}

// keepAsking sends requests, one after the other, until stop is closed; each must be answered as it should.
func (s *stage) keepAsking(path, want string, stop <-chan struct{}) error {
	for {
		res, err := s.client.Get(s.Events + path)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || string(body) != want {
			return fmt.Errorf("got %d %q, %v", res.StatusCode, body, err)
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

// wantLoopTold checks that a loop is counted, and logged without flooding the log.
func wantLoopTold(t *testing.T, s *stage) {
	t.Helper()
	counted := false
	for line := range strings.Lines(string(s.Do(http.MethodGet, s.Admin+"/metrics", nil, 200))) {
		counted = counted || strings.HasPrefix(line, "eventgateway_events_dropped_total{") && strings.Contains(line, `reason="loop"`) &&
			strings.Contains(line, `type="pong"`)
	}
	if !counted {
		t.Error("the metrics tell of no loop")
	}
	warnings := 0
	for line := range strings.Lines(s.Log()) {
		if strings.Contains(line, "functions") && strings.Contains(line, `"depth":17`) && strings.Contains(line, `"level":"warn"`) {
			warnings++
		}
	}
	if warnings == 0 || warnings > 12 {
		t.Errorf("the log warns %d times of loops, want a few times", warnings)
	}
}

// TestLoopLimit has a limit of the configuration, and a function for dead letters that emits too: it is no way around.
func TestLoopLimit(t *testing.T) {
	s, ping, pong := newLoop(t, forwardOwn, gatewaytest.Extra("app", "max_depth 3"))
	again := &relay{s: s, emits: "ping", send: forwardOwn, calls: map[string]int{}, refused: map[string]int{}}
	s.function("again", again.ServeHTTP)
	s.function("third", ping.ServeHTTP)
	s.subscribe("ping POST / third", fields{"delivery": fields{"deadLetter": "again"}})
	s.send(http.MethodPost, "/", `{"chain":"a"}`, "Event", "pong", "Content-Type", "application/json",
		"Event-Gateway-Depth", "2", "Event-Gateway-Cause", "cause-1").expect(t, 202, "")
	// pong gets it at depth 2, ping and third what that causes at 3; what these two cause is too deep.
	letters := s.waitDeadLetters("reason=loop", 2)
	s.idle()
	got := [...][2]int{pong.count("a"), ping.count("a"), again.count("a")}
	if want := [...][2]int{{1, 0}, {2, 2}, {0, 0}}; got != want {
		t.Errorf("events and refused ones of pong, of ping and third, and of again: %v, want %v", got, want)
	}
	for _, l := range letters {
		if l.FunctionID != "pong" {
			t.Errorf("dead letter %+v", l)
		}
	}
	// Too deep at once: the function for dead letters hears of it once, and what it causes is kept only.
	s.send(http.MethodPost, "/", `{"chain":"b"}`, "Event", "ping", "Content-Type", "application/json", "Event-Gateway-Depth", "4").
		expect(t, loopAnswer, "")
	s.waitDeadLetters("reason=loop", 2+2+2)
	s.idle()
	got = [...][2]int{pong.count("b"), ping.count("b"), again.count("b")}
	if want := [...][2]int{{0, 0}, {0, 0}, {1, 1}}; got != want {
		t.Errorf("events and refused ones of pong, of ping and third, and of again: %v, want %v", got, want)
	}
}

// TestRedrivenLoop redrives what was too deep: it goes through as if nobody had caused it.
func TestRedrivenLoop(t *testing.T) {
	s := newStage(t)
	f, calls := recorder(`{}`)
	s.function("f", f)
	s.subscribe("made POST / f")
	s.send(http.MethodPost, "/", `{}`, "Event", "made", "Event-Gateway-Depth", "17", "Content-Type", "application/json").
		expect(t, loopAnswer, "")
	letters := s.waitDeadLetters("reason=loop", 1)
	none(t, calls)
	s.redrive("/"+letters[0].ID, nil, 1)
	if got := next(t, calls); got.header.Get("Event-Gateway-Depth") != "1" || got.header.Get("Tracestate") != "eventgateway=d:1" {
		t.Errorf("got the headers %v", got.header)
	}
	s.waitDeadLetters("", 0)
}

// TestLoopOfSystemEventsStops has a function that is told of every call emit an event, whose delivery is a call again.
func TestLoopOfSystemEventsStops(t *testing.T) {
	s := newStage(t)
	var stored, audited atomic.Int64
	s.function("store", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stored.Add(1)
	})
	s.function("audit", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		req := forwardOwn(r, s.Events+"/")
		req.Header.Set("Event", "made")
		res, err := s.client.Do(req)
		if err != nil {
			http.Error(w, "no answer", http.StatusServiceUnavailable)
			return
		}
		res.Body.Close()
		audited.Add(1)
	})
	s.subscribe("made POST / store")
	s.subscribe("gateway.function.invoked POST / audit")
	s.send(http.MethodPost, "/", "", "Event", "made").expect(t, 202, "")
	// store gets events of the depths 0, 2, … 16, audit those in between. What it would be told at 17 is too deep.
	gatewaytest.Eventually(t, patience, func() error {
		if stored.Load() != 9 || metric(t, s.Gateway, `eventgateway_events_dropped_total`) != 1 {
			return fmt.Errorf("%d events are stored, want 9", stored.Load())
		}
		return nil
	})
	s.idle()
	if stored.Load() != 9 || audited.Load() != 8 {
		t.Errorf("%d events are stored and %d audited, want 9 and 8", stored.Load(), audited.Load())
	}
	if letters := s.deadLetters(""); len(letters) != 0 {
		t.Errorf("dead letters %+v", letters)
	}
}
