package integration

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/processtest"
)

// startWebhooks starts functions that check every call with other people's code, one for each secret, and returns their URL;
// see clouds/webhook.
func startWebhooks(t *testing.T, clientID, clientSecret string, secrets ...string) (url string) {
	t.Helper()
	program := processtest.Program{Package: "./webhook", Dir: "clouds"}
	return processtest.Serve(t, exec.Command(program.Build(t), append([]string{clientID, clientSecret}, secrets...)...))
}

// TestSignedAndAuthorized calls functions that want an access token and a signature, as the reference library of Standard
// Webhooks checks it, while the secret is rotated and when the token is revoked.
func TestSignedAndAuthorized(t *testing.T) {
	const (
		older, newer = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
		clientSecret = "cl1ent-s3cret"
	)
	url := startWebhooks(t, "gateway", clientSecret, older, newer)
	static := `
		function static {
			http ` + url + `/1 {
				oauth2 ` + url + `/token {
					client_id gateway
					client_secret {env.CLIENT_SECRET}
				}
				signing ` + newer + `
			}
		}
		subscription invoke {
			path /static
			function static
		}`
	s := newStage(t, gatewaytest.Extra("app", static), gatewaytest.Env("CLIENT_SECRET", clientSecret))
	provider := func(path string, secrets ...string) fields {
		return fields{
			"url":     url + path,
			"oauth2":  fields{"tokenUrl": url + "/token", "clientId": "gateway", "clientSecret": clientSecret},
			"signing": fields{"secrets": secrets},
		}
	}
	function := func(id string, provider fields) fields {
		return fields{"functionId": id, "type": "http", "provider": provider, "format": "raw"}
	}
	functions := s.Config + "/v1/spaces/default/functions"
	for id, path := range map[string]string{"old": "/0", "new": "/1"} {
		s.Do(http.MethodPost, functions, function(id, provider(path, older)), 201)
		s.subscribe("invoke POST /" + id + " " + id)
	}
	invoke := func(id string, want int) string {
		t.Helper()
		a := s.send(http.MethodPost, "/"+id, `{"a":1}`, "Event", "invoke", "Function-ID", id, "Content-Type", "application/json")
		if a.status != want {
			t.Fatalf("%s: %d %s, want %d", id, a.status, a.body, want)
		}
		return a.body
	}

	if got := invoke("old", 200); got != `{"a":1}` {
		t.Errorf("answered %s", got)
	}
	invoke("static", 200)
	if got := invoke("new", 502); !strings.Contains(got, "403") {
		t.Errorf("a function with another secret: %s", got)
	}

	// The second secret beside the first, then alone; what is stored is kept under its place.
	for _, id := range []string{"old", "new"} {
		path := map[string]string{"old": "/0", "new": "/1"}[id]
		changed := provider(path, "***", newer)
		changed["oauth2"].(fields)["clientSecret"] = "***"
		s.Do(http.MethodPut, functions+"/"+id, function(id, changed), 200)
		invoke(id, 200)
	}
	s.Do(http.MethodPut, functions+"/new", function("new", provider("/1", newer)), 200)
	invoke("new", 200)
	s.Do(http.MethodPut, functions+"/old", function("old", provider("/0", newer)), 200)
	invoke("old", 502)

	// A token that is revoked is exchanged after the function has refused it once.
	if resp, err := s.client.Post(url+"/revoke", "", nil); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	if got := invoke("new", 502); !strings.Contains(got, "the next call gets a new one") {
		t.Errorf("with a revoked token: %s", got)
	}
	invoke("new", 200)

	wrong := provider("/1", newer)
	wrong["oauth2"].(fields)["clientSecret"] = "wr0ng-s3cret"
	s.Do(http.MethodPut, functions+"/new", function("new", wrong), 200)
	if got := invoke("new", 502); !strings.Contains(got, "check oauth2.clientId, oauth2.clientSecret and oauth2.authStyle") {
		t.Errorf("with a wrong secret: %s", got)
	}

	shown := string(s.Do(http.MethodGet, functions, nil, 200))
	for _, text := range []string{shown, s.Log()} {
		for _, secret := range []string{clientSecret, "wr0ng-s3cret", older, newer} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is told", secret)
			}
		}
	}
	var list struct{ Functions []json.RawMessage }
	if err := json.Unmarshal([]byte(shown), &list); err != nil || len(list.Functions) != 3 {
		t.Errorf("functions %s: %v", shown, err)
	}
}
