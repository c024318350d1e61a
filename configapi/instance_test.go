package configapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/providers"
)

func init() { caddy.RegisterModule(new(testProvider)) }

// testProvider is a provider with one required field and one credential.
type testProvider struct {
	URL    string `json:"url,omitempty"`
	Secret string `json:"secret,omitempty"`

	lives *lives
}

// lives counts how often functions of a space were opened and closed. Tests that look have a space of their own: what
// other tests leave is closed in the background.
type lives struct{ opened, closed atomic.Int64 }

var livesBySpace sync.Map

func newLives(space string) *lives {
	l := new(lives)
	livesBySpace.Store(space, l)
	return l
}

func (*testProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".test", New: func() caddy.Module { return new(testProvider) }}
}

func (p *testProvider) Validate() error {
	if p.URL == "" {
		return eventgateway.Errorf(eventgateway.Invalid, "url: missing: want a URL")
	}
	return nil
}

func (p *testProvider) EachSecret(visit func(name, value string) string) {
	if p.Secret != "" {
		p.Secret = visit("secret", p.Secret)
	}
}

func (p *testProvider) Open(env providers.Env) (providers.Invoker, error) {
	if l, ok := livesBySpace.Load(env.Space); ok {
		p.lives = l.(*lives)
		p.lives.opened.Add(1)
	}
	return p, nil
}

func (p *testProvider) Invoke(context.Context, *providers.Call) (*providers.Result, error) {
	return &providers.Result{Body: []byte(p.URL)}, nil
}

func (p *testProvider) Close() error {
	if p.lives != nil {
		p.lives.closed.Add(1)
	}
	return nil
}

func open(fn *eventgateway.Function) *providers.Handle {
	return providers.Open(fn, providers.Env{
		Space: fn.Space, FunctionID: fn.ID, Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20,
	})
}

// instance is one gateway's control path.
type instance struct {
	t       testing.TB
	store   *store
	mirror  *configapi.Mirror
	view    *configapi.View
	handler *configapi.Handler
	log     *logBuffer
	seen    chan string
}

func (in *instance) ConfigRequest(space, resource, operation string, status int, _ time.Duration) {
	select {
	case in.seen <- strings.Join([]string{space, resource, operation, http.StatusText(status)}, " "):
	default:
	}
}

// newInstance returns an instance that follows store.
func newInstance(t testing.TB, s *store, static configapi.Static) *instance {
	t.Helper()
	in := unloadedInstance(t, s, static)
	s.follow(t, in.mirror)
	return in
}

func unloadedInstance(t testing.TB, s *store, static configapi.Static) *instance {
	t.Helper()
	log := new(logBuffer)
	logger := slog.New(slog.NewTextHandler(log, nil))
	in := &instance{t: t, store: s, mirror: configapi.NewMirror(open, logger), log: log, seen: make(chan string, 1000)}
	view, err := in.mirror.NewView(static)
	if err != nil {
		t.Fatal(err)
	}
	in.view = view
	in.handler = &configapi.Handler{View: view, Mirror: in.mirror, Store: s, Observer: in, Logger: logger}
	return in
}

// wait returns once the instance has seen a revision.
func (in *instance) wait(revision int64) {
	in.t.Helper()
	if err := in.mirror.WaitRevision(in.t.Context(), revision); err != nil {
		in.t.Fatal(err)
	}
}

type answer struct {
	*httptest.ResponseRecorder
	body string
}

// do sends a request; headers are name, value, ….
func (in *instance) do(method, path, body string, headers ...string) answer {
	in.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	in.handler.ServeHTTP(w, r)
	return answer{w, w.Body.String()}
}

// must sends a request that has to be answered with status.
func (in *instance) must(status int, method, path, body string, headers ...string) answer {
	in.t.Helper()
	a := in.do(method, path, body, headers...)
	if a.Code != status {
		in.t.Fatalf("%s %s %s: got %d %s, want %d", method, path, body, a.Code, a.body, status)
	}
	return a
}

// field returns a field of the answer's JSON.
func (a answer) field(name string) any {
	var fields map[string]any
	json.Unmarshal([]byte(a.body), &fields)
	return fields[name]
}

// message returns the answer's error message.
func (a answer) message() string {
	var e struct{ Errors []struct{ Message string } }
	json.Unmarshal([]byte(a.body), &e)
	if len(e.Errors) != 1 {
		return ""
	}
	return e.Errors[0].Message
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var _ io.Writer = (*logBuffer)(nil)

func key(space string, kind configapi.Kind, id string) configapi.Key {
	return configapi.Key{Space: space, Kind: kind, ID: id}
}

func testFunction(space, id string) *eventgateway.Function {
	return &eventgateway.Function{Space: space, ID: id, Type: "test", Provider: json.RawMessage(`{"url":"u"}`)}
}

func testSubscription(space, event, function, path string) *eventgateway.Subscription {
	s := &eventgateway.Subscription{Space: space, Event: event, FunctionID: function, Method: "GET", Path: path}
	if event != "http" {
		s.Method = "POST"
	}
	s.Normalize()
	return s
}

// encode returns the JSON of a noun as the gateway writes it.
func encode(noun any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(noun); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func decode[T any](t testing.TB, data []byte) *T {
	t.Helper()
	noun := new(T)
	if err := json.Unmarshal(data, noun); err != nil {
		t.Fatal(err)
	}
	return noun
}
