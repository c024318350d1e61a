package googleaccount

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials/externalaccount"
)

// Want is the token that is wanted; one of the two.
type Want struct {
	// Audience is who an ID token is for.
	Audience string
	// Scope is what an access token permits.
	Scope string
}

// cloudPlatform is the scope that impersonating a service account takes.
const cloudPlatform = "https://www.googleapis.com/auth/cloud-platform"

// issuer has tokens made. A failure is a *providers.Error.
type issuer interface {
	issue(ctx context.Context, c *client, want Want) (*auth.Token, error)
}

// quiet keeps Google's libraries from logging requests, which hold tokens, when an environment variable asks them to.
var quiet = slog.New(slog.DiscardHandler)

// issue has a token made for an assertion that the account's key has signed.
func (a *serviceAccount) issue(ctx context.Context, c *client, want Want) (*auth.Token, error) {
	options := &auth.Options2LO{
		Email: a.ClientEmail, PrivateKey: []byte(a.PrivateKey), PrivateKeyID: a.PrivateKeyID, TokenURL: a.TokenURI,
		Client: c.http(), Logger: quiet,
	}
	if want.Audience != "" {
		options.UseIDToken = true
		options.PrivateClaims = map[string]any{"target_audience": want.Audience}
	} else {
		options.Scopes = []string{want.Scope}
	}
	provider, err := auth.New2LOTokenProvider(options)
	if err != nil {
		return nil, c.failure(ctx, refusedKey, err)
	}
	found, err := provider.Token(ctx)
	if err != nil {
		return nil, c.failure(ctx, refusedKey, err)
	}
	return found, nil
}

// issue exchanges the token of another identity provider for one of Google's, and that for one of the service account to
// impersonate, if there is one.
func (f *federation) issue(ctx context.Context, c *client, want Want) (*auth.Token, error) {
	scope := want.Scope
	if f.ImpersonationURL != "" {
		scope = cloudPlatform
	}
	base, err := externalaccount.NewCredentials(&externalaccount.Options{
		Audience: f.Audience, SubjectTokenType: f.SubjectTokenType, TokenURL: f.TokenURL,
		ClientID: f.ClientID, ClientSecret: f.ClientSecret, WorkforcePoolUserProject: f.UserProject,
		Scopes: []string{scope}, Client: c.http(), Logger: quiet,
		CredentialSource: &externalaccount.CredentialSource{
			URL: f.Source.URL, Headers: f.Source.Headers,
			Format: &externalaccount.Format{Type: cmp.Or(f.Source.Format.Type, "text"), SubjectTokenFieldName: f.Source.Format.Field},
		},
	})
	if err != nil {
		return nil, c.failure(ctx, refusedExchange, err)
	}
	found, err := base.Token(ctx)
	switch {
	case err != nil && c.went(f.Source.URL):
		return nil, c.failure(ctx, refusedSubject, err)
	case err != nil:
		return nil, c.failure(ctx, refusedExchange, err)
	case f.ImpersonationURL == "":
		return found, nil
	}
	return impersonate(ctx, c, f.ImpersonationURL, nil, found.Value, want)
}

// generateAccessToken is how the URL ends that impersonates a service account.
const generateAccessToken = ":generateAccessToken"

// impersonate has a token made for a service account by one who may act for it, whose access token is bearer.
func impersonate(ctx context.Context, c *client, url string, delegates []string, bearer string, want Want) (*auth.Token, error) {
	request := map[string]any{"scope": []string{want.Scope}, "lifetime": "3600s"}
	if want.Audience != "" {
		url = strings.TrimSuffix(url, generateAccessToken) + ":generateIdToken"
		request = map[string]any{"audience": want.Audience, "includeEmail": true}
	}
	if len(delegates) > 0 {
		request["delegates"] = delegates
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, c.failure(ctx, refusedImpersonation, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, c.failure(ctx, refusedImpersonation, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+bearer)
	var answer struct {
		Token       string    `json:"token"`
		AccessToken string    `json:"accessToken"`
		ExpireTime  time.Time `json:"expireTime"`
	}
	if err := c.exchange(req, &answer); err != nil {
		return nil, c.failure(ctx, refusedImpersonation, err)
	}
	if want.Audience == "" {
		return &auth.Token{Value: answer.AccessToken, Expiry: answer.ExpireTime}, nil
	}
	return &auth.Token{Value: answer.Token, Expiry: expiryOf(answer.Token)}, nil
}
