package providers_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

var call = &providers.Call{Payload: []byte("{}"), ContentType: "application/json"}

func failure(t *testing.T, err error) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a *providers.Error", err, err)
	}
	return e
}

func TestInvokeResults(t *testing.T) {
	leaky := &url.Error{Op: "Post", URL: "http://u:s3cret@host/", Err: errors.New("broken pipe")}
	own := &providers.Error{Failure: providers.Throttled, Message: "later", RetryAfter: time.Second}
	tests := map[string]struct {
		result  *providers.Result
		err     error
		failure providers.Failure
		message string
	}{
		"ok":             {result: &providers.Result{Body: []byte("0123456789")}},
		"too large":      {&providers.Result{Body: []byte("0123456789a")}, nil, providers.BadAnswer, "larger than the 10 bytes"},
		"neither":        {nil, nil, providers.BadAnswer, "neither an answer nor an error"},
		"own error":      {nil, own, providers.Throttled, "later"},
		"wrapped error":  {nil, errors.Join(errors.New("x"), own), providers.Throttled, "later"},
		"foreign error":  {nil, leaky, providers.FunctionFailed, "did not explain"},
		"result and err": {&providers.Result{}, own, providers.Throttled, "later"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, _ := opened(name, func(context.Context) (*providers.Result, error) { return test.result, test.err })
			defer h.Close()
			result, err := h.Invoke(t.Context(), call)
			if test.failure == "" {
				if err != nil || result != test.result {
					t.Fatalf("got %v, error %v", result, err)
				}
				return
			}
			e := failure(t, err)
			if result != nil || e.Failure != test.failure || !strings.Contains(e.Message, test.message) {
				t.Errorf("got %v, failure %s, %q", result, e.Failure, e.Message)
			}
			for err := error(e); err != nil; err = errors.Unwrap(err) {
				if strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%q shows a credential", err)
				}
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	vague := errors.New("something happened")
	definite := &providers.Error{Failure: providers.FunctionFailed, Status: 500, Message: "status 500"}
	tests := map[string]struct {
		timeout, deadline time.Duration // of the function and of the caller; 0 for none
		cancelAfter       time.Duration
		err               error
		failure           providers.Failure
		after             time.Duration
	}{
		"function's own":        {2 * time.Second, 0, 0, vague, providers.TimedOut, 2 * time.Second},
		"default":               {0, 0, 0, vague, providers.TimedOut, eventgateway.DefaultTimeout},
		"caller's is shorter":   {time.Minute, time.Second, 0, vague, providers.TimedOut, time.Second},
		"caller's is longer":    {time.Second, time.Minute, 0, vague, providers.TimedOut, time.Second},
		"vague provider error":  {time.Second, 0, 0, providers.Errorf(providers.Unreachable, "x"), providers.TimedOut, time.Second},
		"context's error":       {time.Second, 0, 0, context.DeadlineExceeded, providers.TimedOut, time.Second},
		"canceled":              {time.Minute, 0, time.Second, vague, providers.Canceled, time.Second},
		"a definite word stays": {time.Second, 0, 0, definite, providers.FunctionFailed, time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				behaviours[name] = func(ctx context.Context) (*providers.Result, error) {
					<-ctx.Done()
					return nil, test.err
				}
				fn := function(`{"does":"` + name + `"}`)
				fn.Timeout = eventgateway.Duration(test.timeout)
				h := providers.Open(fn, providers.Env{MaxResponse: 10})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				if test.cancelAfter > 0 {
					time.AfterFunc(test.cancelAfter, cancel)
				}
				start := time.Now()
				_, err := h.Invoke(ctx, call)
				if e := failure(t, err); e.Failure != test.failure {
					t.Errorf("got failure %s: %v", e.Failure, e)
				}
				if took := time.Since(start); took != test.after {
					t.Errorf("it took %s, want %s", took, test.after)
				}
			})
		})
	}
}

func TestInvokeWithEndedContext(t *testing.T) {
	h, _ := opened("not called", func(context.Context) (*providers.Result, error) {
		t.Error("the provider was called")
		return nil, nil
	})
	defer h.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Invoke(ctx, call)
	if e := failure(t, err); e.Failure != providers.Canceled {
		t.Errorf("got failure %s", e.Failure)
	}
}

func TestPanics(t *testing.T) {
	tests := map[string]func(context.Context) (*providers.Result, error){
		"with a text":    func(context.Context) (*providers.Result, error) { panic("s3cret") },
		"with an error":  func(context.Context) (*providers.Result, error) { panic(errors.New("s3cret")) },
		"of the runtime": func(context.Context) (*providers.Result, error) { var p *int; *p = 1; return nil, nil },
		"with nil":       func(context.Context) (*providers.Result, error) { panic(nil) },
	}
	for name, invoke := range tests {
		t.Run(name, func(t *testing.T) {
			h, log := opened("panic "+name, invoke)
			defer h.Close()
			for range 2 {
				_, err := h.Invoke(t.Context(), call)
				if e := failure(t, err); e.Failure != providers.FunctionFailed || !strings.Contains(e.Message, "panicked") {
					t.Errorf("got %s: %v", e.Failure, e)
				}
			}
			if !log.has("a provider panicked") || !log.has("function=fn") || !log.has("handle_test.go") || log.has("s3cret") {
				t.Errorf("unfit log: %s", log)
			}
		})
	}
}

func TestUnusableFunctions(t *testing.T) {
	for name, test := range map[string]struct {
		fn      *eventgateway.Function
		message string
	}{
		"type not built in": {&eventgateway.Function{Type: "nope", Provider: []byte(`{}`)}, "fake"},
		"unknown field":     {function(`{"does":"x","foo":1}`), "foo"},
		"no JSON":           {function(`{`), "malformed"},
		"refused":           {function(`{}`), "provider.does: missing"},
		"fails to open":     {function(`{"does":"fail to open"}`), "it cannot be opened"},
		"opens nothing":     {function(`{"does":"open nothing"}`), "opened nothing"},
		"panics":            {function(`{"does":"panic in open","key":"s3cret"}`), "panicked"},
		"panics early":      {function(`{"does":"panic in validate","key":"s3cret"}`), "panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			_, log := opened("", nil)
			h := providers.Open(test.fn, providers.Env{Logger: newLogger(log), MaxResponse: 10})
			_, err := h.Invoke(t.Context(), call)
			e := failure(t, err)
			if e.Failure != providers.Unreachable || !strings.Contains(e.Message, test.message) || strings.Contains(e.Message, "s3cret") {
				t.Errorf("got %s: %v", e.Failure, e)
			}
			h.Close()
			h.Close()
			if log.has("s3cret") {
				t.Errorf("the log shows a credential: %s", log)
			}
		})
	}
}

func TestCloseWaitsForCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan int64, 100)
		onClose["slow"] = func(inFlight int64) { closed <- inFlight }
		release := make(chan struct{})
		h, _ := opened("slow", func(context.Context) (*providers.Result, error) {
			<-release
			return &providers.Result{}, nil
		})
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				if _, err := h.Invoke(t.Context(), call); err != nil {
					t.Errorf("a call begun before the close failed: %v", err)
				}
			})
		}
		synctest.Wait()
		h.Close()
		h.Close()
		synctest.Wait()
		if len(closed) != 0 {
			t.Error("the invoker was closed under its calls")
		}
		_, err := h.Invoke(t.Context(), call)
		if e := failure(t, err); e.Failure != providers.Unreachable {
			t.Errorf("a call after the close: got %s: %v", e.Failure, e)
		}
		close(release)
		calls.Wait()
		synctest.Wait()
		if len(closed) != 1 {
			t.Errorf("the invoker was closed %d times, want once", len(closed))
		}
	})
}

func TestPanicInClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		onClose["panic in close"] = func(int64) { panic("in close") }
		h, log := opened("panic in close", nil)
		h.Close()
		synctest.Wait()
		if !log.has("a provider panicked") {
			t.Errorf("log %s", log)
		}
	})
}

// However closes and calls interleave, the invoker is closed once and never with a call in it.
func TestCloseRaces(t *testing.T) {
	const rounds = 300
	closed := make(chan int64, 2*rounds)
	onClose["quick"] = func(inFlight int64) { closed <- inFlight }
	h0, _ := opened("quick", func(context.Context) (*providers.Result, error) { return &providers.Result{}, nil })
	h0.Close()
	for range rounds {
		h, _ := opened("quick", behaviours["quick"])
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 3 {
					_, _ = h.Invoke(context.Background(), call)
				}
			})
			all.Go(h.Close)
		}
		all.Wait()
	}
	for range rounds + 1 {
		select {
		case inFlight := <-closed:
			if inFlight != 0 {
				t.Fatalf("closed with %d calls in flight", inFlight)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("an invoker was not closed")
		}
	}
	select {
	case <-closed:
		t.Fatal("an invoker was closed twice")
	default:
	}
}

// BenchmarkHandle is what a Handle adds to a provider's own time.
func BenchmarkHandle(b *testing.B) {
	result := &providers.Result{}
	h, _ := opened("bench", func(context.Context) (*providers.Result, error) { return result, nil })
	defer h.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(context.Background(), call); err != nil {
			b.Fatal(err)
		}
	}
}
