package caddymodule

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

const twoFunctions = `functions:
- functionId: a
  type: http
  provider: {url: http://localhost/a}
- functionId: b
  type: http
  provider: {url: http://localhost/b}
`

// TestImportOverwritesNobody has somebody else change a resource before the import does: after the comparison, and during it.
func TestImportOverwritesNobody(t *testing.T) {
	other := func(g *target) {
		g.do("PUT", "/v1/spaces/default/functions/b", `{"type":"http","provider":{"url":"http://localhost/other"}}`, 200)
	}
	changed := strings.ReplaceAll(twoFunctions, "localhost", "example.com")
	for _, test := range []struct {
		name   string
		before func(g *target, r *http.Request)
		done   bool // the change of a
		want   string
	}{
		{
			"after the comparison",
			func(g *target, r *http.Request) {
				if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/b") {
					other(g)
				}
			}, true,
			"Error: change function b in space default: somebody else changed it meanwhile: stopped after 1 of 2 changes; those are done",
		},
		{
			"during the comparison",
			func(g *target, r *http.Request) {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/b") {
					other(g)
				}
			}, false,
			"Error: function b in space default: somebody else changed it just now: try again",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTarget(t)
			g.load(exitDone, twoFunctions)
			g.before = func(r *http.Request) { test.before(g, r) }
			out, stderr := g.load(exitNotSaved, changed)
			if !strings.HasPrefix(stderr, test.want) || strings.Contains(out, "changed function a in space default") != test.done {
				t.Errorf("printed\n%s%s\nwant\n%s", out, stderr, test.want)
			}
			g.before = nil
			if now := g.save(); !strings.Contains(now, "http://localhost/other") || strings.Contains(now, "example.com/a") != test.done {
				t.Errorf("the gateway has\n%s", now)
			}
			g.load(exitDone, changed)
			if now := g.save(); strings.Contains(now, "localhost") {
				t.Errorf("after another import the gateway has\n%s", now)
			}
		})
	}
}

// TestImportDeletesWhatItCompared has somebody else change a resource that is about to be deleted, and create one that is
// about to be created.
func TestImportDeletesWhatItCompared(t *testing.T) {
	g := newTarget(t)
	g.load(exitDone, twoFunctions)
	g.before = func(r *http.Request) {
		if r.Method == http.MethodDelete {
			g.do("PUT", "/v1/spaces/default/functions/b", `{"type":"http","provider":{"url":"http://localhost/other"}}`, 200)
		}
	}
	onlyA, _, _ := strings.Cut(twoFunctions, "- functionId: b")
	if _, stderr := g.load(exitNotSaved, onlyA, "--prune"); !strings.HasPrefix(stderr, "Error: delete function b in space default: somebody else changed it meanwhile: stopped after 0 of 1 changes") {
		t.Errorf("printed %s", stderr)
	}
	g.before = func(r *http.Request) {
		if r.Method == http.MethodPost {
			g.do("POST", "/v1/spaces/default/functions", `{"functionId":"c","type":"http","provider":{"url":"http://localhost/other"}}`, 201)
		}
	}
	if _, stderr := g.load(exitNotSaved, strings.ReplaceAll(onlyA, "functionId: a", "functionId: c")); !strings.Contains(stderr, `create function c in space default: functionId: function "c" exists already`) {
		t.Errorf("printed %s", stderr)
	}
}

// TestReadsOneRevision has the configuration change between two of the requests that read it: they are sent again.
func TestReadsOneRevision(t *testing.T) {
	g := newTarget(t)
	g.load(exitDone, twoFunctions)
	change := sync.OnceFunc(func() {
		g.do("POST", "/v1/spaces/default/functions", `{"functionId":"c","type":"http","provider":{"url":"http://localhost/c"}}`, 201)
		g.do("POST", "/v1/spaces/default/subscriptions", `{"functionId":"c","event":"made"}`, 201)
	})
	g.before = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/subscriptions") {
			change()
		}
	}
	if got := g.save(); strings.Count(got, "functionId: c") != 2 {
		t.Errorf("exported a subscription without its function:\n%s", got)
	}
}
