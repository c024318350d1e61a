package integration

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// routesCaddyfile has named routes that functions may be. No site invokes them.
const routesCaddyfile = `
{
	admin {{.Admin}}
	debug
	event_gateway {
		data_dir {{.Data}}
		function page {
			caddy pages {
				method GET
				uri /hello.html?who=gateway
			}
			format raw
		}
		subscription http {
			method GET
			path /page
			function page
		}
		{{.Extra.app}}
	}
}
&(hello) {
	respond ` + "`" + `{"statusCode":201,"headers":{"x-said":"{http.request.header.Content-Type}"},"body":"{{.Extra.word}}"}` + "`" + `
}
&(pages) {
	route {
		root {{.Extra.root}}
		header Content-Type application/json
		templates {
			mime application/json
		}
		file_server
	}
}
&(receiver) {
	invoke proxy
}
&(proxy) {
	reverse_proxy {{.Extra.upstream}}
}
&(hidden) {
	respond hidden
}
&(loop) {
	route {
		rewrite /loop
		method GET
		request_header -Event-Gateway-Depth
		event_gateway
	}
}
&(failing) {
	error "words for {http.request.method}" 503
}
&(partial) {
	@some path /some
	respond @some some
}
http://{{.Events}} {
	event_gateway {
		route hello *
		route pages
		route receiver shop
		route loop
		route partial
		route failing
	}
}
http://{{.Config}} {
	event_gateway_config
}
`

// startRoutes starts a gateway with routesCaddyfile, whose receiver route leads to upstream.
func startRoutes(t *testing.T, word string, upstream http.Handler) *gatewaytest.Gateway {
	t.Helper()
	root := t.TempDir()
	page := `{"statusCode":200,"body":"{{.Req.Method}} {{.Req.URL.Query.Get "who"}}"}`
	if err := os.WriteFile(filepath.Join(root, "hello.html"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	return gatewaytest.Start(t, gatewaytest.Caddyfile(routesCaddyfile), gatewaytest.Extra("word", word),
		gatewaytest.Extra("root", filepath.ToSlash(root)), gatewaytest.Extra("upstream", strings.TrimPrefix(server.URL, "http://")))
}

// addRoute registers a function in a space that is a named route, and a subscription GET /<space>/<id> to it.
func addRoute(g *gatewaytest.Gateway, space, id, route string) {
	g.Do(http.MethodPost, g.Config+"/v1/spaces/"+space+"/functions",
		map[string]any{"functionId": id, "type": "caddy", "provider": map[string]any{"route": route}}, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/"+space+"/subscriptions",
		map[string]any{"functionId": id, "event": "http", "method": "GET", "path": "/" + space + "/" + id}, 201)
}

// logged waits until the gateway's log has a text.
func logged(t *testing.T, g *gatewaytest.Gateway, text string) {
	t.Helper()
	gatewaytest.Eventually(t, time.Minute, func() error {
		if !strings.Contains(g.Log(), text) {
			return errors.New("the log has no line with: " + text)
		}
		return nil
	})
}

func TestNamedRoutesAsFunctions(t *testing.T) {
	type delivery struct {
		method, path, id, depth string
		body                    []byte
	}
	delivered := make(chan delivery, 10)
	g := startRoutes(t, "hello from a route", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		delivered <- delivery{r.Method, r.URL.Path, r.Header.Get("Event-Gateway-Event-Id"), r.Header.Get("Event-Gateway-Depth"), body}
	}))

	t.Run("template", func(t *testing.T) {
		if got := string(g.Do(http.MethodGet, g.Events+"/page", nil, 200)); got != "GET gateway" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("every space", func(t *testing.T) {
		for _, space := range []string{"default", "shop"} {
			addRoute(g, space, "hello", "hello")
			res, err := http.Get(g.Events + "/" + space + "/hello")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != 201 || string(body) != "hello from a route" || res.Header.Get("X-Said") != "application/json" {
				t.Errorf("space %s: got %d %q %v %v", space, res.StatusCode, body, res.Header, err)
			}
		}
	})
	t.Run("other spaces", func(t *testing.T) {
		addRoute(g, "default", "receiver", "receiver") // it is offered to shop alone
		addRoute(g, "shop", "pages", "pages")          // and this one to default
		addRoute(g, "default", "hidden", "hidden")     // and this one to none
		addRoute(g, "shop", "proxy", "proxy")          // another route needs it, which offers it to none
		for path, route := range map[string]string{
			"/default/receiver": "receiver", "/shop/pages": "pages", "/default/hidden": "hidden", "/shop/proxy": "proxy",
		} {
			var answer struct{ Errors []struct{ Message string } }
			if err := json.Unmarshal(g.Do(http.MethodGet, g.Events+path, nil, 502), &answer); err != nil {
				t.Fatal(err)
			}
			if len(answer.Errors) != 1 || !strings.Contains(answer.Errors[0].Message, "there is no route "+route+" for functions of space") {
				t.Errorf("%s: got %+v", path, answer)
			}
		}
	})
	t.Run("no handler answers", func(t *testing.T) {
		addRoute(g, "default", "partial", "partial")
		if got := string(g.Do(http.MethodGet, g.Events+"/default/partial", nil, 502)); !strings.Contains(got, "status 404") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("handler fails", func(t *testing.T) {
		addRoute(g, "default", "failing", "failing")
		got := string(g.Do(http.MethodGet, g.Events+"/default/failing", nil, 502))
		if !strings.Contains(got, "status 503") || strings.Contains(got, "words for POST") {
			t.Errorf("got %s", got)
		}
		logged(t, g, "a handler of a named route failed")
		for line := range strings.Lines(g.Log()) {
			if strings.Contains(line, "words for POST") {
				t.Errorf("the log says what the handler said: %s", line)
			}
		}
	})
	t.Run("async", func(t *testing.T) {
		g.Do(http.MethodPost, g.Config+"/v1/spaces/shop/functions",
			map[string]any{"functionId": "bin", "type": "caddy", "provider": map[string]any{"route": "receiver", "method": "PUT", "uri": "/in?x=1"}}, 201)
		g.Do(http.MethodPost, g.Config+"/v1/spaces/shop/subscriptions", map[string]any{"functionId": "bin", "event": "order.placed"}, 201)
		emit(t, g, "order.placed", `{"order":7}`, http.StatusAccepted)
		select {
		case got := <-delivered:
			if got.method != "PUT" || got.path != "/in" || got.id == "" || got.depth == "" || !strings.Contains(string(got.body), `{"order":7}`) {
				t.Errorf("got %+v %s", got, got.body)
			}
		case <-time.After(time.Minute):
			t.Fatal("the route's upstream did not get the event")
		}
	})
	t.Run("loop", func(t *testing.T) {
		g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions",
			map[string]any{"functionId": "loop", "type": "caddy", "provider": map[string]any{"route": "loop"}}, 201)
		g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
			map[string]any{"functionId": "loop", "event": "http", "method": "GET", "path": "/loop"}, 201)
		g.Do(http.MethodGet, g.Events+"/loop", nil, 502)
		logged(t, g, "a loop: 16 calls of routes")
		g.Do(http.MethodGet, g.Events+"/page", nil, 200)
	})
}

func TestNamedRoutesAcrossReloads(t *testing.T) {
	slow, called, answer := slowFunction(t)
	g := startRoutes(t, "before", slow.Config.Handler)
	addRoute(g, "default", "hello", "hello")
	addRoute(g, "shop", "slow", "receiver")
	if got := string(g.Do(http.MethodGet, g.Events+"/default/hello", nil, 201)); got != "before" {
		t.Fatalf("got %q", got)
	}
	inFlight := make(chan string, 1)
	go func() {
		res, err := http.Get(g.Events + "/shop/slow")
		if err != nil {
			inFlight <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		inFlight <- string(body)
	}()
	<-called

	reload := func(config string, want int) string {
		t.Helper()
		status, body := g.Reload(config)
		if status != want {
			t.Fatalf("reload: %d %s, want %d", status, body, want)
		}
		return body
	}
	reload(strings.Replace(routesCaddyfile, "{{.Extra.word}}", "after", 1), 200)
	gatewaytest.Eventually(t, time.Minute, func() error { // a connection of the old listener's queue may be reset
		res, err := http.Get(g.Events + "/default/hello")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if body, _ := io.ReadAll(res.Body); string(body) != "after" {
			t.Errorf("got %q after the reload", body)
		}
		return nil
	})
	answer()
	if got := <-inFlight; got != "slow" {
		t.Errorf("the call in flight during the reload got %q", got)
	}

	if got := reload(strings.Replace(routesCaddyfile, "route hello *", "route hallo *", 1), 400); !strings.Contains(got, "hallo") {
		t.Errorf("a route that does not exist: got %s", got)
	}
	if got := reload(strings.Replace(routesCaddyfile, "route hello *", "route hello Not-A-Space!", 1), 400); !strings.Contains(got, "routes.hello") {
		t.Errorf("a space that cannot exist: got %s", got)
	}
	if got := reload(strings.Replace(routesCaddyfile, "route hello *", "space {labels.2}\n\t\troute hello", 1), 400); !strings.Contains(got, "known only for each request") {
		t.Errorf("a space that is not known: got %s", got)
	}
	g.Do(http.MethodGet, g.Events+"/default/hello", nil, 201)

	reload(strings.Replace(routesCaddyfile, "route hello *", "", 1), 200)
	gatewaytest.Eventually(t, time.Minute, func() error {
		res, err := http.Get(g.Events + "/default/hello")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if body, _ := io.ReadAll(res.Body); res.StatusCode != 502 || !strings.Contains(string(body), "no route hello") {
			t.Errorf("got %d %s for a route that is gone", res.StatusCode, body)
		}
		return nil
	})
}
