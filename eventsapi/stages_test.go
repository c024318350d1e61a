package eventsapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// stages records what it is told, and stops what it is asked to.
type stages struct {
	mu       sync.Mutex
	told     []string
	received []*eventgateway.Event
	// stop are errors by the name of the stage.
	stop map[string]error
	// during, if not nil, is called by Received.
	during func()
}

func (s *stages) tell(stage, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, strings.TrimSpace(stage+" "+text))
	return s.stop[stage]
}

func (s *stages) Received(_ context.Context, space string, ev *eventgateway.Event, path string, header http.Header) error {
	if s.during != nil {
		s.during()
	}
	s.received = append(s.received, ev)
	return s.tell("received", fmt.Sprintf("%s %s %s %s", space, ev.Type, path, header.Get("X-Test")))
}

func (s *stages) Invoking(_ context.Context, call delivery.Invocation) error {
	return s.tell("invoking", call.Function.ID)
}

func (s *stages) Invoked(_ context.Context, call delivery.Invocation, _ *providers.Result) error {
	return s.tell("invoked", call.Function.ID)
}

func (s *stages) InvocationFailed(_ context.Context, call delivery.Invocation, _ error) {
	_ = s.tell("failed", call.Function.ID)
}

// status is an error that says what the sender is answered with.
type status int

func (s status) Error() string   { return "payment required" }
func (s status) StatusCode() int { return int(s) }

// staged returns a gateway with a subscription of every kind, and its stages.
func staged(t testing.TB) (*gateway, *stages) {
	s := &stages{stop: map[string]error{}}
	g := newGateway(t).function("s/f", same).function("s/h", echo).
		subscribe(t, "async e POST / s/f").subscribe(t, "sync e POST /sync s/f").subscribe(t, "async e POST /sync s/h").
		subscribe(t, "sync http POST /http s/h").subscribe(t, "sync invoke POST / s/f")
	g.Stages = s
	return g, s
}

// staging are events in every form, with what the stages are told.
var staging = map[string]struct {
	r    func() *http.Request
	want string
}{
	"custom": {func() *http.Request { return request("POST", "/", "", "Event", "e", "X-Test", "x") }, "received s e / x"},
	"sync":   {func() *http.Request { return request("POST", "/sync", "", "Event", "e") }, "received s e /sync; invoking f; invoked f"},
	"http":   {func() *http.Request { return request("POST", "/http", "") }, "received s http /http; invoking h; invoked h"},
	"invoke": {
		func() *http.Request { return request("POST", "/", "", "Event", "invoke", "Function-ID", "f") },
		"received s invoke /; invoking f; invoked f",
	},
	"batch": {
		func() *http.Request {
			return request("POST", "/", "["+structured("other")+","+structured("e")+"]", "Content-Type", batchType)
		},
		"received  other /; received s e /",
	},
}

func TestStagesAreTold(t *testing.T) {
	for name, test := range staging {
		t.Run(name, func(t *testing.T) {
			g, s := staged(t)
			s.during = func() {
				if g.queued() != "" {
					t.Error("something was queued before")
				}
			}
			if res := g.send(test.r()); res.StatusCode >= 300 {
				t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
			}
			if got := strings.Join(s.told, "; "); got != test.want {
				t.Errorf("told %q, want %q", got, test.want)
			}
		})
	}
}

// TestStagesStop stops events, and checks that nothing of them goes on and what the sender is told.
func TestStagesStop(t *testing.T) {
	for name, test := range staging {
		for _, stop := range []struct {
			err    error
			status int
			want   string
		}{
			{errors.New("hidden"), 500, "the event was stopped"},
			{status(402), 402, "the event was stopped: payment required"},
			{fmt.Errorf("hidden: %w", status(503)), 503, "the event was stopped: payment required"},
			{status(200), 500, "the event was stopped"},
		} {
			t.Run(fmt.Sprint(name, " ", stop.err), func(t *testing.T) {
				for _, stage := range []string{"received", "invoking", "invoked"} {
					g, s := staged(t)
					s.stop[stage] = stop.err
					res := g.send(test.r())
					if !strings.Contains(test.want, stage) {
						if res.StatusCode >= 300 {
							t.Errorf("got %d %s", res.StatusCode, bodyOf(t, res))
						}
						continue
					}
					if name == "batch" {
						stop.want = "events[0]: " + strings.TrimPrefix(stop.want, "events[0]: ")
					}
					body := bodyOf(t, res)
					if res.StatusCode != stop.status || !strings.Contains(body, `"`+stop.want+`"`) || strings.Contains(body, "hidden") {
						t.Errorf("%s: got %d %s, want %d %s", stage, res.StatusCode, body, stop.status, stop.want)
					}
					if queued := g.queued(); stage == "received" && queued != "" {
						t.Errorf("queued %q", queued)
					}
					if told := g.told(); strings.Count(told, "stopped") != 1 || strings.Contains(told, "processed") {
						t.Errorf("told %q", told)
					}
				}
			})
		}
	}
}

// TestStagesAreNotToldOfRefused has events that are refused, or nobody's, go unmentioned.
func TestStagesAreNotToldOfRefused(t *testing.T) {
	g, s := staged(t)
	g.eventType(t, "s/e", schemaOf(`false`, "")).eventType(t, "s/http", authorizedBy("gone"))
	for want, r := range map[int]*http.Request{
		400: request("POST", "/", "", "Event", "e"),
		403: request("POST", "/http", ""),
		404: request("POST", "/elsewhere", ""),
		508: request("POST", "/", "", "Event", "other", "Event-Gateway-Depth", "17"),
	} {
		if res := g.send(r); res.StatusCode != want {
			t.Errorf("got %d, want %d", res.StatusCode, want)
		}
	}
	if len(s.told) > 0 {
		t.Errorf("told %q", s.told)
	}
}

// TestStagesSeeTheSpacesEvent gives the stages the event with the authorization of the space they are told.
func TestStagesSeeTheSpacesEvent(t *testing.T) {
	g, s := staged(t)
	g.function("s/auth", granting("").invoke).eventType(t, "s/e", authorizedBy("auth"))
	for _, r := range []*http.Request{staging["custom"].r(), staging["sync"].r(), staging["batch"].r()} {
		s.received = nil
		if res := g.send(r); res.StatusCode >= 300 {
			t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
		}
		for _, ev := range s.received {
			if (ev.Authorization != nil) != (ev.Type == "e") {
				t.Errorf("%s with authorization %s", ev.Type, ev.Authorization)
			}
		}
	}
}
