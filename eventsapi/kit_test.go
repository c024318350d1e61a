package eventsapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/eventsapi"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
)

// gateway is a Handler with everything around it replaced by what a test can look into.
type gateway struct {
	*eventsapi.Handler
	queue    *queue
	observer *observer
	log      *strings.Builder
	snapshot atomic.Pointer[snapshot.Snapshot]
	// subscriptions holds them by "space/id".
	subscriptions sync.Map
	// eventTypes holds them by "space/name".
	eventTypes sync.Map
}

// newGateway returns a gateway without functions or subscriptions whose configuration is loaded.
func newGateway(t testing.TB) *gateway {
	t.Helper()
	g := &gateway{queue: &queue{}, observer: &observer{}, log: &strings.Builder{}}
	g.snapshot.Store(&snapshot.Snapshot{Loaded: true})
	g.Handler = &eventsapi.Handler{
		Snapshot: g.snapshot.Load,
		Queue:    g.queue,
		Observer: g.observer,
		Logger:   slog.New(slog.NewTextHandler(&lockedWriter{w: g.log}, nil)),
	}
	return g
}

// change publishes a changed copy of the snapshot.
func (g *gateway) change(change func(s *snapshot.Snapshot)) *gateway {
	changed := *g.snapshot.Load()
	change(&changed)
	g.snapshot.Store(&changed)
	return g
}

// changing returns a source that gives the snapshot as it is, and then calls change before it is asked again.
func changing(g *gateway, change func()) snapshot.Source {
	first := true
	return func() *snapshot.Snapshot {
		now := g.snapshot.Load()
		if first {
			first = false
			change()
		}
		return now
	}
}

// function adds a function that runs s. id may be "space/id".
func (g *gateway) function(id string, s script) *gateway { return g.functionAs(id, "", s) }

func (g *gateway) functionAs(id string, format eventgateway.Format, s script) *gateway {
	space, id := spaceOf(id)
	name := fmt.Sprint(scriptName.Add(1))
	scripts.Store(name, s)
	fn := &eventgateway.Function{
		Space: space, ID: id, Type: "scripted", Provider: json.RawMessage(`{"script":"` + name + `"}`), Format: format,
	}
	h := providers.Open(fn, providers.Env{Space: space, FunctionID: id, Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20})
	return g.change(func(s *snapshot.Snapshot) { s.Functions = s.Functions.Set(fn.Key(), h) })
}

// subscribe adds a subscription written as "type event METHOD /path function", each function with its space before a slash
// if that is not the default one.
func (g *gateway) subscribe(t testing.TB, spec string, cors ...*eventgateway.CORS) *gateway {
	t.Helper()
	return g.subscribeAs(t, spec, func(s *eventgateway.Subscription) {
		if len(cors) > 0 {
			s.CORS = cors[0]
		}
	})
}

// subscribeAs adds a subscription that change completes.
func (g *gateway) subscribeAs(t testing.TB, spec string, change func(*eventgateway.Subscription)) *gateway {
	t.Helper()
	parts := strings.Fields(spec)
	space, id := spaceOf(parts[4])
	sub := &eventgateway.Subscription{
		Space: space, Type: eventgateway.SubscriptionType(parts[0]), Event: parts[1], Method: parts[2], Path: parts[3], FunctionID: id,
	}
	change(sub)
	sub.Normalize()
	if err := sub.Validate(); err != nil {
		t.Fatal(err)
	}
	g.subscriptions.Store(sub.Space+"/"+sub.ID, sub)
	return g.change(func(s *snapshot.Snapshot) { s.Table = s.Table.Insert(sub) })
}

func spaceOf(id string) (space, name string) {
	if space, name, ok := strings.Cut(id, "/"); ok {
		return space, name
	}
	return eventgateway.DefaultSpace, id
}

// send serves one request as a site would: what nobody wants gets NotFound's answer and the header Unhandled.
func (g *gateway) send(r *http.Request) *http.Response { return g.sendIn("", r) }

func (g *gateway) sendIn(space string, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	g.serve(w, r, space)
	return w.Result()
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request, space string) {
	if !g.Serve(w, r, space) {
		w.Header().Set("Unhandled", "true")
		g.NotFound(w, r)
	}
}

// start serves over a real connection.
func (g *gateway) start(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, "") }))
	t.Cleanup(s.Close)
	return s
}

// request makes a request with headers given as pairs.
func request(method, target, body string, header ...string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func bodyOf(t testing.TB, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return string(body)
}

// expectError checks the status and form of an error, and that its message contains want.
func expectError(t testing.TB, res *http.Response, status int, want string) {
	t.Helper()
	body := bodyOf(t, res)
	var e struct {
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || len(e.Errors) != 1 {
		t.Fatalf("status %d, body %q: not an error as JSON: %v", res.StatusCode, body, err)
	}
	if res.StatusCode != status || !strings.Contains(e.Errors[0].Message, want) {
		t.Errorf("got  %d %q\nwant %d …%q…", res.StatusCode, e.Errors[0].Message, status, want)
	}
	if got := res.Header.Get("Content-Type"); got != "application/json" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("content type %q, nosniff %q", got, res.Header.Get("X-Content-Type-Options"))
	}
	if retry := res.Header.Get("Retry-After"); (status == http.StatusServiceUnavailable) != (retry != "") {
		t.Errorf("status %d with Retry-After %q", status, retry)
	}
}

// queue records what it is given, or refuses it.
type queue struct {
	mu    sync.Mutex
	err   error
	puts  int
	items []delivery.Item
	// seen are the ids that keys were accepted under; nil means that they are not compared.
	seen map[string]string
	// during, if not nil, is called by Put.
	during func(ctx context.Context)
}

func (q *queue) Put(ctx context.Context, items []delivery.Item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.during != nil {
		q.during(ctx)
	}
	if q.err != nil {
		return q.err
	}
	q.puts++
	for i := range items {
		item := &items[i]
		if item.Key != "" && q.seen != nil {
			if item.DuplicateOf = q.seen[item.Key]; item.DuplicateOf != "" {
				continue
			}
			q.seen[item.Key] = item.Event.ID
		}
		targets := slices.Clone(item.Targets)
		slices.SortFunc(targets, func(a, b delivery.Target) int {
			return strings.Compare(a.Space+"/"+a.FunctionID, b.Space+"/"+b.FunctionID)
		})
		q.items = append(q.items, delivery.Item{Event: item.Event.Detach(), Targets: targets, Key: item.Key, Dead: item.Dead})
	}
	return nil
}

// queued lists what is queued as "event → function function", in order.
func (g *gateway) queued() string {
	g.queue.mu.Lock()
	defer g.queue.mu.Unlock()
	lines := []string{}
	for _, item := range g.queue.items {
		line := item.Event.Type + " →"
		for _, target := range item.Targets {
			line += " " + strings.TrimPrefix(target.Space+"/"+target.FunctionID, "default/")
		}
		if item.Dead != "" {
			line += " dead: " + item.Dead
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}
