package providertest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func init() {
	caddy.RegisterModule(new(suspect))
}

// suspect is a small provider with one fault, named by the environment variable SUSPECT_FAULT, or none.
type suspect struct {
	URL string `json:"url"`
	Key string `json:"key"`
}

var fault = os.Getenv("SUSPECT_FAULT")

func (*suspect) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".suspect", New: func() caddy.Module { return new(suspect) }}
}

func (p *suspect) Validate() error {
	if p.URL == "" && fault != "validates nothing" {
		return eventgateway.Errorf(eventgateway.Invalid, "url: missing")
	}
	return nil
}

func (p *suspect) EachSecret(visit func(name, value string) string) {
	if p.Key != "" && fault != "does not mask" {
		p.Key = visit("key", p.Key)
	}
}

func (p *suspect) Open(env providers.Env) (providers.Invoker, error) {
	if fault == "dials when opened" {
		u, err := url.Parse(p.URL)
		if err != nil {
			return nil, err
		}
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			return nil, err
		}
		conn.Close()
	}
	if fault == "logs a credential" {
		env.Logger.Debug("opened", "key", p.Key)
	}
	if fault == "keeps a goroutine" {
		go func() { select {} }()
	}
	return &suspectInvoker{suspect: p, max: env.MaxResponse}, nil
}

type suspectInvoker struct {
	*suspect
	max int64
}

var client = &http.Client{}

func (f *suspectInvoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL+"?key="+f.Key, bytes.NewReader(call.Payload))
	if err != nil {
		return nil, providers.Errorf(providers.BadAnswer, "no request")
	}
	req.Close = fault == "uses connections once"
	resp, err := client.Do(req)
	switch {
	case err != nil && fault == "calls everything a function error":
		return nil, providers.Errorf(providers.FunctionFailed, "failed")
	case err != nil && fault == "does not say that it broke off":
		return nil, providers.Errorf(providers.NetworkError(ctx, "the host", err).Failure, "failed")
	case err != nil && fault == "shows what it got":
		return nil, providers.Errorf(providers.NetworkError(ctx, "the host", err).Failure, "%v", err)
	case err != nil:
		return nil, providers.NetworkError(ctx, "the host", err)
	}
	defer resp.Body.Close()
	limit := f.max + 1
	if fault == "cuts large answers" {
		limit = f.max
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	switch {
	case int64(len(body)) > f.max:
		return nil, providers.TooLarge(f.max)
	case err != nil && fault != "takes what it got":
		return nil, providers.NetworkError(ctx, "the host", err)
	case resp.StatusCode != http.StatusOK && fault == "gives plain errors":
		return nil, errors.New("failed")
	case resp.StatusCode != http.StatusOK && fault == "shows the function's words":
		return nil, providers.Errorf(providers.FunctionFailed, "failed: %s", body)
	case resp.StatusCode != http.StatusOK && fault != "ignores the status":
		return nil, providers.Errorf(providers.FunctionFailed, "failed")
	}
	return &providers.Result{Body: body}, nil
}

// TestSuspect runs the suite on the suspect.
func TestSuspect(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type:    "suspect",
		Fields:  func(edge string) string { return `{"url":"` + edge + `","key":"s3cret-key"}` },
		Secrets: []string{"s3cret-key"},
	})
}

// TestSuiteFindsFaults runs TestSuspect in a process of its own for every fault, and wants it to fail where it should.
func TestSuiteFindsFaults(t *testing.T) {
	if fault != "" {
		t.Skip("runs the others")
	}
	for fault, where := range map[string]string{
		"validates nothing":                 "Fields/no_fields",
		"does not mask":                     "Secrets",
		"dials when opened":                 "Calls/open_does_no_I/O",
		"logs a credential":                 "Silence",
		"shows what it got":                 "Silence",
		"shows the function's words":        "Silence",
		"keeps a goroutine":                 "Leaks",
		"uses connections once":             "Connections/answers",
		"calls everything a function error": "Faults/no_answer",
		"does not say that it broke off":    "Faults/no_answer",
		"cuts large answers":                "Faults/oversized_answer",
		"takes what it got":                 "Faults/broken_off_answer",
		"gives plain errors":                "Calls/errors_are_the_provider's_own",
		"ignores the status":                "Calls/function_error",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuspect$")
			cmd.Env = append(os.Environ(), "SUSPECT_FAULT="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passed")
			}
			if !strings.Contains(string(out), "--- FAIL: TestSuspect/"+where) {
				t.Errorf("the suite failed elsewhere than in %s:\n%s", where, out)
			}
		})
	}
}
