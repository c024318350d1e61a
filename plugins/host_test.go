package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
)

func TestPluginsStartInTheirOrderAndStopInReverse(t *testing.T) {
	var j journal
	named := func(name string) plugins.Named {
		return plugins.Named{Name: name, Plugin: &fake{
			subscriptions: []plugins.Subscription{{Event: eventgateway.EventReceived, Type: eventgateway.Sync}},
			start:         func(context.Context) error { j.note("start %s", name); return nil },
			stop:          func(context.Context) error { j.note("stop %s", name); return nil },
		}}
	}
	host := plugins.NewHost([]plugins.Named{named("a"), named("b"), named("c")}, nil, nil)
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := host.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"start a", "start b", "start c", "stop c", "stop b", "stop a"}
	if got := j.all(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAPluginThatDoesNotStart(t *testing.T) {
	sound := []plugins.Subscription{{Event: eventgateway.EventReceived, Type: eventgateway.Async}}
	for name, test := range map[string]struct {
		bad     *fake
		want    []string
		stopped []string
	}{
		"error": {
			bad:     &fake{start: func(context.Context) error { return errors.New("no disk") }},
			want:    []string{"plugin bad", "start: no disk"},
			stopped: []string{"good"},
		},
		"panic": {
			bad:     &fake{start: func(context.Context) error { panic("oh") }},
			want:    []string{"plugin bad", "panic: oh"},
			stopped: []string{"good"},
		},
		"unknown event": {
			bad:     &fake{subscriptions: []plugins.Subscription{{Event: "gateway.event.deceived", Type: eventgateway.Sync}}},
			want:    []string{"plugin bad", `event: "gateway.event.deceived" is not accepted`, eventgateway.EventReceived},
			stopped: []string{"bad", "good"},
		},
		"custom event": {
			bad:     &fake{subscriptions: []plugins.Subscription{{Event: "user.created", Type: eventgateway.Sync}}},
			want:    []string{`event: "user.created" is not accepted`},
			stopped: []string{"bad", "good"},
		},
		"unknown type": {
			bad:     &fake{subscriptions: []plugins.Subscription{{Event: eventgateway.EventReceived}}},
			want:    []string{`type: "" is not accepted: want "sync" or "async"`},
			stopped: []string{"bad", "good"},
		},
		"contradiction": {
			bad: &fake{subscriptions: []plugins.Subscription{
				{Event: eventgateway.EventReceived, Type: eventgateway.Sync},
				{Event: "eventgateway.event.received", Type: eventgateway.Async},
			}},
			want:    []string{"as sync and as async"},
			stopped: []string{"bad", "good"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var j journal
			stop := func(name string) func(context.Context) error {
				return func(context.Context) error { j.note("%s", name); return nil }
			}
			test.bad.stop = stop("bad")
			host := plugins.NewHost([]plugins.Named{
				{Name: "good", Plugin: &fake{subscriptions: sound, stop: stop("good")}},
				{Name: "bad", Plugin: test.bad},
				{Name: "never", Plugin: &fake{
					subscriptions: sound, stop: stop("never"),
					start: func(context.Context) error { t.Error("started after one that did not start"); return nil },
				}},
			}, nil, nil)
			err := host.Start(t.Context())
			if err == nil {
				t.Fatal("started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to contain %q", err, want)
				}
			}
			if got := j.all(); !slices.Equal(got, test.stopped) {
				t.Errorf("stopped %v, want %v", got, test.stopped)
			}
			if host.Listens(eventgateway.EventReceived) {
				t.Error("a host that did not start listens")
			}
		})
	}
}

func TestListens(t *testing.T) {
	var none *plugins.Host
	if none.Listens(eventgateway.EventReceived) {
		t.Error("a nil host listens")
	}
	if err := errors.Join(none.Start(t.Context()), none.Emit(t.Context(), received()), none.Stop(t.Context())); err != nil {
		t.Error(err)
	}
	if empty := startHost(t, nil); empty.Listens(eventgateway.EventReceived) {
		t.Error("a host without plugins listens")
	}
	for _, name := range []string{"gateway.function.invoked", "eventgateway.function.invoked"} {
		host := startHost(t, nil, plugins.Named{Name: "p", Plugin: &fake{subscriptions: []plugins.Subscription{
			{Event: name, Type: eventgateway.Async}, {Event: "gateway.function.invoked", Type: eventgateway.Async},
		}}})
		for event, want := range map[string]bool{
			"gateway.function.invoked": true, "eventgateway.function.invoked": true,
			"gateway.function.invoking": false, "gateway.event.received": false, "function.invoked": false, "": false,
			"eventeventgateway.function.invoked": false,
		} {
			if got := host.Listens(event); got != want {
				t.Errorf("subscribed to %s: Listens(%q) = %v", name, event, got)
			}
		}
	}
}

func TestASubscriptionUnderBothNamesReactsOnce(t *testing.T) {
	var j journal
	host := startHost(t, &j, plugins.Named{Name: "p", Plugin: &fake{subscriptions: []plugins.Subscription{
		{Event: "eventgateway.event.received", Type: eventgateway.Sync},
		{Event: "gateway.event.received", Type: eventgateway.Sync},
	}}})
	if err := host.Emit(t.Context(), received()); err != nil {
		t.Fatal(err)
	}
	if got, want := j.all(), []string{"p gateway.event.received done"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSyncPluginsReactInTheirOrderUpToTheFirstThatRefuses(t *testing.T) {
	var j journal
	named := func(name string, err error) plugins.Named {
		return plugins.Named{Name: name, Plugin: onReceived(eventgateway.Sync, func(context.Context, *eventgateway.Event) error {
			return err
		})}
	}
	refusal := fmt.Errorf("wrapped: %w", &plugins.Refusal{Status: http.StatusTeapot, Message: "no coffee"})
	host := startHost(t, &j, named("a", nil), named("b", refusal), named("c", nil))
	err := host.Emit(t.Context(), received())
	var got *plugins.Refusal
	if !errors.As(err, &got) || got.StatusCode() != http.StatusTeapot || err.Error() != "no coffee" {
		t.Errorf("got %v", err)
	}
	want := []string{"a gateway.event.received done", "b gateway.event.received refused"}
	if got := j.all(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// teapot is an error that asks for a status.
type teapot struct{ status int }

func (teapot) Error() string     { return "secret detail" }
func (e teapot) StatusCode() int { return e.status }

func TestASyncPluginThatFailsStopsTheEvent(t *testing.T) {
	hang := func(ctx context.Context, _ *eventgateway.Event) error { <-ctx.Done(); return ctx.Err() }
	deaf := make(chan struct{})
	t.Cleanup(func() { close(deaf) })
	for name, test := range map[string]struct {
		react  func(context.Context, *eventgateway.Event) error
		text   string
		status int
	}{
		"error":          {func(context.Context, *eventgateway.Event) error { return errors.New("secret detail") }, "plugin p: failed", 500},
		"panic":          {func(context.Context, *eventgateway.Event) error { panic("secret detail") }, "plugin p: failed", 500},
		"status":         {func(context.Context, *eventgateway.Event) error { return teapot{418} }, "plugin p: failed", 418},
		"no such status": {func(context.Context, *eventgateway.Event) error { return teapot{200} }, "plugin p: failed", 500},
		"too slow":       {hang, "plugin p: took longer than 20ms", 503},
		"deaf": {
			func(context.Context, *eventgateway.Event) error { <-deaf; return nil },
			"plugin p: took longer than 20ms", 503,
		},
	} {
		for _, open := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, open %v", name, open), func(t *testing.T) {
				var j journal
				var log bytes.Buffer
				p := onReceived(eventgateway.Sync, test.react)
				p.tuning = plugins.Tuning{FailOpen: open}
				if test.status == http.StatusServiceUnavailable {
					p.tuning.Timeout = 20 * time.Millisecond
				}
				host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: p}}, &j, slog.New(slog.NewTextHandler(&log, nil)))
				if err := host.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				var err error
				within(t, "Emit", func() { err = host.Emit(t.Context(), received()) })
				if got, want := j.all(), []string{"p gateway.event.received failed"}; !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				if !strings.Contains(log.String(), "plugin=p") {
					t.Errorf("logged %q", log.String())
				}
				if open {
					if err != nil {
						t.Errorf("open: got %v", err)
					}
					return
				}
				var failure *plugins.Failure
				if !errors.As(err, &failure) || failure.StatusCode() != test.status || err.Error() != test.text {
					t.Errorf("got %v with %+v, want %q with %d", err, failure, test.text, test.status)
				}
			})
		}
	}
}

func TestASenderThatGoesIsNoFailureOfThePlugin(t *testing.T) {
	var j journal
	entered := make(chan struct{})
	host := startHost(t, &j, plugins.Named{Name: "p", Plugin: onReceived(eventgateway.Sync, func(ctx context.Context, _ *eventgateway.Event) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	if err := host.Emit(ctx, received()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got, want := j.all(), []string{"p gateway.event.received canceled"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFailuresAreLoggedSeldom(t *testing.T) {
	var log bytes.Buffer
	p := onReceived(eventgateway.Sync, func(context.Context, *eventgateway.Event) error {
		return errors.New(strings.Repeat("long ", 1000))
	})
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: p}}, nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if host.Emit(t.Context(), received()) == nil {
			t.Fatal("no failure")
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines > 2 || log.Len() > 4096 {
		t.Errorf("%d lines, %d bytes", lines, log.Len())
	}
}

func TestReactionsThatNeverEndAreBounded(t *testing.T) {
	release := make(chan struct{})
	p := onReceived(eventgateway.Sync, func(context.Context, *eventgateway.Event) error { <-release; return nil })
	p.tuning.Timeout = time.Millisecond
	host := startHost(t, nil, plugins.Named{Name: "p", Plugin: p})
	emit := func() (reason string) {
		var failure *plugins.Failure
		if err := host.Emit(t.Context(), received()); !errors.As(err, &failure) || failure.StatusCode() != http.StatusServiceUnavailable {
			t.Errorf("got %v", err)
			return ""
		}
		return failure.Reason
	}
	var busy atomic.Int32
	var senders sync.WaitGroup
	for range 64 {
		senders.Go(func() {
			for range 150 {
				if emit() == "has too many events at a time" {
					busy.Add(1)
				}
			}
		})
	}
	senders.Wait()
	if n := busy.Load(); n < 5000 {
		t.Errorf("%d of 9600 events were not even tried", n)
	}
	close(release)
	eventually(t, "the plugin to be asked again", func() bool { return host.Emit(t.Context(), received()) == nil })
}

func TestEverySystemEventCanBeSubscribedTo(t *testing.T) {
	for _, event := range eventgateway.SystemEvents {
		host := startHost(t, nil, plugins.Named{Name: "p", Plugin: &fake{subscriptions: []plugins.Subscription{
			{Event: event, Type: eventgateway.Async},
		}}})
		for _, other := range eventgateway.SystemEvents {
			if host.Listens(other) != (event == other) {
				t.Errorf("subscribed to %s: Listens(%s)", event, other)
			}
		}
	}
}
