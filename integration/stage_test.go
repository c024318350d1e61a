package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// patience is how long a test waits for what must happen; only a failing test waits that long.
const patience = 30 * time.Second

// stage is a gateway, a client, and a server on which functions run.
type stage struct {
	*gatewaytest.Gateway
	t       *testing.T
	client  *http.Client
	backend *httptest.Server

	mu        sync.Mutex
	functions map[string]http.HandlerFunc
}

// newStage starts a gateway and an empty server for its functions.
func newStage(t *testing.T, opts ...gatewaytest.Option) *stage {
	t.Helper()
	s := &stage{t: t, functions: map[string]http.HandlerFunc{}}
	s.backend = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		answer := s.functions[r.URL.Path]
		s.mu.Unlock()
		if answer == nil {
			http.NotFound(w, r)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(func() {
		s.backend.CloseClientConnections() // some functions never end by themselves
		s.backend.Close()
	})
	s.Gateway = gatewaytest.Start(t, opts...)
	s.client = &http.Client{
		Timeout:       2 * patience,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// fields are those of a JSON object.
type fields map[string]any

// with returns a copy that has the others' fields too.
func (f fields) with(others ...fields) fields {
	all := fields{}
	for _, m := range append([]fields{f}, others...) {
		for name, value := range m {
			all[name] = value
		}
	}
	return all
}

// serve makes a function's code run on the backend, and returns its URL.
func (s *stage) serve(id string, answer http.HandlerFunc) (url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions["/"+id] = answer
	return s.backend.URL + "/" + id
}

// function registers a function that answers as answer does, with further fields of the resource.
func (s *stage) function(id string, answer http.HandlerFunc, more ...fields) {
	s.t.Helper()
	s.register(id, s.serve(id, answer), more...)
}

// register registers a function at a URL.
func (s *stage) register(id, url string, more ...fields) {
	s.t.Helper()
	fn := fields{"functionId": id, "type": "http", "provider": fields{"url": url}}
	s.Do(http.MethodPost, s.Config+"/v1/spaces/default/functions", fn.with(more...), 201)
}

// subscribe registers a subscription written as "event method path function", with further fields, and returns its ID.
func (s *stage) subscribe(route string, more ...fields) (id string) {
	s.t.Helper()
	part := strings.Fields(route)
	sub := fields{"event": part[0], "method": part[1], "path": part[2], "functionId": part[3]}
	var created struct{ SubscriptionID string }
	body := s.Do(http.MethodPost, s.Config+"/v1/spaces/default/subscriptions", sub.with(more...), 201)
	if err := json.Unmarshal(body, &created); err != nil || created.SubscriptionID == "" {
		s.t.Fatalf("subscription without an ID: %s", body)
	}
	return created.SubscriptionID
}

// says is a function that gives one answer.
func says(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, answer)
	}
}

// call is what a function was called with.
type call struct {
	header http.Header
	body   string
}

// event is the call's body as the gateway's event schema.
func (c call) event(t *testing.T) (ev struct {
	Event, ID, DataType, Source, Subject, Time string
	ReceivedAt                                 int64
	Data                                       json.RawMessage
	Extensions                                 map[string]any
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.body), &ev); err != nil {
		t.Fatalf("the function got %q: %v", c.body, err)
	}
	return ev
}

// recorder is a function that keeps its calls and gives one answer.
func recorder(answer string) (http.HandlerFunc, <-chan call) {
	calls := make(chan call, 10_000)
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		calls <- call{r.Header.Clone(), string(body)}
		_, _ = io.WriteString(w, answer)
	}, calls
}

// next waits for a call.
func next(t *testing.T, calls <-chan call) call {
	t.Helper()
	select {
	case c := <-calls:
		return c
	case <-time.After(patience):
		t.Fatal("the function was not called")
		return call{}
	}
}

// none checks that a function was not called.
func none(t *testing.T, calls <-chan call) {
	t.Helper()
	select {
	case c := <-calls:
		t.Fatalf("the function was called with %q", c.body)
	default:
	}
}

// answer is an HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request to the Events API; headers are names and values in turn.
func (s *stage) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	return s.sendTo(s.Events, method, path, body, headers...)
}

func (s *stage) sendTo(base, method, path, body string, headers ...string) answer {
	s.t.Helper()
	req, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header[http.CanonicalHeaderKey(headers[i])] = append(req.Header.Values(headers[i]), headers[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return read(s.t, res)
}

func read(t *testing.T, res *http.Response) answer {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// dial opens a connection to one of the gateway's APIs, for what net/http would not send.
func dial(t *testing.T, base string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// raw sends bytes over a connection of their own and reads the answer. The host is written as HOST. end tells that nothing
// follows them.
func raw(t *testing.T, base, request string, end bool) answer {
	t.Helper()
	request = withHost(base, request)
	conn := dial(t, base)
	defer conn.Close()
	// The gateway may answer, and close, before all is sent: what counts is the answer.
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, request)
		if end {
			_ = conn.CloseWrite()
		}
	}()
	a := readFrom(t, conn)
	conn.Close()
	<-sent
	return a
}

// withHost replaces HOST, as Caddy serves only the host of the site.
func withHost(base, request string) string {
	return strings.Replace(request, "HOST", strings.TrimPrefix(base, "http://"), 1)
}

// readFrom reads one answer from a connection.
func readFrom(t *testing.T, conn net.Conn) answer {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return read(t, res)
}

// expect checks an answer's status and, for an error, that it is one as the contract has it, with want in its message.
func (a answer) expect(t *testing.T, status int, want string) {
	t.Helper()
	if a.status != status {
		t.Errorf("got %d %.300s, want %d %s", a.status, a.body, status, want)
		return
	}
	if status < 400 {
		if !strings.Contains(a.body, want) {
			t.Errorf("got %.300s, want %s in it", a.body, want)
		}
		return
	}
	if message := a.message(t); !strings.Contains(message, want) {
		t.Errorf("got the message %q, want %q in it", message, want)
	}
}

// message is the one message of an error, which is always of the same form: of generation A if it has an "error" too.
func (a answer) message(t *testing.T) string {
	t.Helper()
	var e struct {
		Errors []struct{ Message string }
		Error  *string
	}
	d := json.NewDecoder(bytes.NewReader([]byte(a.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || len(e.Errors) != 1 || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s %.300q, which is no error of the contract", a.status, a.header.Get("Content-Type"), a.body)
		return ""
	}
	message := e.Errors[0].Message
	if e.Error != nil && *e.Error != message {
		t.Errorf("the error is %q and its first message %q", *e.Error, message)
	}
	// Long input is shortened, and no message shows what the process is made of.
	for _, bad := range []string{"goroutine ", ".go:", "runtime error", "0x"} {
		if strings.Contains(message, bad) {
			t.Errorf("the message shows %q: %s", bad, message)
		}
	}
	if len(message) > 1000 {
		t.Errorf("a message of %d bytes: %.300s…", len(message), message)
	}
	return message
}

// wants checks answers whose function succeeded.
func (a answer) wants(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body {
		t.Errorf("got %d %.300q, want %d %q", a.status, a.body, status, body)
	}
}

// queue is what /v1/status says of the queue.
func (s *stage) queue() (q struct{ Waiting, Running, Paused, Bytes, Records int64 }) {
	s.t.Helper()
	status := struct{ Queue any }{&q}
	if err := json.Unmarshal(s.Do(http.MethodGet, s.Config+"/v1/status", nil, 200), &status); err != nil {
		s.t.Fatal(err)
	}
	return q
}

// idle waits until nothing is queued any more. What is accepted is in the log first, and waits a moment later: so the log has
// to be empty too.
func (s *stage) idle() {
	s.t.Helper()
	gatewaytest.Eventually(s.t, patience, func() error {
		if q := s.queue(); q.Waiting+q.Running+q.Bytes+q.Records > 0 {
			return fmt.Errorf("the queue holds %+v", q)
		}
		return nil
	})
}
