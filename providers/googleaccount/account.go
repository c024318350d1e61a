// Package googleaccount is the account that a provider calls Google Cloud with: what stands in its field credentials, or the
// server's own, and the tokens made of it.
//
// What is among a function's fields was written by whoever may write functions, so it must not get at what is the server's:
// credentials that would read a file, run a program, or take the identity of the machine are refused there, only the parts of
// them that are known are used, and every connection they ask for is made by the egress guard. The server's own credentials
// are its operator's, and may be anything that Google's libraries take.
package googleaccount

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/netip"
	"net/url"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// maxCredentials bounds the field in bytes; a service account's key has under 3 KiB.
const maxCredentials = 64 << 10

// The types of credentials that Google's JSON tells.
const (
	typeServiceAccount = "service_account"
	typeExternal       = "external_account"
	typeImpersonated   = "impersonated_service_account"
)

// serviceAccount is a service account's key, as Google gives it out.
type serviceAccount struct {
	ClientEmail    string `json:"client_email"`
	PrivateKey     string `json:"private_key"`
	PrivateKeyID   string `json:"private_key_id"`
	TokenURI       string `json:"token_uri"`
	UniverseDomain string `json:"universe_domain"`
}

// federation is a workload identity federation configuration.
type federation struct {
	Audience         string `json:"audience"`
	SubjectTokenType string `json:"subject_token_type"`
	TokenURL         string `json:"token_url"`
	ImpersonationURL string `json:"service_account_impersonation_url"`
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	UserProject      string `json:"workforce_pool_user_project"`
	UniverseDomain   string `json:"universe_domain"`
	Source           source `json:"credential_source"`
}

// source says where a federation has its subject token from.
type source struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Format  struct {
		Type  string `json:"type"`
		Field string `json:"subject_token_field_name"`
	} `json:"format"`

	// What the server's own may have, and a function's may not.
	File        string          `json:"file"`
	Executable  json.RawMessage `json:"executable"`
	Certificate json.RawMessage `json:"certificate"`
	Environment string          `json:"environment_id"`
}

const defaultTokenURI = "https://oauth2.googleapis.com/token"

// Validate reports what is wrong with a provider's field credentials as an *eventgateway.Error, of which it shows nothing.
// identity tells that ID tokens are to be made of them, not access tokens.
func Validate(credentials string, identity bool) error {
	if credentials == "" {
		return nil
	}
	_, err := parse(credentials, identity)
	return err
}

// parse reads a function's credentials, and refuses those that would reach for what is the server's.
func parse(credentials string, identity bool) (issuer, error) {
	const accepted = "the JSON text of a service account's key or of a workload identity federation configuration"
	var kind struct {
		Type string `json:"type"`
	}
	data := []byte(credentials)
	if len(data) > maxCredentials || json.Unmarshal(data, &kind) != nil {
		return nil, refuse("not accepted: want %s, at most 64 KiB", accepted)
	}
	switch kind.Type {
	case typeServiceAccount:
		var account serviceAccount
		if json.Unmarshal(data, &account) != nil {
			return nil, refuse("a field has the wrong type: want %s", accepted)
		}
		return &account, account.validate()
	case typeExternal:
		var f federation
		if json.Unmarshal(data, &f) != nil {
			return nil, refuse("a field has the wrong type: want %s", accepted)
		}
		return &f, f.validate(identity)
	case "":
		return nil, refuse(`there is no "type" in it: want %s`, accepted)
	default:
		return nil, refuse("its type is not accepted: want %s", accepted)
	}
}

func refuse(format string, args ...any) error {
	return eventgateway.Errorf(eventgateway.Invalid, "credentials: "+format, args...)
}

func (a *serviceAccount) validate() error {
	if a.TokenURI == "" {
		a.TokenURI = defaultTokenURI
	}
	switch {
	case a.ClientEmail == "":
		return refuse("client_email: missing: want a service account's key as Google gives it out")
	case !isRSAKey(a.PrivateKey):
		return refuse("private_key: not accepted: want an RSA private key in PEM form")
	case !protected(a.TokenURI):
		return refuse("token_uri: not accepted: want an https URL, or none for Google's own")
	case !usualUniverse(a.UniverseDomain):
		return refuse("universe_domain: not accepted: want googleapis.com or none")
	}
	return nil
}

func isRSAKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		_, ok := key.(*rsa.PrivateKey)
		return ok
	}
	_, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err == nil
}

func (f *federation) validate(identity bool) error {
	s := &f.Source
	if f.TokenURL == "" {
		f.TokenURL = "https://sts.googleapis.com/v1/token"
	}
	switch {
	case s.File != "":
		return refuse("credential_source.file: not accepted in a function: it would read the server's files; want credential_source.url, or the server's own credentials")
	case given(s.Executable):
		return refuse("credential_source.executable: not accepted in a function: it would run a program on the server; want credential_source.url, or the server's own credentials")
	case given(s.Certificate):
		return refuse("credential_source.certificate: not accepted in a function: it would read the server's files; want credential_source.url, or the server's own credentials")
	case s.Environment != "":
		return refuse("credential_source.environment_id: not accepted in a function: it would take the server's own identity at AWS; want credential_source.url, or the server's own credentials")
	case !isHTTP(s.URL):
		return refuse("credential_source.url: missing or not accepted: want an http or https URL that gives the subject token")
	case s.Format.Type != "" && s.Format.Type != "text" && s.Format.Type != "json":
		return refuse("credential_source.format.type: not accepted: want text or json")
	case s.Format.Type == "json" && s.Format.Field == "":
		return refuse("credential_source.format.subject_token_field_name: missing: want it with format.type json")
	case f.Audience == "":
		return refuse("audience: missing: want the name of a workload identity pool provider")
	case f.SubjectTokenType == "":
		return refuse("subject_token_type: missing: want such as urn:ietf:params:oauth:token-type:jwt")
	case f.UserProject != "" && !strings.Contains(f.Audience, "/workforcePools/"):
		return refuse("workforce_pool_user_project: not accepted: want it for a workforce pool only")
	case !protected(f.TokenURL):
		return refuse("token_url: not accepted: want an https URL, or none for Google's own")
	case f.ImpersonationURL == "" && identity:
		return refuse("service_account_impersonation_url: missing: only a service account has ID tokens; want the URL of one that the pool may impersonate")
	case f.ImpersonationURL != "" && !(protected(f.ImpersonationURL) && strings.HasSuffix(f.ImpersonationURL, generateAccessToken)):
		return refuse("service_account_impersonation_url: not accepted: want an https URL that ends in %s", generateAccessToken)
	case !usualUniverse(f.UniverseDomain):
		return refuse("universe_domain: not accepted: want googleapis.com or none")
	}
	return nil
}

func given(value json.RawMessage) bool { return len(value) > 0 && !bytes.Equal(value, []byte("null")) }

func usualUniverse(domain string) bool { return domain == "" || domain == "googleapis.com" }

func isHTTP(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

func protected(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.User == nil && Protected(u)
}

// Protected reports whether a token may be sent to u: over https, or on this machine only.
func Protected(u *url.URL) bool {
	return u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}
