package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// service is what a Sender under test calls. Each request waits until it is released.
type service struct {
	*Sender[string]
	requests chan []string
	release  chan error
	canceled atomic.Int64
}

func newService(config Config[string]) *service {
	s := &service{requests: make(chan []string, 100), release: make(chan error)}
	config.Send = func(ctx context.Context, records []string) ([]Outcome, error) {
		s.requests <- records
		select {
		case err := <-s.release:
			if err != nil {
				return nil, err
			}
		case <-ctx.Done():
			s.canceled.Add(1)
			return nil, ctx.Err()
		}
		return outcomes(records), nil
	}
	s.Sender = New(config)
	return s
}

// outcomes echoes records, those that begin with "bad" as errors.
func outcomes(records []string) []Outcome {
	all := make([]Outcome, len(records))
	for i, r := range records {
		if strings.HasPrefix(r, "bad") {
			all[i].Err = errors.New(r)
		} else {
			all[i].Result = &providers.Result{Body: []byte(r)}
		}
	}
	return all
}

// do makes a call in the background.
func (s *service) do(ctx context.Context, value, key string) <-chan error {
	done := make(chan error, 1)
	go func() {
		result, err := s.Do(ctx, value, key, len(value))
		if err == nil && string(result.Body) != value {
			err = fmt.Errorf("got the outcome of %s", result.Body)
		}
		done <- err
	}()
	synctest.Wait()
	return done
}

// idle reports whether nothing waits and nothing is in flight.
func (s *Sender[T]) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting) == 0 && s.bytes == 0 && s.inFlight == 0 && len(s.busy) == 0
}

func (s *service) want(t *testing.T, records ...string) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-s.requests:
		if !slices.Equal(got, records) {
			t.Errorf("got request %q, want %q", got, records)
		}
	default:
		t.Errorf("got no request, want %q", records)
	}
}

func (s *service) wantNone(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-s.requests:
		t.Errorf("got request %q, want none yet", got)
	default:
	}
}

func TestGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(Config[string]{Records: 3, Bytes: 10, Requests: 2})
		ctx := t.Context()
		calls := []<-chan error{s.do(ctx, "a", "")}
		s.want(t, "a") // at once
		calls = append(calls, s.do(ctx, "b", ""), s.do(ctx, "c", ""))
		s.wantNone(t)
		calls = append(calls, s.do(ctx, "d", ""))
		s.want(t, "b", "c", "d") // as many as fit
		for _, v := range []string{"e", "f", "g", "h"} {
			calls = append(calls, s.do(ctx, v, ""))
		}
		time.Sleep(time.Second)
		s.wantNone(t) // no third request at a time
		s.release <- nil
		s.want(t, "e", "f", "g")
		s.release <- nil
		s.want(t, "h")
		s.release <- nil
		s.release <- nil
		for i, call := range calls {
			if err := <-call; err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(Config[string]{Records: 100, Bytes: 1000, Requests: 2})
		first, second, third := s.do(t.Context(), "a", ""), s.do(t.Context(), "b", ""), s.do(t.Context(), "c", "")
		s.want(t, "a")
		time.Sleep(Linger - 1)
		s.wantNone(t)
		time.Sleep(time.Nanosecond)
		s.want(t, "b", "c")
		s.release <- nil
		s.release <- nil
		for _, call := range []<-chan error{first, second, third} {
			if err := <-call; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(Config[string]{Records: 100, Bytes: 10, Requests: 1})
		calls := []<-chan error{s.do(t.Context(), "a", "")}
		s.want(t, "a")
		for _, v := range []string{"bbbbbb", "cccc", "d", "more than ten"} {
			calls = append(calls, s.do(t.Context(), v, ""))
		}
		s.wantNone(t)
		s.release <- nil
		s.want(t, "bbbbbb", "cccc")
		s.release <- nil
		s.want(t, "d")
		s.release <- nil
		s.want(t, "more than ten") // alone: whether it is too large is the service's to say
		s.release <- nil
		for _, call := range calls {
			if err := <-call; err != nil {
				t.Error(err)
			}
		}
	})
}

// A caller that gives up takes its record back, or leaves it to go with the others; only where no other waits, the request ends.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(Config[string]{Records: 100, Bytes: 1000, Requests: 1})
		ctx, cancel := context.WithCancel(t.Context())
		alone := s.do(ctx, "a", "")
		s.want(t, "a")
		impatient, cancelImpatient := context.WithCancel(t.Context())
		b, c, d := s.do(impatient, "b", ""), s.do(t.Context(), "c", ""), s.do(t.Context(), "d", "")
		cancelImpatient()
		if err := <-b; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		cancel()
		if err := <-alone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		s.want(t, "c", "d")
		if got := s.canceled.Load(); got != 1 {
			t.Errorf("%d requests were canceled, want the one that nobody waits for", got)
		}
		impatient, cancelImpatient = context.WithCancel(t.Context())
		e, f := s.do(impatient, "e", ""), s.do(t.Context(), "f", "")
		s.release <- nil
		s.want(t, "e", "f")
		cancelImpatient()
		if err := <-e; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		s.release <- nil
		for _, call := range []<-chan error{c, d, f} {
			if err := <-call; err != nil {
				t.Errorf("a call that waited on failed: %v", err)
			}
		}
		if !s.idle() || s.canceled.Load() != 1 {
			t.Errorf("left behind: %+v", s.Sender)
		}
	})
}

func TestKeysKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(Config[string]{Records: 10, Bytes: 1000, Requests: 2})
		ctx := t.Context()
		a1, a2, b1, a3 := s.do(ctx, "a1", "a"), s.do(ctx, "a2", "a"), s.do(ctx, "b1", "b"), s.do(ctx, "bad a3", "a")
		s.want(t, "a1")
		time.Sleep(Linger)
		s.want(t, "b1") // which need not wait for the a
		s.release <- nil
		s.release <- nil
		s.want(t, "a2")
		s.wantNone(t)
		s.release <- nil
		s.want(t, "bad a3")
		s.release <- nil
		for _, call := range []<-chan error{a1, a2, b1} {
			if err := <-call; err != nil {
				t.Error(err)
			}
		}
		if err := <-a3; err == nil || !s.idle() {
			t.Errorf("got %v, left behind: %+v", err, s.Sender)
		}
	})
}

func TestOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(Config[string]{Records: 10, Bytes: 1000, Requests: 1})
		hold := s.do(t.Context(), "hold", "")
		s.want(t, "hold")
		good, bad := s.do(t.Context(), "good", ""), s.do(t.Context(), "bad", "")
		s.release <- nil
		s.want(t, "good", "bad")
		third, fourth := s.do(t.Context(), "third", ""), s.do(t.Context(), "fourth", "")
		s.release <- nil
		if err := <-good; err != nil || <-hold != nil {
			t.Errorf("a record beside a bad one failed: %v", err)
		}
		if err := <-bad; err == nil || err.Error() != "bad" {
			t.Errorf("got %v", err)
		}
		s.want(t, "third", "fourth")
		s.release <- errors.New("all of it")
		if err := <-third; err == nil || err.Error() != "all of it" || (<-fourth).Error() != "all of it" {
			t.Errorf("got %v", err)
		}
	})
}

// One record that makes the service refuse the whole request does not take the others with it.
func TestPoisonousRecord(t *testing.T) {
	poisoned := &providers.Error{Failure: providers.FunctionFailed, Permanent: true, Message: "poison"}
	var (
		mu       sync.Mutex
		requests [][]string
		started  = make(chan struct{})
		hold     = make(chan struct{})
	)
	s := New(Config[string]{Records: 10, Bytes: 1000, Requests: 1, Send: func(_ context.Context, records []string) ([]Outcome, error) {
		if records[0] == "hold" {
			close(started)
			<-hold
		}
		mu.Lock()
		defer mu.Unlock()
		requests = append(requests, records)
		if slices.Contains(records, "poison") {
			return nil, poisoned
		}
		return outcomes(records), nil
	}})
	var all sync.WaitGroup
	call := func(value string, want error) {
		all.Go(func() {
			if _, err := s.Do(t.Context(), value, "", 1); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", value, err, want)
			}
		})
	}
	call("hold", nil)
	<-started
	call("a", nil)
	call("poison", poisoned)
	call("b", nil)
	for waiting := 0; waiting < 3; {
		s.mu.Lock()
		waiting = len(s.waiting)
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	close(hold)
	all.Wait()
	if len(requests) != 5 || len(requests[1]) != 3 {
		t.Errorf("got requests %q, want the three together and then each alone", requests)
	}
}

func TestMiscountAndPanic(t *testing.T) {
	s := New(Config[string]{Records: 10, Bytes: 1000, Requests: 1, Send: func(_ context.Context, records []string) ([]Outcome, error) {
		if records[0] == "panic" {
			panic("private")
		}
		return nil, nil
	}})
	if _, err := s.Do(t.Context(), "x", "", 1); providers.FailureOf(err) != providers.BadAnswer {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() {
			if p := recover(); p != "private" {
				t.Errorf("got %v in the caller, want the panic", p)
			}
		}()
		_, _ = s.Do(t.Context(), "panic", "", 1)
	}()
	if _, err := s.Do(t.Context(), "x", "", 1); providers.FailureOf(err) != providers.BadAnswer {
		t.Errorf("after a panic: got %v", err)
	}
}

// However calls come and give up, each gets its own outcome, and nothing stays behind.
func TestRaces(t *testing.T) {
	var sent atomic.Int64
	s := New(Config[string]{Records: 7, Bytes: 60, Requests: 3, Send: func(_ context.Context, records []string) ([]Outcome, error) {
		sent.Add(int64(len(records)))
		return outcomes(records), nil
	}})
	var all sync.WaitGroup
	for caller := range 16 {
		all.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%5 == 0 {
					go cancel()
				}
				value, key := fmt.Sprint(caller, " ", n), ""
				if caller%2 == 0 {
					key = fmt.Sprint(n % 3)
				}
				result, err := s.Do(ctx, value, key, len(value))
				if err == nil && string(result.Body) != value || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: got %v, error %v", value, result, err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	deadline := time.Now().Add(30 * time.Second)
	for !s.idle() {
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %+v", s)
		}
		time.Sleep(time.Millisecond)
	}
}

// BenchmarkSender is what gathering adds to the service's own time, alone and among others.
func BenchmarkSender(b *testing.B) {
	s := New(Config[string]{Records: 500, Bytes: 1 << 20, Requests: 4, Send: func(_ context.Context, records []string) ([]Outcome, error) {
		return outcomes(records), nil
	}})
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.Do(context.Background(), "x", "", 1)
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = s.Do(context.Background(), "x", "", 1)
			}
		})
	})
}
