package integration

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

// A gateway that has nothing but a web identity, as in a pod, calls a function in a role that trusts it, and hands an event to
// Lambda's own queue.
func TestLambdaWithWebIdentity(t *testing.T) {
	const (
		arn        = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
		serverRole = "arn:aws:iam::123456789012:role/server"
		callerRole = "arn:aws:iam::210987654321:role/caller"
	)
	sts := awstest.StartSTS(t)
	sts.Identities[serverRole] = "header.claims.signature"
	sts.Trusts[callerRole] = awstest.RoleCredentials(serverRole)
	sts.ExternalID = "partner-7"
	lambda := awstest.StartEdge(t, "lambda", awstest.RoleCredentials(callerRole), func(w http.ResponseWriter, r *http.Request, _ []byte) {
		if want := "/2015-03-31/functions/" + url.QueryEscape(arn) + "/invocations?Qualifier=live"; r.RequestURI != want {
			t.Errorf("got %s, want %s", r.RequestURI, want)
		}
		if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"statusCode":200,"body":"hello"}`))
	})
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("header.claims.signature"), 0o600); err != nil {
		t.Fatal(err)
	}
	function := func(name, invocation string) string {
		return "function " + name + " {\n\tawslambda " + arn + " {\n\tqualifier live\n\tregion eu-west-1\n\trole_arn " + callerRole +
			"\n\texternal_id partner-7\n\tendpoint " + lambda + "\n\tinvocation_type " + invocation + "\n}\n}\n" +
			"subscription http {\n\tfunction " + name + "\n\tmethod POST\n\tpath /" + name + "\n}\n"
	}
	g := gatewaytest.Start(t,
		gatewaytest.Extra("app", function("now", "RequestResponse")+function("later", "Event")),
		gatewaytest.Env("AWS_ENDPOINT_URL_STS", sts.URL), gatewaytest.Env("AWS_REGION", "eu-west-1"),
		gatewaytest.Env("AWS_WEB_IDENTITY_TOKEN_FILE", token), gatewaytest.Env("AWS_ROLE_ARN", serverRole),
		gatewaytest.Env("AWS_ACCESS_KEY_ID", ""), gatewaytest.Env("AWS_SECRET_ACCESS_KEY", ""), gatewaytest.Env("AWS_PROFILE", ""),
		gatewaytest.Env("AWS_CONFIG_FILE", token+".none"), gatewaytest.Env("AWS_SHARED_CREDENTIALS_FILE", token+".none"))
	for path, want := range map[string]struct {
		status int
		body   string
	}{"/now": {http.StatusOK, "hello"}, "/later": {http.StatusAccepted, ""}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.Events+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want.status || string(body) != want.body {
			t.Errorf("%s: got %d %q, error %v; want %d %q", path, resp.StatusCode, body, err, want.status, want.body)
		}
	}
	want := []string{"AssumeRoleWithWebIdentity " + serverRole, "AssumeRole " + callerRole}
	if got := sts.Requests(); !slices.Equal(got, want) {
		t.Errorf("got %q at STS, want %q once for both functions", got, want)
	}
}
