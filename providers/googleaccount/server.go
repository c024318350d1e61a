package googleaccount

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/compute/metadata"
	"github.com/eventgateway/eventgateway/providers"
)

// server is the server's own account: Google's application default credentials. They are looked for at each token, so that a
// file that was replaced counts.
type server struct{}

// howToGive ends the message about missing credentials.
const howToGive = "set provider.credentials, or give the server some: GOOGLE_APPLICATION_CREDENTIALS with the path of a file, " +
	"or a service account for the machine"

func (server) issue(ctx context.Context, c *client, want Want) (*auth.Token, error) {
	data, err := defaultFile()
	switch {
	case err != nil:
		return nil, providers.Errorf(providers.Unreachable,
			"the file that GOOGLE_APPLICATION_CREDENTIALS names for the server cannot be read")
	case data == nil:
		return fromMetadata(ctx, want)
	}
	var file struct {
		Type             string          `json:"type"`
		ImpersonationURL string          `json:"service_account_impersonation_url"`
		Delegates        []string        `json:"delegates"`
		Source           json.RawMessage `json:"source_credentials"`
		serviceAccount
	}
	if json.Unmarshal(data, &file) != nil {
		return nil, unusable
	}
	switch {
	case file.Type == typeServiceAccount && usualUniverse(file.UniverseDomain):
		if file.TokenURI == "" {
			file.TokenURI = defaultTokenURI
		}
		return file.issue(ctx, c, want)
	case want.Audience == "":
		return accessToken(ctx, file.Type, data, want.Scope)
	case file.ImpersonationURL == "":
		return nil, providers.Errorf(providers.Unreachable, "the server's own Google credentials are no service account's, and only those "+
			"have ID tokens: use a service account, or impersonate one")
	case file.Type == typeImpersonated:
		data = file.Source
	default:
		if data, err = withoutImpersonation(data); err != nil {
			return nil, unusable
		}
	}
	var base struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &base) != nil {
		return nil, unusable
	}
	bearer, err := accessToken(ctx, base.Type, data, cloudPlatform)
	if err != nil {
		return nil, err
	}
	return impersonate(ctx, c, file.ImpersonationURL, file.Delegates, bearer.Value, want)
}

var unusable = providers.Errorf(providers.Unreachable, "the server's own Google credentials cannot be used: their file is not whole")

// defaultFile returns the file with the server's credentials, nil when there is none.
func defaultFile() ([]byte, error) {
	if name := os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"); name != "" {
		return os.ReadFile(name)
	}
	dir := os.Getenv("APPDATA")
	if runtime.GOOS != "windows" {
		dir = filepath.Join(os.Getenv("HOME"), ".config")
	}
	data, _ := os.ReadFile(filepath.Join(dir, "gcloud", "application_default_credentials.json")) // what cannot be read is not there
	return data, nil
}

// withoutImpersonation returns an external account's configuration with its own identity only.
func withoutImpersonation(data []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	delete(fields, "service_account_impersonation_url")
	return json.Marshal(fields)
}

// accessToken has Google's library make an access token of the server's own credentials of any kind.
func accessToken(ctx context.Context, typ string, data []byte, scope string) (*auth.Token, error) {
	found, err := credentials.NewCredentialsFromJSON(credentials.CredType(typ), data, &credentials.DetectOptions{
		Scopes: []string{scope}, Logger: quiet,
	})
	if err != nil {
		return nil, unusable
	}
	token, err := found.Token(ctx)
	if err == nil {
		return token, nil
	}
	var refused *auth.Error
	var network *url.Error
	switch {
	case errors.As(err, &refused) && refused.Temporary():
		return nil, providers.Errorf(providers.Unreachable, "Google gives no token for the server's own credentials at the moment")
	case errors.As(err, &network), ctx.Err() != nil:
		e := providers.NetworkError(ctx, "Google's token endpoint", err)
		if e.Failure == providers.BadAnswer {
			e.Failure, e.BrokenOff = providers.Unreachable, false
		}
		return nil, e
	}
	return nil, providers.Errorf(providers.Unreachable, "the server's own Google credentials are refused where it asks for a token: "+
		"they may have ended, or the identity they stand for may not be accepted there")
}

// fromMetadata asks the machine's metadata service, if there is one.
func fromMetadata(ctx context.Context, want Want) (*auth.Token, error) {
	service := metadata.NewWithOptions(&metadata.Options{UseDefaultClient: true, Logger: slog.New(slog.DiscardHandler)})
	if !service.OnGCEWithContext(ctx) {
		return nil, providers.Errorf(providers.Unreachable, "no Google credentials: %s", howToGive)
	}
	const account = "instance/service-accounts/default/"
	query := account + "token?" + url.Values{"scopes": {want.Scope}}.Encode()
	if want.Audience != "" {
		query = account + "identity?" + url.Values{"audience": {want.Audience}, "format": {"full"}}.Encode()
	}
	text, err := service.GetWithContext(ctx, query)
	var status *metadata.Error
	var undefined metadata.NotDefinedError
	switch {
	case errors.As(err, &undefined), errors.As(err, &status) && status.Code/100 == 4:
		return nil, providers.Errorf(providers.Unreachable, "the machine's metadata service has no token for the gateway: the machine "+
			"needs a service account that may have it")
	case err != nil:
		return nil, &providers.Error{Failure: providers.Unreachable, Message: "the machine's metadata service gives no token at the moment"}
	}
	if want.Audience != "" {
		text = strings.TrimSpace(text)
		return &auth.Token{Value: text, Expiry: expiryOf(text)}, nil
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if json.Unmarshal([]byte(text), &answer) != nil {
		return nil, providers.Errorf(providers.Unreachable, "the machine's metadata service answered with no token")
	}
	return &auth.Token{Value: answer.AccessToken, Expiry: time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second)}, nil
}
