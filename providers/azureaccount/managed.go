package azureaccount

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
)

// metadataService answers on every virtual machine of Azure, and nowhere else.
const metadataService = "http://169.254.169.254/metadata/identity/oauth2/token"

// maxTokenAnswer bounds what a token service may answer; real ones stay far below.
const maxTokenAnswer = 64 << 10

// ownDialer gives up soon: where there is no metadata service, connections to it get no answer at all.
var ownDialer = &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}

// machine makes the requests to the machine's own services, never over a proxy.
var machine http.RoundTripper = newMachineTransport()

func newMachineTransport() *http.Transport {
	t := httpcall.NewTransport(ownDialer.DialContext, nil)
	t.Proxy = nil
	return t
}

// fromMachine asks the machine or app that the gateway runs on for a token of its identity.
func (s settings) fromMachine(ctx context.Context) (tokens.Token, error) {
	now := time.Now()
	req, err := s.machineRequest(ctx)
	if err != nil {
		return tokens.Token{}, providers.Errorf(providers.Unreachable,
			"the server has no managed identity: IDENTITY_ENDPOINT in its environment is not a URL")
	}
	resp, err := clientOf(machine).Do(req)
	if err != nil {
		return tokens.Token{}, machineUnreachable(ctx, req.URL.Host, err)
	}
	defer resp.Body.Close()
	body, err := httpcall.Read(ctx, resp, req.URL.Host, maxTokenAnswer)
	if err != nil {
		return tokens.Token{}, machineUnreachable(ctx, req.URL.Host, err)
	}
	if resp.StatusCode != http.StatusOK {
		return tokens.Token{}, s.machineFailure(resp)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		// ExpiresOn is in seconds since 1970, and a text or a number, as the service likes.
		ExpiresOn json.RawMessage `json:"expires_on"`
		ExpiresIn json.RawMessage `json:"expires_in"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.AccessToken == "" {
		return tokens.Token{}, providers.Errorf(providers.Unreachable, "the identity service of the server's machine answered with no token")
	}
	expiry := now.Add(unsaid)
	if seconds := number(answer.ExpiresOn); seconds > 0 {
		expiry = time.Unix(seconds, 0)
	} else if seconds := number(answer.ExpiresIn); seconds > 0 {
		expiry = now.Add(time.Duration(seconds) * time.Second)
	}
	return tokens.Token{Text: answer.AccessToken, Expires: expiry}, nil
}

// machineRequest is the request of App Service, Functions and Container Apps where the environment names their service, else
// that of a virtual machine.
func (s settings) machineRequest(ctx context.Context) (*http.Request, error) {
	query := url.Values{"resource": {s.resource}}
	if s.account.ClientID != "" {
		query.Set("client_id", s.account.ClientID)
	}
	endpoint, secret := os.Getenv("IDENTITY_ENDPOINT"), os.Getenv("IDENTITY_HEADER")
	header := http.Header{"Accept": {"application/json"}}
	if endpoint != "" && secret != "" {
		query.Set("api-version", "2019-08-01")
		header.Set("X-Identity-Header", secret)
	} else {
		endpoint = metadataService
		query.Set("api-version", "2018-02-01")
		header.Set("Metadata", "true")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"?"+query.Encode(), http.NoBody)
	if err == nil {
		req.Header = header
	}
	return req, err
}

// number reads a number, as it is or in a text; 0 when it is neither.
func number(value json.RawMessage) int64 {
	n, err := strconv.ParseInt(strings.Trim(string(value), `"`), 10, 64)
	if err != nil || n > 1<<40 {
		return 0
	}
	return n
}
