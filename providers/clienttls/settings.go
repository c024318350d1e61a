// Package clienttls is the TLS settings among the fields of a provider whose protocol is not HTTP: whom to trust, and what the
// gateway shows who it is with.
package clienttls

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// Settings are the fields. A nil one is no TLS. Equal settings compare equal.
type Settings struct {
	// Enabled makes connections use TLS. It is required where another field is set. Default: false.
	Enabled bool `json:"enabled,omitempty"`
	// CA holds the certificates to trust, in PEM form. Default: those that the system trusts.
	CA string `json:"ca,omitempty"`
	// Certificate and Key are the gateway's own certificate, with what leads to its authority, and its private key, in PEM form;
	// both or neither.
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
	// ServerName is the name that the other side's certificate has to be for. Default: the host that is connected to.
	ServerName string `json:"serverName,omitempty"`
}

// maxPEM bounds each field in bytes.
const maxPEM = 256 << 10

// Validate reports the first wrong field, as field.ca and so on. It shows nothing of certificates and keys: people swap them.
func (s *Settings) Validate(field string) error {
	if s == nil {
		return nil
	}
	switch {
	case !s.Enabled && *s != Settings{}:
		return eventgateway.Errorf(eventgateway.Invalid, "%s.enabled: missing: want true where another field of %s is set", field, field)
	case s.Certificate != "" && s.Key == "":
		return eventgateway.Errorf(eventgateway.Invalid, "%s.key: missing: want it beside %s.certificate, or neither", field, field)
	case s.Certificate == "" && s.Key != "":
		return eventgateway.Errorf(eventgateway.Invalid, "%s.certificate: missing: want it beside %s.key, or neither", field, field)
	case len(s.CA) > maxPEM || s.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.CA)):
		return eventgateway.Errorf(eventgateway.Invalid, "%s.ca: not accepted: want certificates in PEM form, at most 256 KiB", field)
	case len(s.ServerName) > 253 || strings.ContainsAny(s.ServerName, " :/@\t\r\n"):
		return eventgateway.InvalidField(field+".serverName", s.ServerName, "a host name without a port")
	}
	if s.Certificate == "" {
		return nil
	}
	if _, err := tls.X509KeyPair([]byte(s.Certificate), []byte(s.Key)); err != nil || len(s.Certificate)+len(s.Key) > maxPEM {
		return eventgateway.Errorf(eventgateway.Invalid,
			"%s.certificate: not accepted: want a certificate in PEM form, and in %s.key its private key; together at most 256 KiB", field, field)
	}
	return nil
}

// EachSecret is for a provider's own; the private key is the one credential, by the name field.key.
func (s *Settings) EachSecret(field string, visit func(name, value string) string) {
	if s != nil && s.Key != "" {
		s.Key = visit(field+".key", s.Key)
	}
}

// Config returns what crypto/tls makes of valid settings, for connections to host; nil when they are not enabled.
func (s *Settings) Config(host string) *tls.Config {
	if s == nil || !s.Enabled {
		return nil
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.ServerName != "" {
		config.ServerName = s.ServerName
	}
	if s.CA != "" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM([]byte(s.CA))
	}
	if pair, err := tls.X509KeyPair([]byte(s.Certificate), []byte(s.Key)); err == nil {
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// UnmarshalCaddyfile sets the fields from Caddyfile tokens, the dispenser being at the option that they belong to, and enables
// them:
//
//	tls {
//	    ca          <pem>
//	    certificate <pem>
//	    key         <pem>
//	    server_name <name>
//	}
func (s *Settings) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	s.Enabled = true
	return caddyblock.Read(d, "tls",
		caddyblock.String("ca", &s.CA),
		caddyblock.String("certificate", &s.Certificate),
		caddyblock.String("key", &s.Key),
		caddyblock.String("server_name", &s.ServerName),
	)
}
