package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// Account returns the fields of an account with the Example credentials that calls the endpoint.
func Account(endpoint string) awsaccount.Account {
	return awsaccount.Account{
		Region: Region, AccessKeyID: Example.KeyID, SecretAccessKey: Example.Key, SessionToken: Example.Token, Endpoint: endpoint,
	}
}

// Fields returns Account as JSON fields to stand after others in an object, from a comma on.
func Fields(endpoint string) string {
	fields, err := json.Marshal(Account(endpoint))
	if err != nil {
		panic(err) // texts can be encoded
	}
	return "," + strings.TrimSuffix(strings.TrimPrefix(string(fields), "{"), "}")
}

// CaddyfileOptions returns Account as lines of a Caddyfile block.
func CaddyfileOptions(endpoint string) string {
	return fmt.Sprintf("\tregion %s\n\taccess_key_id %s\n\tsecret_access_key %s\n\tsession_token %s\n\tendpoint %s\n",
		Region, Example.KeyID, Example.Key, Example.Token, endpoint)
}

// Secrets are the credentials in Account.
func Secrets() []string { return []string{Example.KeyID, Example.Key, Example.Token} }

// StartEdge starts an edge of a service that fails the test and answers 403 where a request is not signed with the
// credentials, and answers all others with on. It is gone when the test ends.
func StartEdge(t testing.TB, service string, c Credentials, on func(w http.ResponseWriter, r *http.Request, body []byte)) (endpoint string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client went
		}
		if Verified(t, w, r, body, service, c) {
			on(w, r, body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Verified reports whether a request is signed with the credentials; where not, it fails the test and answers 403.
func Verified(t testing.TB, w http.ResponseWriter, r *http.Request, body []byte, service string, c Credentials) bool {
	err := Verify(r, body, service, c)
	if err != nil {
		t.Error(err)
		Refuse(w, http.StatusForbidden, "InvalidSignatureException", err.Error())
	}
	return err == nil
}

// Refuse answers as a service with a JSON protocol does for an error of its own.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

// SetEnvironment makes the server's own credentials what these variables give, and nothing else, until the test ends.
func SetEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ROLE_ARN": "", "AWS_ROLE_SESSION_NAME": "", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
	awsaccount.ForgetServerCredentials()
	t.Cleanup(awsaccount.ForgetServerCredentials)
}
