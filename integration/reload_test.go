// Package integration proves from outside what the gateway promises: real processes, real HTTP, real etcd.
package integration

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

func TestHundredReloadsLeakNothing(t *testing.T) {
	fn, _ := helloFunction(t)
	g := gatewaytest.Start(t, gatewaytest.Extra("app", `
		function still {
			http `+fn.URL+`
		}
		subscription http {
			method GET
			path /still
			function still
		}`))
	subscribe(g, "hello", fn.URL, "/hello")

	reload := func(i int) {
		t.Helper()
		// A site address that changes makes every configuration a new one.
		config := gatewaytest.DefaultCaddyfile + fmt.Sprintf("\nhttp://unused-%d.localhost:{{.Port1}} {\n\trespond ok\n}\n", i)
		if status, body := g.Reload(config); status != 200 {
			t.Fatalf("reload %d: %d %s", i, status, body)
		}
		for _, path := range []string{"/hello", "/still"} {
			// A connection that the old listener's queue still held when Caddy closed it is reset.
			gatewaytest.Eventually(t, time.Minute, func() error {
				res, err := http.Get(g.Events + path)
				if err != nil {
					return err
				}
				res.Body.Close()
				if res.StatusCode != 200 {
					t.Fatalf("reload %d: %s: status %d", i, path, res.StatusCode)
				}
				return nil
			})
		}
	}
	for i := range 10 {
		reload(i)
	}
	goroutinesBefore, filesBefore := goroutines(t, g), openFiles(g)
	for i := range 100 {
		reload(10 + i)
	}
	// What belongs to the last configurations may still be on its way out.
	gatewaytest.Eventually(t, time.Minute, func() error {
		if n := goroutines(t, g); n > goroutinesBefore+10 {
			return fmt.Errorf("%d goroutines after 100 reloads, %d before", n, goroutinesBefore)
		}
		if n := openFiles(g); n > filesBefore+10 {
			return fmt.Errorf("%d open files after 100 reloads, %d before", n, filesBefore)
		}
		return nil
	})
}

func TestRejectedReloadHarmsNothing(t *testing.T) {
	fn, _ := helloFunction(t)
	g := gatewaytest.Start(t)
	subscribe(g, "hello", fn.URL, "/hello")
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()

	for name, config := range map[string]string{
		"static function refused": strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}",
			"function bad {\n http ftp://nowhere\n }", 1),
		"another app does not provision": gatewaytest.DefaultCaddyfile + "\nhttp://x.localhost:{{.Port1}} {\n\t@bad path_regexp [\n\trespond @bad x\n}\n",
		"another app does not start":     gatewaytest.DefaultCaddyfile + "\n" + taken.URL + " {\n\tbind 127.0.0.1\n\trespond taken\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			status, body := g.Reload(config)
			if status == 200 {
				t.Fatalf("accepted: %s", body)
			}
			g.Do(http.MethodGet, g.Events+"/hello", nil, 200)
			g.Do(http.MethodGet, g.Config+"/v1/spaces/default/functions/hello", nil, 200)
			g.Do(http.MethodGet, g.Admin+"/event_gateway/v1/spaces/default/functions/hello", nil, 200)
			id := "after-" + strings.ReplaceAll(name, " ", "-")
			g.Do(http.MethodPost, g.Admin+"/event_gateway/v1/spaces/default/functions",
				map[string]any{"functionId": id, "type": "http", "provider": map[string]any{"url": fn.URL}}, 201)
		})
	}
}

func TestSlowRequestSurvivesReload(t *testing.T) {
	slow, called, answer := slowFunction(t)
	static := func(url string) string {
		return "function slow {\n http " + url + "\n }\n subscription http {\n method GET\n path /static\n function slow\n }"
	}
	g := gatewaytest.Start(t, gatewaytest.Extra("app", static(slow.URL)))
	subscribe(g, "dynamic", slow.URL, "/dynamic")

	results := make(chan error, 2)
	for _, path := range []string{"/static", "/dynamic"} {
		go func() {
			resp, err := http.Get(g.Events + path)
			if err != nil {
				results <- err
				return
			}
			defer resp.Body.Close()
			if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(b) != "slow" {
				err = fmt.Errorf("%s: %d %s", path, resp.StatusCode, b)
			}
			results <- err
		}()
	}
	<-called
	<-called
	// The new configuration has no static function at all.
	if status, body := g.Reload(strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", "concurrency 7", 1)); status != 200 {
		t.Fatalf("reload: %d %s", status, body)
	}
	g.Do(http.MethodGet, g.Events+"/static", nil, 404)
	answer()
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestAcceptedEventSurvivesReload(t *testing.T) {
	slow, called, answer := slowFunction(t)
	g := gatewaytest.Start(t)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions",
		map[string]any{"functionId": "slow", "type": "http", "provider": map[string]any{"url": slow.URL}}, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "slow", "event": "user.created"}, 201)
	emit(t, g, "user.created", `{"n":1}`, 202)
	<-called
	if status, body := g.Reload(gatewaytest.DefaultCaddyfile + "\n# changed\nhttp://y.localhost:{{.Port1}} {\n}\n"); status != 200 {
		t.Fatalf("reload: %d %s", status, body)
	}
	answer()
	gatewaytest.Eventually(t, 10*time.Second, func() error {
		if n := metric(t, g, "eventgateway_events_processed_total"); n != 1 {
			return fmt.Errorf("%v events processed, want 1", n)
		}
		return nil
	})
}

func TestTwoSites(t *testing.T) {
	fn, _ := helloFunction(t)
	g := gatewaytest.Start(t, gatewaytest.Caddyfile(gatewaytest.DefaultCaddyfile+`
http://127.0.0.1:{{.Port1}} {
	event_gateway {
		space team
		max_body_size 1KiB
	}
	respond "next" 418
}
http://127.0.0.1:{{.Port2}} {
	event_gateway_config
}`))
	team, config2 := g.Expand("http://127.0.0.1:{{.Port1}}"), g.Expand("http://127.0.0.1:{{.Port2}}")
	subscribe(g, "hello", fn.URL, "/hello")
	g.Do(http.MethodPost, config2+"/v1/spaces/team/functions",
		map[string]any{"functionId": "t", "type": "http", "provider": map[string]any{"url": fn.URL}}, 201)
	g.Do(http.MethodPost, config2+"/v1/spaces/team/subscriptions",
		map[string]any{"functionId": "t", "event": "http", "method": "POST", "path": "/team"}, 201)

	g.Do(http.MethodGet, g.Events+"/hello", nil, 200)
	g.Do(http.MethodGet, team+"/hello", nil, 418)
	g.Do(http.MethodPost, team+"/team", `{"n":1}`, 200)
	g.Do(http.MethodPost, team+"/team", `"`+strings.Repeat("x", 2000)+`"`, 413)
	g.Do(http.MethodPost, g.Events+"/team", `"`+strings.Repeat("x", 2000)+`"`, 200)
	g.Do(http.MethodGet, g.Events+"/nothing", nil, 404)
}

func TestMetricsSurviveReload(t *testing.T) {
	fn, _ := helloFunction(t)
	g := gatewaytest.Start(t)
	subscribe(g, "hello", fn.URL, "/hello")
	for range 5 {
		g.Do(http.MethodGet, g.Events+"/hello", nil, 200)
	}
	if status, body := g.Reload(gatewaytest.DefaultCaddyfile + "\nhttp://z.localhost:{{.Port1}} {\n}\n"); status != 200 {
		t.Fatalf("reload: %d %s", status, body)
	}
	g.Do(http.MethodGet, g.Events+"/hello", nil, 200)
	for name, want := range map[string]float64{
		"eventgateway_events_received_total":                      6,
		"eventgateway_events_processed_total":                     6,
		"eventgateway_function_invocations_total":                 6,
		"eventgateway_function_invocation_duration_seconds_count": 6,
		"eventgateway_functions_total":                            1,
		"eventgateway_subscriptions_total":                        1,
		"eventgateway_config_requests_total":                      2,
		"eventgateway_etcd_watch_connected":                       1,
	} {
		if got := metric(t, g, name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	// The Configuration API shows the same metrics.
	for _, path := range []string{"/v1/metrics", "/metrics"} {
		body := string(g.Do(http.MethodGet, g.Config+path, nil, 200))
		if !strings.Contains(body, "eventgateway_events_received_total{") {
			t.Errorf("%s does not show the gateway's metrics", path)
		}
	}
}

func TestLogsHaveNoPayload(t *testing.T) {
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "answer-payload-marker")
	}))
	defer failing.Close()
	g := gatewaytest.Start(t)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions", map[string]any{
		"functionId": "failing", "type": "http",
		"provider": map[string]any{"url": failing.URL, "headers": map[string]string{"Authorization": "secret-marker"}},
	}, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "failing", "event": "http", "method": "POST", "path": "/fail"}, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "failing", "event": "user.created", "delivery": map[string]any{"attempts": 1}}, 201)
	body := g.Do(http.MethodPost, g.Events+"/fail", `{"x":"event-payload-marker"}`, 502)
	emit(t, g, "user.created", `{"x":"event-payload-marker"}`, 202)
	gatewaytest.Eventually(t, 10*time.Second, func() error {
		if n := metric(t, g, "eventgateway_events_dropped_total"); n != 1 {
			return fmt.Errorf("%v events dropped, want 1", n)
		}
		return nil
	})
	shown := g.Log() + string(body) + string(g.Do(http.MethodGet, g.Config+"/v1/spaces/default/functions", nil, 200))
	scanner := bufio.NewScanner(strings.NewReader(shown))
	for scanner.Scan() {
		if strings.Contains(scanner.Text(), "-marker") {
			t.Errorf("a payload or credential is shown: %s", scanner.Text())
		}
	}
}
