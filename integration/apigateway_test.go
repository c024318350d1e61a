package integration

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/processtest"
)

// gatewayFunctions starts functions in Go that were written for API Gateway, and returns their URL; see clouds/apigateway.
func gatewayFunctions(t *testing.T) (url string) {
	t.Helper()
	program := processtest.Program{Package: "./apigateway", Dir: "clouds"}
	return processtest.Serve(t, exec.Command(program.Build(t)))
}

// TestAPIGatewayFunctionsInGo has functions that decode every member of the events into the types AWS gives them.
func TestAPIGatewayFunctionsInGo(t *testing.T) {
	url := gatewayFunctions(t)
	s := newStage(t)
	for _, version := range []string{"v1", "v2"} {
		s.register(version, url+"/"+version, fields{"format": "apigateway-" + version})
		s.subscribe("http POST /" + version + "/:id/*rest " + version)
		s.subscribe("http PUT /" + version + " " + version)
	}
	type seen struct {
		Path, RawPath, RawQueryString, RouteKey, Resource, Version string
		Headers, PathParameters, QueryStringParameters             map[string]string
		MultiValueHeaders, MultiValueQueryStringParameters         map[string][]string
		Cookies                                                    []string
		RequestContext                                             struct {
			HTTP, Identity         struct{ SourceIP, UserAgent string }
			RequestID, Stage, Path string
		}
		Body            string
		IsBase64Encoded bool
	}
	call := func(version string) (a answer, got seen) {
		t.Helper()
		a = s.send("POST", "/"+version+"/%C3%BC%2F1/a/b?q=1&q=a%26b", `{"n": 1}`, "Content-Type", "application/json",
			"Cookie", "a=1; b=2", "X-List", "x", "X-List", "y", "User-Agent", "test/1")
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 202 {
			t.Fatalf("got %d %s: %v", a.status, a.body, err)
		}
		if got.PathParameters["id"] != "ü/1" || got.PathParameters["rest"] != "a/b" || got.Body != `{"n": 1}` || got.IsBase64Encoded ||
			got.RequestContext.RequestID == "" || got.RequestContext.Stage != "$default" ||
			!reflect.DeepEqual(a.header["Set-Cookie"], []string{"a=1; Path=/", "b=2"}) || a.header.Get("X-Single") != "1" ||
			a.header.Get("Content-Type") != "application/json" {
			t.Errorf("got %+v and the headers %v", got, a.header)
		}
		return a, got
	}
	a, v1 := call("v1")
	if v1.Resource != "/v1/{id}/{rest+}" || v1.Path != "/v1/%C3%BC%2F1/a/b" || v1.RequestContext.Path != v1.Path ||
		v1.RequestContext.Identity.SourceIP != "127.0.0.1" || v1.RequestContext.Identity.UserAgent != "test/1" ||
		v1.Headers["X-List"] != "y" || !reflect.DeepEqual(v1.MultiValueHeaders["X-List"], []string{"x", "y"}) ||
		v1.Headers["Cookie"] != "a=1; b=2" || v1.QueryStringParameters["q"] != "a&b" ||
		!reflect.DeepEqual(v1.MultiValueQueryStringParameters["q"], []string{"1", "a&b"}) ||
		!reflect.DeepEqual(a.header["X-Multi"], []string{"1", "2"}) {
		t.Errorf("got %+v and the headers %v", v1, a.header)
	}
	if _, v2 := call("v2"); v2.Version != "2.0" || v2.RouteKey != "POST /v2/{id}/{rest+}" || v2.RawPath != "/v2/%C3%BC%2F1/a/b" ||
		v2.RequestContext.HTTP.SourceIP != "127.0.0.1" || v2.RequestContext.HTTP.UserAgent != "test/1" ||
		v2.Headers["x-list"] != "x,y" || v2.Headers["cookie"] != "" || !reflect.DeepEqual(v2.Cookies, []string{"a=1", "b=2"}) ||
		v2.QueryStringParameters["q"] != "1,a&b" || v2.RawQueryString != "q=1&q=a%26b" {
		t.Errorf("got %+v", v2)
	}
	for _, version := range []string{"v1", "v2"} {
		for dataType, body := range map[string]string{"image/png": "\x89PNG\x00\xff", "text/plain": "\xfc is no UTF-8", "text/html": "ü"} {
			a := s.send("PUT", "/"+version, body, "Content-Type", dataType)
			if a.status != 202 || a.body != body || a.header.Get("Content-Type") != dataType {
				t.Errorf("%s, %s: got %d %q as %s", version, dataType, a.status, a.body, a.header.Get("Content-Type"))
			}
		}
	}
}

// TestAPIGatewayAuthorizer shows functions in both formats what the authorizer of http events granted.
func TestAPIGatewayAuthorizer(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{"statusCode":204}`)
	s.function("v1", record, fields{"format": "apigateway-v1"})
	s.function("v2", record, fields{"format": "apigateway-v2"})
	s.function("guard", says(`{"authorization":{"principalId":"ann","context":{"level":7}}}`))
	s.eventType("http", fields{"authorizerId": "guard"})
	s.subscribe("http POST /v1 v1")
	s.subscribe("http POST /v2 v2")
	for path, want := range map[string]string{
		"/v1": `"authorizer":{"principalId":"ann","level":"7"}`, "/v2": `"authorizer":{"lambda":{"principalId":"ann","level":7}}`,
	} {
		if a := s.send("POST", path, ""); a.status != 204 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		if got := next(t, calls).body; !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestAPIGatewayQueued delivers http events asynchronously: through the queue on disk, across a restart, the request is told as
// it came, and the subscription's path with it.
func TestAPIGatewayQueued(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`ignored`)
	s.function("v2", record, fields{"format": "apigateway-v2"})
	const subscriptions = "/v1/spaces/default/subscriptions/"
	id := s.subscribe("http GET /a/:id v2", fields{"type": "async"})
	s.Do("POST", s.Config+subscriptions+id+"/pause", nil, 200)
	if a := s.send("GET", "/a/%c3%bc?q=1&q&%zz", ""); a.status != 202 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	dir := s.Dir
	s.Stop()
	s.Gateway = gatewaytest.Start(t, gatewaytest.Dir(dir))
	s.Do("POST", s.Config+subscriptions+id+"/resume", nil, 200)
	var got struct {
		RouteKey, RawPath, RawQueryString string
		Headers, PathParameters           map[string]string
		RequestContext                    struct {
			HTTP struct{ Protocol, SourceIP string }
		}
	}
	if err := json.Unmarshal([]byte(next(t, calls).body), &got); err != nil {
		t.Fatal(err)
	}
	if got.RouteKey != "GET /a/{id}" || got.RawPath != "/a/%c3%bc" || got.PathParameters["id"] != "ü" ||
		got.RawQueryString != "q=1&q&%zz" || got.RequestContext.HTTP.Protocol != "HTTP/1.1" ||
		got.RequestContext.HTTP.SourceIP != "127.0.0.1" || got.Headers["x-forwarded-proto"] != "http" {
		t.Errorf("got %+v", got)
	}
}

// TestAPIGatewayBehindAProxy tells functions the client and scheme that a trusted proxy reports.
func TestAPIGatewayBehindAProxy(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("global", "servers {\n trusted_proxies static 127.0.0.0/8\n}"))
	record, calls := recorder(`{"statusCode":204}`)
	s.function("v1", record, fields{"format": "apigateway-v1"})
	s.subscribe("http GET / v1")
	s.send("GET", "/", "", "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "https")
	if got := next(t, calls).body; !strings.Contains(got, `"sourceIp":"203.0.113.7"`) || !strings.Contains(got, `"X-Forwarded-Proto":"https"`) {
		t.Errorf("got %s", got)
	}
}
