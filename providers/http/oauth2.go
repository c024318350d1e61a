package httpprovider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/providers/httpcall"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
)

// OAuth2 is the client that the gateway is at an OAuth 2.0 server, which gives it tokens by the client credentials grant. Tokens
// are kept until shortly before they expire.
type OAuth2 struct {
	// TokenURL is the server's token endpoint. Required.
	TokenURL string `json:"tokenUrl"`
	// ClientID and ClientSecret are the client's. Required.
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	// Scopes are asked for. Default: those the server gives by itself.
	Scopes []string `json:"scopes,omitempty"`
	// Audience is sent as the parameter "audience", which some servers want. Default: none.
	Audience string `json:"audience,omitempty"`
	// AuthStyle is where the client's ID and secret go: "header", as basic authentication, or "body". Default: "header".
	AuthStyle string `json:"authStyle,omitempty"`
}

func (o *OAuth2) validate() error {
	u, err := httpcall.ParseURL("oauth2.tokenUrl", o.TokenURL)
	if err != nil {
		return err
	}
	for _, field := range []struct{ name, value string }{{"clientId", o.ClientID}, {"clientSecret", o.ClientSecret}} {
		switch {
		case field.value == "":
			return refuse("oauth2.%s: missing: want what the OAuth 2.0 server gave this client", field.name)
		case !fitsHeader(field.value):
			return refuse("oauth2.%s: not accepted: want at most 8 KiB of text without control characters", field.name)
		}
	}
	for _, scope := range o.Scopes {
		if scope == "" || !fitsHeader(scope) || strings.ContainsAny(scope, " \t\"\\") {
			return eventgateway.InvalidField("oauth2.scopes", scope, "a scope without spaces, quotes and backslashes")
		}
	}
	switch {
	case u.User != nil:
		return refuse("oauth2.tokenUrl: a user in it is not accepted: want clientId and clientSecret")
	case !fitsHeader(o.Audience):
		return refuse("oauth2.audience: not accepted: want at most 8 KiB of text without control characters")
	case o.AuthStyle != "" && o.AuthStyle != "header" && o.AuthStyle != "body":
		return eventgateway.InvalidField("oauth2.authStyle", o.AuthStyle, "header or body")
	}
	return nil
}

func (o *OAuth2) eachSecret(visit func(name, value string) string) {
	o.TokenURL = httpcall.EachURLSecret(o.TokenURL, func(name, value string) string {
		return visit("oauth2.tokenUrl"+strings.TrimPrefix(name, "url"), value)
	})
	if o.ClientSecret != "" {
		o.ClientSecret = visit("oauth2.clientSecret", o.ClientSecret)
	}
}

// clientSettings are what makes two functions need different tokens.
type clientSettings struct {
	guard  *egress.Guard
	fields string
}

// clients has the tokens of all functions.
var clients tokens.Shared[clientSettings]

// open returns the client's tokens. It does no I/O. They are to be released.
func (o *OAuth2) open(guard *egress.Guard) (cache *tokens.Cache, release func(), err error) {
	fields, err := json.Marshal(o)
	if err != nil {
		return nil, nil, err
	}
	target, err := url.Parse(o.TokenURL)
	if err != nil {
		return nil, nil, err
	}
	own := *o
	cache, release = clients.Open(clientSettings{guard, string(fields)}, func() *tokens.Cache {
		client := &http.Client{
			Transport:     httpcall.Transport(guard),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		return tokens.New(tokens.Config{
			Fetch:   func(ctx context.Context) (tokens.Token, error) { return own.fetch(ctx, client, target.Host) },
			Service: "the token endpoint", Kind: "bearer token",
		})
	})
	return cache, release, nil
}

// fetch asks for a token. A failure is a *providers.Error: the function was not called.
func (o *OAuth2) fetch(ctx context.Context, client *http.Client, host string) (tokens.Token, error) {
	config := clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes, AuthStyle: oauth2.AuthStyleInHeader,
	}
	if o.AuthStyle == "body" {
		config.AuthStyle = oauth2.AuthStyleInParams
	}
	if o.Audience != "" {
		config.EndpointParams = url.Values{"audience": {o.Audience}}
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return tokens.Token{}, tokenError(ctx, host, err)
	}
	if token.Type() != "Bearer" || !fitsHeader(token.AccessToken) {
		return tokens.Token{}, noToken(host + " answered with one that is no bearer token")
	}
	return tokens.Token{Text: token.AccessToken, Expires: token.Expiry}, nil
}

func noToken(why string) *providers.Error {
	return providers.Errorf(providers.Unreachable, "no access token for the function: %s", why)
}

// tokenError tells why there is no token. Of what the server says only the codes are passed on that the protocol knows: the rest
// is its own text, and could hold the secret.
func tokenError(ctx context.Context, host string, err error) *providers.Error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if broken, ok := errors.AsType[*url.Error](err); ok {
			e := providers.NetworkError(ctx, host, broken.Err)
			told := noToken(e.Message)
			told.Err = e.Err
			return told
		}
		return noToken("what " + host + " answered is no token; check oauth2.tokenUrl")
	}
	status := refused.Response.StatusCode
	e := noToken(host + " answered with status " + strconv.Itoa(status))
	switch code := refused.ErrorCode; code {
	case "invalid_client":
		e.Message += " and invalid_client; check oauth2.clientId, oauth2.clientSecret and oauth2.authStyle"
	case "unauthorized_client", "unsupported_grant_type":
		e.Message += " and " + code + "; allow the client the grant client_credentials at the server"
	case "invalid_scope":
		e.Message += " and invalid_scope; check oauth2.scopes and what the server allows the client"
	case "invalid_target", "access_denied":
		e.Message += " and " + code + "; check oauth2.audience and what the server allows the client"
	case "invalid_request", "invalid_grant":
		e.Message += " and " + code + "; check oauth2.audience, oauth2.scopes and oauth2.authStyle"
	default:
		switch {
		case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
			e.Failure = providers.Throttled
			e.RetryAfter = providers.RetryAfter(refused.Response.Header.Get("Retry-After"), time.Now())
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			e.Message += "; check oauth2.clientId, oauth2.clientSecret and oauth2.authStyle"
		case status < 500:
			e.Message += "; check oauth2.tokenUrl"
		}
	}
	return e
}

// authorizeBy adds a token to every call, and signatures where there are keys for them.
func authorizeBy(cache *tokens.Cache, keys [][]byte) func(context.Context, http.Header, *providers.Call) error {
	return func(ctx context.Context, header http.Header, call *providers.Call) error {
		authorization, err := cache.Authorization(ctx)
		if err != nil {
			return err
		}
		header["Authorization"] = authorization
		if keys != nil {
			sign(keys, header, call, time.Now()) // after the wait for a token: the time is that of the attempt
		}
		return nil
	}
}

// explainRefusal tells what a function's 401 or 403 means where it got a token, and after a 401 has the token exchanged for the
// next call.
func explainRefusal(cache *tokens.Cache, authorization string, e *providers.Error) {
	switch {
	case e.Status == http.StatusForbidden:
		e.Message += ": it does not accept what the access token allows; check oauth2.scopes and oauth2.audience"
	case e.Status != http.StatusUnauthorized:
	case cache.Refused(authorization):
		e.Permanent = false
		e.Message += ": it refused the access token; the next call gets a new one"
	default:
		e.Message += ": it refused the access token, and the one before; check oauth2.audience and oauth2.scopes"
	}
}
