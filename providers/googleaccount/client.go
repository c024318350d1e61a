package googleaccount

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// maxAnswer bounds what a token endpoint answers, in bytes.
const maxAnswer = 1 << 20

// client makes the requests for one token, and notes how the last of them went: the errors of Google's library are texts, with
// what the other side wrote in them.
type client struct {
	transport http.RoundTripper

	mu sync.Mutex
	// url and host are what was asked last; status is 0, or err not nil, where there was no answer.
	url, host, after string
	status           int
	err              error
}

// http returns the client as Google's library takes it. It follows no redirect: what it sends is meant for one host.
func (c *client) http() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip implements http.RoundTripper.
func (c *client) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.transport.RoundTrip(req)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.url, c.host, c.after, c.status, c.err = req.URL.String(), req.URL.Host, "", 0, err
	if err == nil {
		c.status, c.after = resp.StatusCode, resp.Header.Get("Retry-After")
	}
	return resp, err
}

// went reports whether the last request was to url.
func (c *client) went(url string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url == url
}

var errNoToken = errors.New("the answer holds no token")

// exchange sends a request and reads the JSON of its answer.
func (c *client) exchange(req *http.Request, answer any) error {
	resp, err := c.http().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK, json.Unmarshal(body, answer) != nil:
		return errNoToken
	}
	return nil
}

// What a refusal at each step means.
const (
	refusedKey = "Google refuses the service account's key: it may be deleted or disabled, the account may be gone, or the server's " +
		"clock may be wrong"
	refusedSubject  = "the URL in credential_source of provider.credentials gives no subject token"
	refusedExchange = "Google's security token service refuses the workload's token: check audience and subject_token_type of " +
		"provider.credentials, and what the workload identity pool's provider accepts"
	refusedImpersonation = "Google does not let the gateway impersonate the service account: on that account, a federated workload " +
		"needs the role roles/iam.workloadIdentityUser, and another account roles/iam.serviceAccountTokenCreator"
)

// failure tells why there is no token, by how the last request went. No text of the other side is shown. The function was not
// called, so that another attempt can do no harm.
func (c *client) failure(ctx context.Context, refused string, err error) *providers.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.host == "" && ctx.Err() == nil: // it failed before it asked anyone
		return providers.Errorf(providers.Unreachable, "no token can be made of the Google credentials: check that they are whole")
	case c.err != nil, ctx.Err() != nil:
		if c.err != nil {
			err = c.err
		}
		e := providers.NetworkError(ctx, cmp.Or(c.host, "Google's token endpoint"), err)
		if e.Failure == providers.BadAnswer {
			e.Failure, e.BrokenOff = providers.Unreachable, false
		}
		return e
	case c.status == http.StatusTooManyRequests:
		return &providers.Error{
			Failure: providers.Throttled, Message: c.host + " throttles the gateway's requests for tokens",
			RetryAfter: providers.RetryAfter(c.after, time.Now()),
		}
	case c.status/100 == 5:
		return providers.Errorf(providers.Unreachable, "no token from %s: it answered with status %d", c.host, c.status)
	case c.status/100 == 2:
		return providers.Errorf(providers.Unreachable, "no token from %s: its answer holds none", c.host)
	}
	return providers.Errorf(providers.Unreachable, "%s (%s answered with status %d)", refused, c.host, c.status)
}

// expiryOf reads when an ID token ends; zero when it does not say.
func expiryOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp int64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.Unix(claims.Exp, 0)
}
