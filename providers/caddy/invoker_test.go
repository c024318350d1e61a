package caddyprovider

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// open returns a function that is route, and what it logs.
func open(t *testing.T, p *Provider, route http.Handler) (*invoker, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(providers.Env{
		Space: "shop", FunctionID: "fn", Logger: slog.New(slog.NewTextHandler(&log, nil)), MaxResponse: 1000,
		Route: func(name string) http.Handler {
			if name == "hello" {
				return route
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f.(*invoker), &log
}

var call = &providers.Call{
	Payload: []byte("payload-text"), ContentType: "text/plain", Event: new(eventgateway.Event),
	Header: http.Header{
		"Ce-Id": {"7"}, "Content-Type": {"text/html"}, "Host": {"evil"}, "Connection": {"Ce-Id"}, "Accept-Encoding": {"gzip"},
		"Content-Length": {"1"},
	},
}

// failure returns the error of a call that has to fail.
func failure(t *testing.T, err error, want providers.Failure) *providers.Error {
	t.Helper()
	e, ok := errors.AsType[*providers.Error](err)
	if !ok || e.Failure != want {
		t.Fatalf("got %v (%T), want a failure %s", err, err, want)
	}
	return e
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	f, _ := open(t, &Provider{Route: "hello", Method: "PATCH", URI: "/a%2Fb?x=1"}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, body = r.Clone(context.Background()), make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			t.Error(err)
		}
		r.URL.Path, r.Header["Ce-Id"][0] = "/changed", "changed" // as handlers do
		w.Header().Set("Content-Type", "text/x-answer")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "answer")
	}))
	for range 2 { // the second finds nothing of what the handler changed
		result, err := f.Invoke(t.Context(), call)
		if err != nil || string(result.Body) != "answer" || result.ContentType != "text/x-answer" {
			t.Fatalf("got %+v, %v", result, err)
		}
		if got.Method != "PATCH" || got.URL.EscapedPath() != "/a%2Fb" || got.RequestURI != "/a%2Fb?x=1" || got.URL.RawQuery != "x=1" ||
			got.Host != "localhost" || got.RemoteAddr != "" || got.ProtoMajor != 1 || got.ContentLength != 12 {
			t.Errorf("got request %+v", got)
		}
		want := http.Header{"Ce-Id": {"7"}, "Content-Type": {"text/plain"}, "User-Agent": {"event-gateway"}}
		if len(got.Header) != len(want) {
			t.Errorf("got headers %v, want %v", got.Header, want)
		}
		for name := range want {
			if got.Header.Get(name) != want.Get(name) {
				t.Errorf("got header %s %q, want %q", name, got.Header.Values(name), want.Get(name))
			}
		}
		if string(body) != "payload-text" {
			t.Errorf("got body %q", body)
		}
	}
}

func TestAnswers(t *testing.T) {
	text := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "detail-text")
		}
	}
	for name, test := range map[string]struct {
		route     http.HandlerFunc
		failure   providers.Failure
		permanent bool
		brokenOff bool
	}{
		"server error":     {text(500), providers.FunctionFailed, false, false},
		"refused":          {text(422), providers.FunctionFailed, true, false},
		"redirect":         {text(302, "Location", "/elsewhere"), providers.FunctionFailed, true, false},
		"busy":             {text(503, "Retry-After", "3"), providers.Throttled, false, false},
		"compressed":       {text(200, "Content-Encoding", "gzip"), providers.BadAnswer, false, false},
		"less than said":   {text(200, "Content-Length", "999"), providers.BadAnswer, false, true},
		"panic":            {func(http.ResponseWriter, *http.Request) { panic("payload-text") }, providers.FunctionFailed, false, false},
		"abort":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, providers.BadAnswer, false, true},
		"one byte too big": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1001)) }, providers.BadAnswer, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, log := open(t, &Provider{Route: "hello"}, test.route)
			_, err := f.Invoke(t.Context(), call)
			e := failure(t, err, test.failure)
			if e.Permanent != test.permanent || e.BrokenOff != test.brokenOff {
				t.Errorf("got %+v", e)
			}
			for _, private := range []string{"payload-text", "detail-text"} {
				if strings.Contains(e.Message+log.String(), private) {
					t.Errorf("%q is shown: %s %s", private, e.Message, log)
				}
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		f, _ := open(t, &Provider{Route: "hello"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		if result, err := f.Invoke(t.Context(), call); err != nil || len(result.Body) != 0 {
			t.Errorf("got %+v, %v", result, err)
		}
	})
	t.Run("largest", func(t *testing.T) {
		f, _ := open(t, &Provider{Route: "hello"}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 400))
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(make([]byte, 600))
		}))
		if result, err := f.Invoke(t.Context(), call); err != nil || len(result.Body) != 1000 {
			t.Errorf("got %+v, %v", result, err)
		}
	})
}

func TestNoRoute(t *testing.T) {
	f, _ := open(t, &Provider{Route: "other"}, http.NotFoundHandler())
	_, err := f.Invoke(t.Context(), call)
	e := failure(t, err, providers.Unreachable)
	if !strings.Contains(e.Message, "route other") || !strings.Contains(e.Message, "space shop") || e.Permanent {
		t.Errorf("got %+v", e)
	}
	f.find = nil
	_, err = f.Invoke(t.Context(), call)
	failure(t, err, providers.Unreachable)
}

// TestDeafHandler checks calls of a route that neither ends with its context nor looks at what Write returns.
func TestDeafHandler(t *testing.T) {
	release := make(chan struct{})
	f, _ := open(t, &Provider{Route: "hello"}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 2000))
		<-release
	}))
	for range maxGivenUp {
		_, err := f.Invoke(t.Context(), call)
		failure(t, err, providers.BadAnswer)
	}
	_, err := f.Invoke(t.Context(), call)
	failure(t, err, providers.Throttled)
	close(release)
	for deadline := time.Now().Add(time.Minute); f.givenUp.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d handlers are still counted", f.givenUp.Load())
		}
	}
	_, err = f.Invoke(t.Context(), call)
	failure(t, err, providers.BadAnswer)

	stuck := make(chan struct{})
	defer close(stuck)
	f, _ = open(t, &Provider{Route: "hello"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = f.Invoke(ctx, call)
	failure(t, err, providers.TimedOut)
}

// TestNested checks that routes that lead back to functions end somewhere, and that nothing of the request around a call is
// found in the one inside.
func TestNested(t *testing.T) {
	var f *invoker
	calls, refused := 0, 0
	type key struct{}
	f, _ = open(t, &Provider{Route: "hello"}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		if r.Context().Value(key{}) != nil {
			t.Error("a value of the outer request is in the inner one")
		}
		if _, err := f.Invoke(context.WithValue(r.Context(), key{}, "outer"), call); err != nil {
			if e := failure(t, err, providers.FunctionFailed); e.Permanent && strings.Contains(e.Message, "loop") {
				refused++
			}
			w.WriteHeader(http.StatusLoopDetected)
		}
	}))
	_, err := f.Invoke(context.WithValue(t.Context(), key{}, "outer"), call)
	failure(t, err, providers.FunctionFailed)
	if calls != maxNested || refused != 1 {
		t.Errorf("%d calls one inside the other and %d refused, want %d and 1", calls, refused, maxNested)
	}
}

func TestValidate(t *testing.T) {
	for field, p := range map[string]Provider{
		"route: missing": {},
		"route: ":        {Route: "two words"},
		"route":          {Route: strings.Repeat("x", 257)},
		"method":         {Route: "r", Method: "post"},
		"uri":            {Route: "r", URI: "relative"},
		"uri: ":          {Route: "r", URI: "http://elsewhere/"},
		"uri:":           {Route: "r", URI: "/a#b"},
	} {
		err := p.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%+v: got %v, want an error about %s", p, err, field)
		}
	}
}
