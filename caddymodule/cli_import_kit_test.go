package caddymodule

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/eventgateway/eventgateway/configapi"
)

// target is a Configuration API to export from and import into.
type target struct {
	t   *testing.T
	api *configapi.Handler
	*httptest.Server
	// before, if set, is called with every request first.
	before func(*http.Request)
}

func newTarget(t *testing.T) *target {
	t.Helper()
	api, err := rehearsalAPI(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &target{t: t, api: api}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.before != nil {
			g.before(r)
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// do sends a request to the API itself.
func (g *target) do(method, path, body string, want int) string {
	g.t.Helper()
	w := httptest.NewRecorder()
	g.api.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code != want {
		g.t.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, want, w.Body)
	}
	return w.Body.String()
}

// run runs a command and returns its exit status and what it printed.
func run(cmd *cobra.Command, stdin string, args ...string) (status int, stdout, stderr string) {
	var out, problems bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	switch err := cmd.Execute(); {
	case errors.Is(err, errDiffers):
		status = exitDiffers
	case err != nil:
		status = exitNotSaved
	}
	return status, out.String(), problems.String()
}

// load imports a document and checks the exit status.
func (g *target) load(want int, document string, args ...string) (stdout, stderr string) {
	g.t.Helper()
	status, stdout, stderr := run(importCommand(), document, append([]string{"--address", g.URL, "-"}, args...)...)
	if status != want {
		g.t.Fatalf("import %v: status %d, want %d; printed\n%s%s\nof\n%s", args, status, want, stdout, stderr, document)
	}
	return stdout, stderr
}

// save exports a document.
func (g *target) save(args ...string) string {
	g.t.Helper()
	status, stdout, stderr := run(exportCommand(), "", append([]string{"--address", g.URL}, args...)...)
	if status != exitDone {
		g.t.Fatalf("export %v: status %d: %s", args, status, stderr)
	}
	return stdout
}
