// Package providertest is the suite that every provider passes, also one from outside this repository:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.Config{
//			Type:    "mytype",
//			Fields:  func(edge string) string { return `{"url":"` + edge + `","apiKey":"s3cr3t-key"}` },
//			Secrets: []string{"s3cr3t-key"},
//		})
//	}
//
// It starts an HTTP edge on the loopback interface that plays the function's host, well-behaved and otherwise, and calls
// the function through providers.Open as the gateway does. Providers that hand events to a service set Takes; those that do
// not speak HTTP bring a Server.
package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Config describes the provider under test.
type Config struct {
	// Type is the function type. Its package is imported by the test. Required.
	Type string
	// Fields returns valid provider fields, as JSON, of a function behind the edge at that URL (http://127.0.0.1:port).
	// They hold every secret field there is, with the values in Secrets. Required.
	Fields func(edge string) string
	// Secrets are the credentials in Fields. They must not show anywhere. Each is a text found nowhere else.
	Secrets []string
	// Caddyfile returns the Caddyfile form of Fields, from the type name on. Default: not tested.
	Caddyfile func(edge string) string
	// Answer answers a request as the function's host does when the function returned body, which is JSON. The request's
	// body is read already; see Body. Default: status 200 and the body.
	Answer func(w http.ResponseWriter, r *http.Request, body []byte)
	// Fail answers a request as the host does when the function itself failed, with detail in the places where real
	// errors have their texts. Default: status 500 and the detail.
	Fail func(w http.ResponseWriter, r *http.Request, detail string)
	// Env changes what the function is opened with. Default: as it is.
	Env func(env *providers.Env)
	// Takes is set for a provider that only hands events to a service, such as a stream: Answer answers as the service does when
	// it took the event, whatever body is, and Takes checks the result, which is what the service said. Default: the result
	// is the body that Answer was called with.
	Takes func(result []byte) error
	// Failed is the failure that Fail stands for. Default: providers.FunctionFailed.
	Failed providers.Failure
	// Server is set for a provider that does not speak HTTP: it starts what the provider calls, which takes all events, and
	// returns its URL for Fields. Once nobody is connected it may have no more goroutines in this process than at its start.
	// The tests in which HTTP is spoken badly are left out, and Answer and Fail are not used.
	Server func(t *testing.T) (url string)
	// Call is what the function is called with. Default: a small JSON event.
	Call *providers.Call
}

const (
	// maxResponse is the bound on answers in this suite.
	maxResponse = 64 << 10
	// patience is how long anything that ought to happen at once may take on a busy machine.
	patience = 10 * time.Second
	// marker is in every payload, and detail in every failure of a function; neither may show.
	marker = "payload-marker-7c1f"
	detail = "detail-marker-93ab"
)

// suite is one run.
type suite struct {
	Config
	edge *edge
	log  *capture
	// goroutines is how many there were before the suite.
	goroutines int
	// served is where calls succeed: the edge, or Config.Server.
	served string

	mu   sync.Mutex
	said []string // every error seen
}

// Run runs the suite. It counts goroutines, so nothing else is to run in the process beside it.
func Run(t *testing.T, config Config) {
	if config.Answer == nil {
		config.Answer = func(w http.ResponseWriter, _ *http.Request, body []byte) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
		}
	}
	if config.Fail == nil {
		config.Fail = func(w http.ResponseWriter, _ *http.Request, detail string) {
			http.Error(w, detail, http.StatusInternalServerError)
		}
	}
	if config.Failed == "" {
		config.Failed = providers.FunctionFailed
	}
	if config.Call == nil {
		config.Call = &providers.Call{Payload: []byte(`{"data":"` + marker + `"}`), ContentType: "application/json"}
	}
	if config.Call.Event == nil {
		config.Call.Event = &eventgateway.Event{
			Type: "test.event", ID: "6f6b9a4e-test", ReceivedAt: time.Now(), DataType: "application/json", Data: []byte(`"` + marker + `"`),
		}
	}
	s := &suite{Config: config, log: &capture{}}
	if config.Server != nil {
		s.served = config.Server(t)
	}
	s.goroutines = runtime.NumGoroutine()
	s.edge = newEdge(t)
	if config.Server == nil {
		s.served = s.edge.url
	}
	t.Run("Fields", s.testFields)
	t.Run("Secrets", s.testSecrets)
	t.Run("Caddyfile", s.testCaddyfile)
	t.Run("Calls", s.testCalls)
	t.Run("Faults", s.testFaults)
	if s.Server == nil {
		t.Run("Connections", s.testConnections)
	}
	t.Run("Leaks", s.testLeaks)
	t.Run("Silence", s.testSilence)
}

// function returns a function behind the suite's edge.
func (s *suite) function() *eventgateway.Function {
	return s.functionAt(s.edge.url)
}

func (s *suite) functionAt(url string) *eventgateway.Function {
	return &eventgateway.Function{Space: "test", ID: "fn", Type: s.Type, Provider: json.RawMessage(s.Fields(url))}
}

func (s *suite) env() providers.Env {
	env := providers.Env{Space: "test", FunctionID: "fn", Logger: slog.New(s.log), MaxResponse: maxResponse}
	if s.Env != nil {
		s.Env(&env)
	}
	return env
}

// open opens a function for the length of a test.
func (s *suite) open(t *testing.T, fn *eventgateway.Function) *providers.Handle {
	t.Helper()
	h := providers.Open(fn, s.env())
	t.Cleanup(h.Close)
	return h
}

// invoke calls the function and notes the error. A call that does not come back ends the test.
func (s *suite) invoke(ctx context.Context, t *testing.T, h *providers.Handle) (*providers.Result, error) {
	t.Helper()
	type outcome struct {
		result *providers.Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := h.Invoke(ctx, s.Call)
		done <- outcome{result, err}
	}()
	select {
	case o := <-done:
		s.note(o.err)
		return o.result, o.err
	case <-time.After(patience):
		t.Fatal("the call did not end")
		return nil, nil
	}
}

// note keeps all an error says, through its whole chain.
func (s *suite) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; err != nil; err = errors.Unwrap(err) {
		s.said = append(s.said, err.Error())
	}
}

// want checks the failure of a call.
func want(t *testing.T, err error, failure providers.Failure) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a *providers.Error of failure %s", err, err, failure)
	}
	if e.Failure != failure || e.Message == "" {
		t.Fatalf("got failure %s (%q), want %s with a message", e.Failure, e.Message, failure)
	}
}

// testSilence comes last: nothing seen in all the other tests may show what is private.
func (s *suite) testSilence(t *testing.T) {
	private := append([]string{marker, detail}, s.Secrets...)
	for _, text := range append(s.said, s.log.text()...) {
		for _, p := range private {
			if strings.Contains(text, p) {
				t.Errorf("an error or log line shows %q: %s", p, text)
			}
		}
	}
	if len(s.said) == 0 {
		t.Error("no error was seen, so nothing was tested")
	}
}
