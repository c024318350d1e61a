package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

var answer = []byte(`{"answer":42}`)

// testCalls checks calls whose function and host behave.
func (s *suite) testCalls(t *testing.T) {
	t.Run("open does no I/O", func(t *testing.T) {
		var requests atomic.Int64
		s.edge.on(func(http.ResponseWriter, *http.Request) { requests.Add(1) })
		before := s.edge.accepted.Load()
		h := s.open(t, s.function())
		s.edge.visit(t) // connections are accepted in their order: this one comes after any that opening made
		if connections := s.edge.accepted.Load() - before - 1; connections != 0 || requests.Load() != 1 {
			t.Errorf("opening made %d connections and %d requests", connections, requests.Load()-1)
		}
		s.edge.on(func(w http.ResponseWriter, r *http.Request) { s.Answer(w, r, answer) })
		if s.Server != nil {
			return
		}
		if _, err := s.invoke(t.Context(), t, h); err != nil {
			t.Errorf("the first call failed: %v", err)
		}
	})
	t.Run("success", func(t *testing.T) {
		s.edge.on(func(w http.ResponseWriter, r *http.Request) { s.Answer(w, r, answer) })
		result, err := s.invoke(t.Context(), t, s.open(t, s.functionAt(s.served)))
		if err == nil {
			err = s.right(result)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("concurrently", s.testConcurrently)
	if s.Server != nil {
		return
	}
	t.Run("largest answer", func(t *testing.T) {
		if s.Takes != nil {
			t.Skip("the answer is the service's own")
		}
		body := []byte(`"` + string(bytes.Repeat([]byte("x"), maxResponse-2)) + `"`)
		s.edge.on(func(w http.ResponseWriter, r *http.Request) { s.Answer(w, r, body) })
		result, err := s.invoke(t.Context(), t, s.open(t, s.function()))
		if err != nil || !bytes.Equal(result.Body, body) {
			t.Errorf("an answer of exactly the accepted size is not passed on: %v", err)
		}
	})
	t.Run("function error", func(t *testing.T) {
		s.edge.on(func(w http.ResponseWriter, r *http.Request) { s.Fail(w, r, detail) })
		_, err := s.invoke(t.Context(), t, s.open(t, s.function()))
		want(t, err, s.Failed)
	})
	t.Run("errors are the provider's own", s.testBareInvoker)
}

// right checks the result of a call that was answered with answer.
func (s *suite) right(result *providers.Result) error {
	if s.Takes != nil {
		return s.Takes(result.Body)
	}
	if !bytes.Equal(result.Body, answer) {
		return fmt.Errorf("got %q, want %q", result.Body, answer)
	}
	return nil
}

func (s *suite) testConcurrently(t *testing.T) {
	s.edge.on(func(w http.ResponseWriter, r *http.Request) { s.Answer(w, r, answer) })
	h := s.open(t, s.functionAt(s.served))
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 20 {
				result, err := h.Invoke(t.Context(), s.Call)
				if err == nil {
					err = s.right(result)
				}
				if err != nil {
					t.Errorf("a call among others failed: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
}

// testBareInvoker calls the invoker itself, without what a Handle adds.
func (s *suite) testBareInvoker(t *testing.T) {
	info, err := caddy.GetModule(providers.Namespace + "." + s.Type)
	if err != nil {
		t.Fatal(err)
	}
	p := info.New().(providers.Provider)
	if err := caddy.StrictUnmarshalJSON([]byte(s.Fields(s.edge.url)), p); err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	invoker, err := p.Open(s.env())
	if err != nil {
		t.Fatal(err)
	}
	if closer, ok := invoker.(io.Closer); ok {
		defer closer.Close()
	}
	s.edge.on(func(w http.ResponseWriter, r *http.Request) { s.Fail(w, r, detail) })
	_, err = invoker.Invoke(t.Context(), s.Call)
	s.note(err)
	want(t, err, s.Failed)

	s.edge.on(func(_ http.ResponseWriter, r *http.Request) { s.edge.hang(r) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = invoker.Invoke(ctx, s.Call)
	s.note(err)
	want(t, err, providers.TimedOut)
}

// testFaults checks calls whose function or host misbehaves.
func (s *suite) testFaults(t *testing.T) {
	if s.Server == nil {
		s.testHTTPFaults(t)
	} else {
		s.testMuteServer(t)
	}
	t.Run("refused connection", func(t *testing.T) {
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		_, err := s.invoke(t.Context(), t, s.open(t, s.functionAt(gone.URL)))
		want(t, err, providers.Unreachable)
	})
	t.Run("closed handle", func(t *testing.T) {
		h := s.open(t, s.function())
		h.Close()
		_, err := s.invoke(t.Context(), t, h)
		want(t, err, providers.Unreachable)
	})
}

// testMuteServer checks calls of a server that accepts connections and says nothing, whatever its protocol is.
func (s *suite) testMuteServer(t *testing.T) {
	t.Run("hanging", func(t *testing.T) {
		fn := s.functionAt(mute(t, func() {}))
		fn.Timeout = eventgateway.Duration(50 * time.Millisecond)
		_, err := s.invoke(t.Context(), t, s.open(t, fn))
		want(t, err, providers.TimedOut)
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.invoke(ctx, t, s.open(t, s.functionAt(mute(t, cancel))))
		want(t, err, providers.Canceled)
	})
}

// testHTTPFaults checks calls whose host speaks HTTP badly or not at all.
func (s *suite) testHTTPFaults(t *testing.T) {
	faults := []struct {
		name    string
		behave  http.HandlerFunc
		timeout time.Duration // of the function; 0 for long enough
		failure providers.Failure
		// brokenOff is wanted where the function may have done its work, so that the event may be sent again.
		brokenOff bool
	}{
		{"hanging", func(_ http.ResponseWriter, r *http.Request) { s.edge.hang(r) }, 50 * time.Millisecond, providers.TimedOut, false},
		{"stalling answer", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"a":`))
			_ = http.NewResponseController(w).Flush()
			s.edge.hang(r)
		}, 50 * time.Millisecond, providers.TimedOut, false},
		{"oversized answer", func(w http.ResponseWriter, r *http.Request) {
			s.Answer(w, r, []byte(`"`+string(bytes.Repeat([]byte("x"), maxResponse))+`"`))
		}, 0, providers.BadAnswer, false},
		{"announced gigabyte", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			endless(w)
		}, 0, providers.BadAnswer, false},
		{"endless answer", func(w http.ResponseWriter, _ *http.Request) { endless(w) }, 0, providers.BadAnswer, false},
		{"broken off answer", func(w http.ResponseWriter, _ *http.Request) {
			raw(w, []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"a\":"))
		}, 0, providers.BadAnswer, true},
		{"no answer", func(w http.ResponseWriter, _ *http.Request) { raw(w, nil) }, 0, providers.BadAnswer, true},
		{"echo", func(w http.ResponseWriter, r *http.Request) { raw(w, echo(r)) }, 0, providers.BadAnswer, true},
	}
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			if s.Takes != nil && fault.name == "oversized answer" {
				t.Skip("the answer is the service's own")
			}
			var inFlight atomic.Int64
			s.edge.on(func(w http.ResponseWriter, r *http.Request) {
				inFlight.Add(1)
				defer inFlight.Add(-1)
				fault.behave(w, r)
			})
			fn := s.function()
			fn.Timeout = eventgateway.Duration(fault.timeout)
			_, err := s.invoke(t.Context(), t, s.open(t, fn))
			want(t, err, fault.failure)
			if e, _ := errors.AsType[*providers.Error](err); e.BrokenOff != fault.brokenOff {
				t.Errorf("got BrokenOff %t, want %t", e.BrokenOff, fault.brokenOff)
			}
			eventually(t, "the request ended at the edge", func() bool { return inFlight.Load() == 0 })
		})
	}
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s.edge.on(func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			s.edge.hang(r)
		})
		_, err := s.invoke(ctx, t, s.open(t, s.function()))
		want(t, err, providers.Canceled)
	})
}

func endless(w http.ResponseWriter) {
	chunk := bytes.Repeat([]byte("x"), 8<<10)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
	}
}

// testConnections checks that connections are used again, also after a failure.
func (s *suite) testConnections(t *testing.T) {
	const calls, most = 100, 5
	for name, behave := range map[string]http.HandlerFunc{
		"answers":  func(w http.ResponseWriter, r *http.Request) { s.Answer(w, r, answer) },
		"failures": func(w http.ResponseWriter, r *http.Request) { s.Fail(w, r, detail) },
	} {
		t.Run(name, func(t *testing.T) {
			s.edge.on(behave)
			before := s.edge.accepted.Load()
			for range calls {
				h := providers.Open(s.function(), s.env())
				_, err := h.Invoke(t.Context(), s.Call)
				h.Close()
				s.note(err)
				if err != nil && (name == "answers" || providers.FailureOf(err) != s.Failed) {
					t.Fatal(err)
				}
			}
			if got := s.edge.accepted.Load() - before; got > most {
				t.Errorf("%d calls took %d connections, want at most %d", calls, got, most)
			}
		})
	}
}

// testLeaks checks that nothing stays behind.
func (s *suite) testLeaks(t *testing.T) {
	s.edge.close()
	eventually(t, "the goroutines of calls and connections ended", func() bool {
		return runtime.NumGoroutine() <= s.goroutines+1 // this subtest's own
	})
}
