package httpprovider

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/eventgateway/eventgateway"
	"golang.org/x/net/http/httpguts"
)

// Basic is a user and a password for basic authentication.
type Basic struct {
	// Username has no colon. Required, unless the password is all there is.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

func (b *Basic) validate() error {
	switch {
	case b.Username == "" && b.Password == "":
		return refuse("basic.username: missing: want a user name, a password, or both")
	case strings.Contains(b.Username, ":"):
		return refuse("basic.username: not accepted: want it without a colon, which ends it where it is read")
	case !fitsHeader(b.Username):
		return refuse("basic.username: not accepted: want at most 8 KiB of text without control characters")
	case !fitsHeader(b.Password):
		return refuse("basic.password: not accepted: want at most 8 KiB of text without control characters")
	}
	return nil
}

// basicAuthorization returns the value of the Authorization header.
func basicAuthorization(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// validateAuthorization checks that the gateway is told at most one way to say who it is.
func (p *Provider) validateAuthorization(userInURL bool) error {
	var given []string
	for _, way := range []struct {
		name string
		set  bool
	}{
		{"a user in url", userInURL},
		{"headers.Authorization", p.header("Authorization") != ""},
		{"basic", p.Basic != nil},
		{"bearer", p.Bearer != ""},
		{"oauth2", p.OAuth2 != nil},
	} {
		if way.set {
			given = append(given, way.name)
		}
	}
	if len(given) > 1 && (p.Basic != nil || p.Bearer != "" || p.OAuth2 != nil) {
		return refuse("%s: not accepted beside %s: want one way to authorize a call", given[len(given)-1], strings.Join(given[:len(given)-1], " and "))
	}
	if p.Basic != nil {
		if err := p.Basic.validate(); err != nil {
			return err
		}
	}
	if !fitsHeader(p.Bearer) || strings.ContainsAny(p.Bearer, " \t,") {
		return refuse("bearer: not accepted: want the token alone, at most 8 KiB without spaces, commas and control characters")
	}
	if p.OAuth2 != nil {
		return p.OAuth2.validate()
	}
	return nil
}

// header returns the configured header of a name.
func (p *Provider) header(name string) string {
	for given, value := range p.Headers {
		if http.CanonicalHeaderKey(given) == name {
			return value
		}
	}
	return ""
}

func fitsHeader(value string) bool {
	return len(value) <= maxHeaderValue && httpguts.ValidHeaderFieldValue(value)
}

func refuse(format string, args ...any) error {
	return eventgateway.Errorf(eventgateway.Invalid, format, args...)
}
