package openwhisk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// auth and published are the examples of OpenWhisk's own pages on its REST API.
const (
	auth      = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
	published = `{"duration": 2,"name": "hello","subject": "john@example.com_dev","activationId": "c7bb1339cb4f40e3a6ccead6c99f804e",` +
		`"publish": false,"annotations": [{"key": "limits","value": {"timeout": 60000,"memory": 256,"logs": 10}},{"key": "path",` +
		`"value": "john@example.com_dev/hello"}],"version": "0.0.1","response": {"result": {"payload": "Hello John"},"success": true,` +
		`"status": "success"},"end": 1493327653769,"logs": [],"start": 1493327653767,"namespace": "john@example.com_dev"}`
	accepted = `{"activationId":"c7bb1339cb4f40e3a6ccead6c99f804e"}`
)

// failed is a record of an activation that failed, with d3tail in all its texts.
func failed(kind string) string {
	return `{"activationId":"c7bb1339cb4f40e3a6ccead6c99f804e","name":"d3tail","logs":["d3tail"],"response":{"result":{"error":"d3tail"},` +
		`"status":"` + kind + `","success":false}}`
}

func open(t *testing.T, p *Provider) *invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(providers.Env{MaxResponse: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	f.(*invoker).firstPoll = time.Millisecond
	return f.(*invoker)
}

var event = &providers.Call{Payload: []byte(`{"name":"John"}`), ContentType: "application/json"}

func TestRequest(t *testing.T) {
	type seen struct {
		Method, URI, Host, Body string
		Header                  http.Header
	}
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Method, r.RequestURI, r.Host, string(body), r.Header}
		_, _ = w.Write([]byte(published))
	}))
	defer server.Close()
	header := http.Header{
		"Authorization": {"Basic MjNiYzQ2YjEtNzFmNi00ZWQ1LThjNTQtODE2YWE0ZjhjNTAyOjEyM3pPM3haQ0xyTU42djJCS0sxZFhZRnBYbFBrY2NPRnFtMTJDZEFzTWdSVTRWck5aOWx5R1ZDR3VNREdJd1A="},
		"Content-Type":  {"application/json"}, "User-Agent": {"event-gateway"}, "Content-Length": {"15"},
	}
	for name, test := range map[string]struct {
		provider Provider
		uri      string
	}{
		"default package": {Provider{Namespace: "_", Action: "hello"}, "/api/v1/namespaces/_/actions/hello?blocking=true&result=false"},
		"package":         {Provider{Namespace: "whisk.system", Package: "utils", Action: "echo"}, "/api/v1/namespaces/whisk.system/actions/utils/echo?blocking=true&result=false"},
		"names":           {Provider{Namespace: "john@example.com_my dev", Package: "a b", Action: "c d"}, "/api/v1/namespaces/john@example.com_my%20dev/actions/a%20b/c%20d?blocking=true&result=false"},
	} {
		t.Run(name, func(t *testing.T) {
			test.provider.APIHost, test.provider.Auth = server.URL+"/", auth
			call := *event
			call.ContentType, call.Header = "application/cloudevents+json", http.Header{"Authorization": {"theirs"}}
			result, err := open(t, &test.provider).Invoke(t.Context(), &call)
			if err != nil || string(result.Body) != `{"payload": "Hello John"}` || result.ContentType != "application/json" {
				t.Fatalf("got %+v, error %v", result, err)
			}
			want := seen{"POST", test.uri, strings.TrimPrefix(server.URL, "http://"), `{"name":"John"}`, header}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	const refused = `{"error":"d3tail","code":"d3tail"}`
	for name, test := range map[string]struct {
		status    int
		body      string
		want      string
		failure   providers.Failure
		permanent bool
	}{
		"success":              {200, published, `{"payload": "Hello John"}`, "", false},
		"a list":               {200, ` [1,2]`, ` [1,2]`, "", false},
		"application error":    {502, failed("application error"), "the action answered with an error", providers.FunctionFailed, false},
		"developer error":      {502, failed("action developer error"), "the action failed without handling it", providers.FunctionFailed, false},
		"internal error":       {500, failed("whisk internal error"), "OpenWhisk failed to run the action", providers.FunctionFailed, false},
		"a failure as a 200":   {200, failed("application error"), "the action answered with an error", providers.FunctionFailed, false},
		"no record":            {200, `{"payload":"d3tail"}`, "no activation", providers.BadAnswer, false},
		"no JSON":              {200, `d3tail`, "no activation", providers.BadAnswer, false},
		"no body":              {204, ``, "no activation", providers.BadAnswer, false},
		"bad request":          {400, refused, "the payload is malformed, or sets parameters", providers.FunctionFailed, true},
		"unknown credentials":  {401, refused, "check provider.auth", providers.Unreachable, false},
		"forbidden":            {403, refused, "the right to activate action demo/hello in namespace guest", providers.Unreachable, false},
		"no such action":       {404, refused, "there is no action demo/hello in namespace guest", providers.Unreachable, false},
		"too large":            {413, refused, "larger than OpenWhisk takes", providers.FunctionFailed, true},
		"throttled":            {429, refused, "OpenWhisk throttles the namespace", providers.Throttled, false},
		"out of order":         {503, refused, "cannot take the call now", providers.Throttled, false},
		"a proxy's":            {502, `<d3tail>`, "status 502 Bad Gateway", providers.FunctionFailed, false},
		"its own":              {500, refused, "status 500 Internal Server Error", providers.FunctionFailed, false},
		"accepted, no id":      {202, `{}`, "no activation to ask for", providers.BadAnswer, false},
		"accepted, id no name": {202, `{"activationId":"../d3tail"}`, "no activation to ask for", providers.BadAnswer, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			f := open(t, &Provider{APIHost: server.URL, Namespace: "guest", Package: "demo", Action: "hello", Auth: "u:s3cret"})
			result, err := f.Invoke(t.Context(), event)
			if test.failure == "" {
				if err != nil || string(result.Body) != test.want {
					t.Fatalf("got %+v, error %v", result, err)
				}
				return
			}
			wantFailure(t, err, test.failure, test.permanent, test.want)
		})
	}
}

func wantFailure(t *testing.T, err error, failure providers.Failure, permanent bool, message string) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) || e.Failure != failure || e.Permanent != permanent || !strings.Contains(e.Message, message) {
		t.Fatalf("got %v, want failure %s, permanent %t, with %q", err, failure, permanent, message)
	}
	if e.Failure == providers.Throttled && e.RetryAfter != 7*time.Second {
		t.Errorf("to come back after %s, want 7s", e.RetryAfter)
	}
	for _, private := range []string{"d3tail", "s3cret"} {
		if strings.Contains(e.Message, private) {
			t.Errorf("the message shows %s: %s", private, e.Message)
		}
	}
}

func TestPayloads(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("OpenWhisk was called") }))
	defer server.Close()
	f := open(t, &Provider{APIHost: server.URL, Namespace: "guest", Action: "hello", Auth: "u:s3cret"})
	for _, call := range []*providers.Call{
		{Payload: []byte(`[1]`), ContentType: "application/json"},
		{Payload: []byte(`"d3tail"`), ContentType: "application/json"},
		{ContentType: "application/json"},
		{Payload: []byte(`{"a":1}`), ContentType: "text/plain"},
	} {
		_, err := f.Invoke(t.Context(), call)
		wantFailure(t, err, providers.FunctionFailed, true, "use format event or cloudevents")
	}
}

// Where OpenWhisk does not wait for the end of an action, the gateway asks until it has ended.
func TestPolling(t *testing.T) {
	type step struct {
		status int
		body   string
	}
	const running = `{"error":"The requested resource does not exist.","code":"d3tail"}`
	for name, test := range map[string]struct {
		steps   []step
		want    string
		failure providers.Failure
	}{
		"ends":                        {[]step{{404, running}, {404, running}, {200, published}}, `{"payload": "Hello John"}`, ""},
		"fails":                       {[]step{{404, running}, {200, failed("action developer error")}}, "(developer error)", providers.FunctionFailed},
		"OpenWhisk is away meanwhile": {[]step{{503, "d3tail"}, {0, ""}, {429, running}, {200, published}}, `{"payload": "Hello John"}`, ""},
		"may not be read":             {[]step{{403, running}}, "may not read its activation c7bb1339cb4f40e3a6ccead6c99f804e", providers.TimedOut},
		"too large":                   {[]step{{200, `"` + strings.Repeat("x", 2<<20) + `"`}}, "the answer is larger", providers.BadAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					w.WriteHeader(http.StatusAccepted)
					_, _ = w.Write([]byte(accepted))
					return
				}
				user, password, _ := r.BasicAuth()
				if r.RequestURI != "/api/v1/namespaces/_/activations/c7bb1339cb4f40e3a6ccead6c99f804e" || user+":"+password != "u:s3cret" {
					t.Errorf("asked for %s %s", r.Method, r.RequestURI)
				}
				next := test.steps[min(int(asked.Add(1)), len(test.steps))-1]
				if next.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(next.status)
				_, _ = w.Write([]byte(next.body))
			}))
			defer server.Close()
			f := open(t, &Provider{APIHost: server.URL, Namespace: "guest", Action: "hello", Auth: "u:s3cret"})
			result, err := f.Invoke(t.Context(), event)
			if test.failure != "" {
				wantFailure(t, err, test.failure, false, test.want)
			} else if err != nil || string(result.Body) != test.want {
				t.Fatalf("got %+v, error %v", result, err)
			}
			if got := asked.Load(); got < int64(len(test.steps)) {
				t.Errorf("asked %d times, want %d", got, len(test.steps))
			}
		})
	}
}

func TestStillRunning(t *testing.T) {
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write([]byte(accepted))
			return
		}
		select {
		case asked <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	f := open(t, &Provider{APIHost: server.URL, Namespace: "guest", Action: "hello", Auth: "u:s3cret"})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := f.Invoke(ctx, event)
	wantFailure(t, err, providers.Canceled, false, "the caller gave up")

	// The deadline is over only when the polling has begun, however slow the machine is.
	for patience := 50 * time.Millisecond; ; patience *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := f.Invoke(ctx, event)
		cancel()
		if strings.Contains(err.Error(), "activation") {
			wantFailure(t, err, providers.TimedOut, false, "OpenWhisk goes on with it as activation c7bb1339cb4f40e3a6ccead6c99f804e")
			break
		}
		if providers.FailureOf(err) != providers.TimedOut {
			t.Fatalf("got error %v, want a timeout", err)
		}
	}
}
