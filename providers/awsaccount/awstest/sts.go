package awstest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// STS is an AWS STS that gives out the credentials of roles.
type STS struct {
	// URL is where it is, for AWS_ENDPOINT_URL_STS.
	URL string
	// Trusts says which credentials a role's AssumeRole has to be signed with, and Identities which token it is given to
	// without a signature. Set before the first request.
	Trusts     map[string]Credentials
	Identities map[string]string
	// ExternalID is what AssumeRole has to bring. Default: none.
	ExternalID string
	// Refusal is the error code it answers with, if any.
	Refusal string

	mu       sync.Mutex
	requests []string
}

// StartSTS starts an STS that gives out no role yet. It is gone when the test ends.
func StartSTS(t *testing.T) *STS {
	t.Helper()
	s := &STS{Trusts: make(map[string]Credentials), Identities: make(map[string]string)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(body))
		if err != nil || r.Method != http.MethodPost || r.RequestURI != "/" {
			t.Errorf("got %s %s, want a form posted to /", r.Method, r.RequestURI)
		}
		role := form.Get("RoleArn")
		if err := s.check(r, body, form); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, form.Get("Action")+" "+role)
		s.mu.Unlock()
		s.answer(w, form.Get("Action"), RoleCredentials(role))
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Requests returns what was asked for so far, such as "AssumeRole arn:aws:iam::123456789012:role/caller".
func (s *STS) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// RoleCredentials returns the credentials that STS gives for a role.
func RoleCredentials(role string) Credentials {
	sum := hexSHA256([]byte(role))
	return Credentials{KeyID: "ASIA" + sum[:12], Key: "role-key-" + sum[12:24], Token: "role-token-" + sum[24:36]}
}

func (s *STS) check(r *http.Request, body []byte, form url.Values) error {
	role := form.Get("RoleArn")
	switch action := form.Get("Action"); action {
	case "AssumeRole":
		if form.Get("RoleSessionName") != "event-gateway" || form.Get("ExternalId") != s.ExternalID {
			return fmt.Errorf("role %s for session %q with external id %q", role, form.Get("RoleSessionName"), form.Get("ExternalId"))
		}
		return Verify(r, body, "sts", s.Trusts[role])
	case "AssumeRoleWithWebIdentity":
		if token := s.Identities[role]; token == "" || form.Get("WebIdentityToken") != token {
			return fmt.Errorf("role %s is not for the identity that was shown", role)
		}
		if r.Header.Get("Authorization") != "" {
			return fmt.Errorf("%s is signed", action)
		}
		return nil
	default:
		return fmt.Errorf("got action %q", action)
	}
}

func (s *STS) answer(w http.ResponseWriter, action string, c Credentials) {
	w.Header().Set("Content-Type", "text/xml")
	if s.Refusal != "" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code>
			<Message>private</Message></Error></ErrorResponse>`, s.Refusal)
		return
	}
	_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>
		<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/caller/event-gateway</Arn>
		<AssumedRoleId>A:event-gateway</AssumedRoleId></AssumedRoleUser>
		<Credentials><AccessKeyId>%[2]s</AccessKeyId><SecretAccessKey>%[3]s</SecretAccessKey>
		<SessionToken>%[4]s</SessionToken><Expiration>%[5]s</Expiration></Credentials>
		</%[1]sResult></%[1]sResponse>`,
		action, c.KeyID, c.Key, c.Token, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}
