package azureaccount

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// assertionType is how OAuth calls a client that shows a token instead of a secret (RFC 7523).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// own makes the server's own requests, which the rules for functions are not about.
var own http.RoundTripper = httpcall.NewTransport(ownDialer.DialContext, nil)

// fromSecret asks Entra ID for a token of the function's application.
func (s settings) fromSecret(ctx context.Context) (tokens.Token, error) {
	authority := s.account.Authority
	if authority == "" {
		authority = DefaultAuthority
	}
	return s.fromEntra(ctx, httpcall.Transport(s.egress), authority, &clientcredentials.Config{
		ClientID: s.account.ClientID, ClientSecret: s.account.ClientSecret,
		TokenURL: tokenURL(authority, s.account.TenantID),
	})
}

// fromFile asks Entra ID for a token of an application that trusts the server's own token of another issuer. The file is read
// every time: Kubernetes renews it.
func (s settings) fromFile(ctx context.Context) (tokens.Token, error) {
	file := os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	tenant, client := s.account.TenantID, s.account.ClientID
	if tenant == "" {
		tenant = os.Getenv("AZURE_TENANT_ID")
	}
	if client == "" {
		client = os.Getenv("AZURE_CLIENT_ID")
	}
	if file == "" || tenant == "" || client == "" {
		return tokens.Token{}, providers.Errorf(providers.Unreachable, "the server has no workload identity: its environment needs "+
			"AZURE_FEDERATED_TOKEN_FILE, and AZURE_TENANT_ID and AZURE_CLIENT_ID where provider.tenantId and provider.clientId are not set")
	}
	assertion, err := os.ReadFile(file)
	if err != nil {
		return tokens.Token{}, &providers.Error{
			Failure: providers.Unreachable, Err: err,
			Message: "the file that AZURE_FEDERATED_TOKEN_FILE names in the server's environment cannot be read",
		}
	}
	authority := os.Getenv("AZURE_AUTHORITY_HOST")
	if authority == "" {
		authority = DefaultAuthority
	}
	return s.fromEntra(ctx, own, authority, &clientcredentials.Config{
		ClientID: client, TokenURL: tokenURL(authority, tenant),
		EndpointParams: url.Values{
			"client_assertion_type": {assertionType},
			"client_assertion":      {strings.TrimSpace(string(assertion))},
		},
	})
}

func tokenURL(authority, tenant string) string {
	return strings.TrimRight(authority, "/") + "/" + url.PathEscape(tenant) + "/oauth2/v2.0/token"
}

// fromEntra makes one request for a token.
func (s settings) fromEntra(
	ctx context.Context, transport http.RoundTripper, authority string, config *clientcredentials.Config,
) (tokens.Token, error) {
	config.Scopes = []string{s.resource + "/.default"}
	config.AuthStyle = oauth2.AuthStyleInParams
	now := time.Now()
	answer, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, clientOf(transport)))
	if err != nil {
		return tokens.Token{}, s.entraFailure(ctx, hostOf(authority), err)
	}
	expiry := answer.Expiry
	if expiry.IsZero() {
		expiry = now.Add(unsaid)
	}
	return tokens.Token{Text: answer.AccessToken, Expires: expiry}, nil
}

// clientOf follows no redirects: what is sent is not to go on to another host.
func clientOf(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// hostOf names a host in messages.
func hostOf(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil && u.Host != "" {
		return u.Host
	}
	return "the token service"
}
