package external_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/plugins/external"
)

func TestAProgramReacts(t *testing.T) {
	p := program(t, "sdk")
	p.RequireMTLS = true
	host := start(t, p)
	for event, want := range map[string]bool{
		eventgateway.EventReceived: true, eventgateway.FunctionInvoked: true, eventgateway.FunctionInvoking: false,
	} {
		if host.Listens(event) != want {
			t.Errorf("Listens(%s) is not %v", event, want)
		}
	}
	if err := host.Emit(t.Context(), ordering("nothing")); err != nil {
		t.Errorf("nothing: %v", err)
	}
	for do, want := range map[string]plugins.Refusal{
		"refuse":         {Status: 451, Message: "not here"},
		"refuse plainly": {},
	} {
		var refusal *plugins.Refusal
		if err := host.Emit(t.Context(), ordering(do)); !errors.As(err, &refusal) || *refusal != want {
			t.Errorf("%s: got %v, want %v", do, err, want)
		}
	}
	var failure *plugins.Failure
	err := host.Emit(t.Context(), ordering("fail"))
	if !errors.As(err, &failure) || failure.Status != http.StatusInternalServerError || strings.Contains(err.Error(), "broke") {
		t.Errorf("fail: got %v", err)
	}
	if !strings.Contains(failure.Err.Error(), "something broke") {
		t.Errorf("fail: the cause is %v", failure.Err)
	}
}

func TestAnEventArrivesWhole(t *testing.T) {
	host := start(t, program(t, "sdk"))
	want := &eventgateway.Event{
		Type: eventgateway.EventReceived, ID: "a", ReceivedAt: time.UnixMilli(1_700_000_000_123), DataType: eventgateway.TypeJSON,
		Data: []byte(`{"do":"tell event","text":"` + strings.Repeat("long ", 1<<20) + `"}`), Depth: 3, Cause: "b",
		Trace: eventgateway.TraceContext{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "x=y"},
	}
	got, err := answer[eventgateway.Event](host.Emit(t.Context(), want))
	if err != nil {
		t.Fatal(err)
	}
	if !got.ReceivedAt.Equal(want.ReceivedAt) {
		t.Errorf("received at %s, want %s", got.ReceivedAt, want.ReceivedAt)
	}
	got.ReceivedAt, got.Authorization = want.ReceivedAt, nil // null in JSON
	if !reflect.DeepEqual(&got, want) {
		t.Errorf("the event has changed on its way")
	}
	odd := ordering("refuse")
	odd.ID, odd.Cause = "\xff", "\xfe"
	var refusal *plugins.Refusal
	if err := host.Emit(t.Context(), odd); !errors.As(err, &refusal) {
		t.Errorf("invalid UTF-8: got %v", err)
	}
}

func TestAProgramGetsItsOwnEnvironmentOnly(t *testing.T) {
	t.Setenv("GATEWAY_SECRET", "s3cret")
	t.Setenv("HANDED_ON", "value")
	p := program(t, "sdk")
	p.Dir = t.TempDir()
	p.Env = append(p.Env, "TOKEN=a=b", "OTHER={env.HANDED_ON}")
	host := start(t, p)
	environment := ask[[]string](t, host, "tell environment")
	for _, want := range []string{"TOKEN=a=b", "OTHER=value"} {
		if !slices.Contains(environment, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		ours := name == "TOKEN" || name == "OTHER" || name == programMode || name == "EVENT_GATEWAY_PLUGIN"
		if !ours && name != "PWD" && !strings.HasPrefix(name, "PLUGIN_") {
			t.Errorf("%s was handed on", name)
		}
	}
	if dir := ask[string](t, host, "tell directory"); dir != p.Dir {
		t.Errorf("runs in %s, want %s", dir, p.Dir)
	}
}

func TestAProgramThatEndsIsStartedAgain(t *testing.T) {
	for end, logged := range map[string]string{"crash": "exit status 7", "panic": "panic: oh"} {
		t.Run(end, func(t *testing.T) {
			host, log := startLogged(t, program(t, "sdk"))
			for range 3 {
				before := ask[int](t, host, "tell pid")
				var failure *plugins.Failure
				if err := host.Emit(t.Context(), ordering(end)); !errors.As(err, &failure) || failure.Status != http.StatusServiceUnavailable {
					t.Fatalf("the event that made it end: got %v", err)
				}
				eventually(t, "the program to be there again", func() bool {
					now, err := answer[int](host.Emit(t.Context(), ordering("tell pid")))
					return err == nil && now != before
				})
			}
			if !strings.Contains(log.String(), logged) || strings.Count(log.String(), "has ended and is started again") != 3 {
				t.Errorf("logged:\n%s", log)
			}
		})
	}
}

func TestWhileTheProgramDoesNotRun(t *testing.T) {
	for _, open := range []bool{false, true} {
		p := program(t, "sdk")
		p.FailOpen = open
		p.RestartBackoff, p.RestartMaximum = caddy.Duration(time.Hour), caddy.Duration(time.Hour)
		host := start(t, p)
		if err := host.Emit(t.Context(), ordering("crash")); (err == nil) != open {
			t.Errorf("open %v: the crash: got %v", open, err)
		}
		for range 3 {
			err := host.Emit(t.Context(), ordering("refuse"))
			var failure *plugins.Failure
			switch {
			case open && err != nil:
				t.Errorf("open: got %v", err)
			case !open && (!errors.As(err, &failure) || failure.Status != http.StatusServiceUnavailable):
				t.Errorf("closed: got %v", err)
			}
		}
	}
}

func TestAProgramThatIsTooSlow(t *testing.T) {
	p := program(t, "sdk")
	host := start(t, p)
	pid := ask[int](t, host, "tell pid")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- host.Emit(ctx, ordering("hang")) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the sender has gone: got %v", err)
	}
	if now := ask[int](t, host, "tell pid"); now != pid {
		t.Error("the program was started again")
	}

	p = program(t, "sdk")
	p.Timeout = caddy.Duration(50 * time.Millisecond)
	host = start(t, p)
	for range 20 {
		var failure *plugins.Failure
		if err := host.Emit(t.Context(), ordering("hang")); !errors.As(err, &failure) || failure.Status != http.StatusServiceUnavailable {
			t.Errorf("got %v, because of %v", err, errors.Unwrap(err))
		}
	}
}

func TestAProgramThatCannotBeCalled(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("\x00\x01\x02"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*external.Plugin)
		want   string
	}{
		"no such name":        {func(p *external.Plugin) { p.Command = []string{"no-such-program-at-all"} }, "no-such-program-at-all"},
		"no such file":        {func(p *external.Plugin) { p.Command = []string{"/no/such/file"} }, "no such file"},
		"no such directory":   {func(p *external.Plugin) { p.Dir = "/no/such/directory" }, "no such file or directory"},
		"not executable":      {func(p *external.Plugin) { p.Command = []string{notExecutable} }, "permission denied"},
		"not a program":       {func(p *external.Plugin) { p.Command = []string{bad} }, "exec format error"},
		"ends":                {func(p *external.Plugin) { p.Env = []string{programMode + "=exits"} }, "command"},
		"writes another line": {func(p *external.Plugin) { p.Env = []string{programMode + "=garbage"} }, "hello"},
		"says nothing":        {func(p *external.Plugin) { p.Env = []string{programMode + "=silent"} }, "in time"},
		"no TLS": {func(p *external.Plugin) {
			p.Env, p.RequireMTLS = []string{programMode + "=stubborn"}, true
		}, "require_mtls"},
		"unknown event": {func(p *external.Plugin) { p.Env = append(p.Env, "SUBSCRIBE_TO=user.created") }, `"user.created" is not accepted`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			p := program(t, "sdk")
			test.change(p)
			if err := provision(t, p); err != nil {
				t.Fatal(err)
			}
			patience := patience
			if name == "says nothing" {
				patience = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: p}}, nil, nil)
			err := host.Start(ctx)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "plugin p: ") {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func BenchmarkReact(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &external.Plugin{Command: []string{self}, Env: []string{programMode + "=sdk"}}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: b.Context()})
	defer cancel()
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: p}}, nil, nil)
	if err := errors.Join(p.Provision(ctx), host.Start(ctx)); err != nil {
		b.Fatal(err)
	}
	defer host.Stop(context.Background())
	ev := ordering("nothing")
	b.ReportAllocs()
	for b.Loop() {
		if err := host.Emit(ctx, ev); err != nil {
			b.Fatal(err)
		}
	}
}
