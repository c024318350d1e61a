package httpprovider

import (
	"maps"
	"net/http"
	"slices"

	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// EachSecret implements providers.Secretive. Credentials are the password in the URL ("url"; the user name when there is
// no password, as for tokens), query parameters of the URL that sound like one ("url?code"), and headers that do
// ("headers.Authorization"). They are replaced within the URL, so that the rest of it stays readable:
// https://user:***@example.com/. And they are what the fields for credentials hold, but for user names and certificates.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	p.URL = httpcall.EachURLSecret(p.URL, visit)
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		if value := p.Headers[name]; value != "" && httpcall.SoundsSecret(name) {
			p.Headers[name] = visit("headers."+http.CanonicalHeaderKey(name), value)
		}
	}
	if p.Basic != nil && p.Basic.Password != "" {
		p.Basic.Password = visit("basic.password", p.Basic.Password)
	} else if p.Basic != nil && p.Basic.Username != "" {
		p.Basic.Username = visit("basic.username", p.Basic.Username) // it is the token then
	}
	if p.Bearer != "" {
		p.Bearer = visit("bearer", p.Bearer)
	}
	if p.OAuth2 != nil {
		p.OAuth2.eachSecret(visit)
	}
	if p.ClientCertificate != nil && p.ClientCertificate.Key != "" {
		p.ClientCertificate.Key = visit("clientCertificate.key", p.ClientCertificate.Key)
	}
	if p.Signing != nil {
		p.Signing.eachSecret(visit)
	}
}
