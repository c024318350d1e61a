package awslambda

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

const testRole = "arn:aws:iam::123456789012:role/caller"

// setEnvironment makes the server's own credentials those given, and nothing else.
func setEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
	} {
		t.Setenv(name, value)
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
	environment.forget()
	t.Cleanup(environment.forget)
}

func TestServerCredentials(t *testing.T) {
	p := startEdge(t, static, func(w http.ResponseWriter, _ *http.Request, body []byte) { answerInvoke(w, "", body) })
	p.AccessKeyID, p.SecretAccessKey, p.SessionToken = "", "", ""
	setEnvironment(t, nil)
	f := open(t, p)
	_, err := f.Invoke(t.Context(), event)
	e := failureOf(t, err, providers.Unreachable)
	if !strings.Contains(e.Message, "no AWS credentials: set provider.awsAccessKeyId") {
		t.Errorf("got %q", e.Message)
	}
	// What was missing at one call may be there at the next.
	t.Setenv("AWS_ACCESS_KEY_ID", testKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", testKey)
	t.Setenv("AWS_SESSION_TOKEN", testToken)
	environment.forget()
	if _, err := f.Invoke(t.Context(), event); err != nil {
		t.Error(err)
	}
}

// Credentials that AWS calls expired are looked for again.
func TestExpiredServerCredentials(t *testing.T) {
	var calls int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if calls++; calls == 1 {
			refuseInvoke(w, http.StatusForbidden, "ExpiredTokenException", "expired")
			return
		}
		if err := verifyInvoke(r, body, testARN, testKeyID, testKey, ""); err != nil {
			t.Error(err)
		}
		answerInvoke(w, "", body)
	}))
	defer server.Close()
	setEnvironment(t, map[string]string{"AWS_ACCESS_KEY_ID": "AKIDOLD", "AWS_SECRET_ACCESS_KEY": "old"})
	f := open(t, Provider{ARN: testARN, Region: testRegion, Endpoint: server.URL})
	_, err := f.Invoke(t.Context(), event)
	failureOf(t, err, providers.Unreachable)
	t.Setenv("AWS_ACCESS_KEY_ID", testKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", testKey)
	if _, err := f.Invoke(t.Context(), event); err != nil {
		t.Error(err)
	}
}

// startSTS starts an AWS STS that gives role credentials to who signs with the test's own, or with an error code refuses.
func startSTS(t *testing.T, refuse string) (endpoint string, calls *atomic.Int64) {
	calls = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(body))
		if err == nil {
			err = verify(r, body, "sts", testKeyID, testKey, testToken)
		}
		if err != nil || form.Get("Action") != "AssumeRole" || form.Get("RoleArn") != testRole ||
			form.Get("RoleSessionName") != "event-gateway" {
			t.Errorf("not the request to assume the role: %v", err)
		}
		w.Header().Set("Content-Type", "text/xml")
		if refuse != "" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code>
				<Message>private</Message></Error></ErrorResponse>`, refuse)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
			<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/caller/event-gateway</Arn>
			<AssumedRoleId>A:event-gateway</AssumedRoleId></AssumedRoleUser>
			<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-key</SecretAccessKey>
			<SessionToken>role-token</SessionToken><Expiration>%s</Expiration></Credentials>
			</AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

func TestAssumedRole(t *testing.T) {
	sts, calls := startSTS(t, "")
	setEnvironment(t, map[string]string{"AWS_ENDPOINT_URL_STS": sts})
	asRole := static
	asRole.AccessKeyID, asRole.SecretAccessKey, asRole.SessionToken = "ASIAROLE", "role-key", "role-token"
	p := startEdge(t, asRole, func(w http.ResponseWriter, _ *http.Request, body []byte) { answerInvoke(w, "", body) })
	p.AccessKeyID, p.SecretAccessKey, p.SessionToken, p.RoleARN = testKeyID, testKey, testToken, testRole
	for range 3 {
		if _, err := open(t, p).Invoke(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if got := calls.Load(); got != 1 {
		t.Errorf("the role was assumed %d times for three functions of equal settings, want once", got)
	}
}

func TestRefusedRole(t *testing.T) {
	for code, want := range map[string]struct {
		failure providers.Failure
		message string
	}{
		"AccessDenied": {providers.Unreachable, "sts:AssumeRole"},
		"Throttling":   {providers.Throttled, "AWS throttles the gateway's requests for credentials"},
	} {
		t.Run(code, func(t *testing.T) {
			sts, _ := startSTS(t, code)
			setEnvironment(t, map[string]string{"AWS_ENDPOINT_URL_STS": sts, "AWS_MAX_ATTEMPTS": "1"})
			p := static
			p.RoleARN = testRole
			_, err := open(t, p).Invoke(t.Context(), event)
			e := failureOf(t, err, want.failure)
			if !strings.Contains(e.Message, want.message) || strings.Contains(e.Message, "private") {
				t.Errorf("got %q", e.Message)
			}
		})
	}
}
