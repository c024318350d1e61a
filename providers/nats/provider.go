// Package natsprovider sends events to a subject of NATS. It is the Caddy module event_gateway.providers.nats.
//
// A call is one message: published, and flushed to the server; stored in a stream, and acknowledged; or a request, whose reply is
// the function's answer. Functions with equal connection settings share a connection, which is made with the first call.
package natsprovider

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/clienttls"
	"github.com/nats-io/nkeys"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a subject.
type Provider struct {
	// URLs are the servers of one cluster, nats://host:port or tls://host:port, of which one is connected to. Required.
	URLs []string `json:"urls"`
	// Subject is where messages go; it has no wildcards. Required.
	Subject string `json:"subject"`
	// JetStream waits until a stream has stored the message. Default: false, and nobody may be listening.
	JetStream bool `json:"jetStream,omitempty"`
	// Request waits for a reply, which is the function's answer. Default: false.
	Request bool `json:"request,omitempty"`
	// Credentials are the contents of a .creds file: a user's JWT and its seed. At most one of Credentials, NkeySeed, Token and
	// User is set. Default: none.
	Credentials string `json:"credentials,omitempty"`
	// NkeySeed is the seed of a user's NKey. Default: none.
	NkeySeed string `json:"nkeySeed,omitempty"`
	// Token is the server's token. Default: none.
	Token string `json:"token,omitempty"`
	// User and Password are a user's, both or neither. Default: none.
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	// TLS are the settings for connections, which servers that want TLS get in any case. Default: those of the system, and TLS
	// where a URL or the server says so.
	TLS *clienttls.Settings `json:"tls,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".nats", New: func() caddy.Module { return new(Provider) }}
}

// EachSecret implements providers.Secretive.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	for _, secret := range []struct {
		name  string
		value *string
	}{
		{"credentials", &p.Credentials}, {"nkeySeed", &p.NkeySeed}, {"token", &p.Token}, {"password", &p.Password},
	} {
		if *secret.value != "" {
			*secret.value = visit(secret.name, *secret.value)
		}
	}
	p.TLS.EachSecret("tls", visit)
}

const (
	maxURLs    = 64
	maxSubject = 1024
	urlForm    = "nats://host:port or tls://host:port, without a user"
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	switch {
	case len(p.URLs) == 0:
		return missing("urls", "a list of "+urlForm)
	case len(p.URLs) > maxURLs:
		return eventgateway.Errorf(eventgateway.Invalid, "urls: %d are not accepted: want at most %d", len(p.URLs), maxURLs)
	}
	for _, raw := range p.URLs {
		switch _, _, ok := parseURL(raw); {
		case ok:
		case strings.ContainsAny(raw, "@?"): // there may be a credential in it
			return unfit("urls", urlForm)
		default:
			return eventgateway.InvalidField("urls", raw, urlForm)
		}
	}
	switch {
	case p.Subject == "":
		return missing("subject", "a subject, such as orders.new")
	case !isSubject(p.Subject):
		return eventgateway.InvalidField("subject", p.Subject,
			"a subject without wildcards, such as orders.new: names of printable ASCII characters with dots between them")
	case p.JetStream && p.Request:
		return eventgateway.Errorf(eventgateway.Invalid, "request: not accepted beside jetStream: want one of them")
	}
	if err := p.validateLogin(); err != nil {
		return err
	}
	return p.TLS.Validate("tls")
}

// validateLogin shows nothing of what it refuses.
func (p *Provider) validateLogin() error {
	const maxCredentials = 64 << 10
	var given []string
	for _, field := range [...]struct{ name, value string }{
		{"credentials", p.Credentials}, {"nkeySeed", p.NkeySeed}, {"token", p.Token}, {"user", p.User},
	} {
		if len(field.value) > maxCredentials {
			return unfit(field.name, "at most 64 KiB")
		}
		if field.value != "" {
			given = append(given, field.name)
		}
	}
	switch {
	case len(given) > 1:
		return eventgateway.Errorf(eventgateway.Invalid, "%s: not accepted beside %s: want one of credentials, nkeySeed, token and user",
			given[1], given[0])
	case p.User != "" && p.Password == "":
		return missing("password", "it beside user, or neither")
	case p.User == "" && p.Password != "":
		return missing("user", "it beside password, or neither")
	case len(p.Password) > maxCredentials:
		return unfit("password", "at most 64 KiB")
	}
	if p.Credentials != "" {
		token, err := nkeys.ParseDecoratedJWT([]byte(p.Credentials))
		if _, keyErr := nkeys.ParseDecoratedUserNKey([]byte(p.Credentials)); err != nil || keyErr != nil || strings.Count(token, ".") != 2 {
			return unfit("credentials", "the contents of a .creds file: a user's JWT and its seed, with the lines around them")
		}
	}
	if p.NkeySeed != "" {
		key, err := nkeys.FromSeed([]byte(p.NkeySeed))
		if err != nil {
			return unfit("nkeySeed", "the seed of a user's NKey, which begins with SU")
		}
		if public, err := key.PublicKey(); err != nil || !nkeys.IsValidPublicUserKey(public) {
			return unfit("nkeySeed", "the seed of a user's NKey, which begins with SU")
		}
	}
	return nil
}

func missing(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: missing: want %s", field, accepted)
}

// unfit refuses a value that may be a credential, and so is not shown.
func unfit(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: not accepted: want %s", field, accepted)
}

// parseURL returns the address in a server's URL, host:port, and whether it says that TLS is to be used.
func parseURL(raw string) (address string, secure, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > 512 || u.Scheme != "nats" && u.Scheme != "tls" || u.User != nil || u.Path != "" && u.Path != "/" ||
		strings.ContainsAny(raw, "?#,%") || u.Hostname() == "" || !printable(u.Host) {
		return "", false, false
	}
	port := u.Port()
	if port == "" {
		port = "4222"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return net.JoinHostPort(u.Hostname(), port), u.Scheme == "tls", err == nil && n > 0 && !strings.HasSuffix(u.Host, ":")
}

// isSubject reports whether s is a subject to publish to.
func isSubject(s string) bool {
	if len(s) > maxSubject || !printable(s) {
		return false
	}
	for name := range strings.SplitSeq(s, ".") {
		if name == "" || name == "*" || name == ">" {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
