package httpprovider

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// ClientCertificate is what the gateway shows who it is with in a TLS connection, and whose word it takes for who the function is.
type ClientCertificate struct {
	// Certificate is the gateway's, followed by those that lead to its authority, and Key its private key, in PEM form. Both, or
	// neither where CA is given.
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
	// CA has the certificates of the authorities that may have signed the function's, in PEM form. Default: those that the system
	// trusts.
	CA string `json:"ca,omitempty"`
}

// maxPEM bounds each of the fields in bytes.
const maxPEM = 256 << 10

// validate shows nothing of certificates and keys: people confuse them.
func (c *ClientCertificate) validate(scheme string) error {
	switch {
	case scheme != "https":
		return refuse("clientCertificate: not accepted beside an http URL: want an https one")
	case c.Certificate == "" && c.Key == "" && c.CA == "":
		return refuse("clientCertificate.certificate: missing: want a certificate in PEM form")
	case c.Certificate == "" && c.Key != "":
		return refuse("clientCertificate.certificate: missing: want the certificate of the key, in PEM form")
	case c.Certificate != "" && c.Key == "":
		return refuse("clientCertificate.key: missing: want the private key of the certificate, in PEM form")
	case len(c.Certificate) > maxPEM || len(c.Key) > maxPEM || len(c.CA) > maxPEM:
		return refuse("clientCertificate: not accepted: want at most 256 KiB in each of its fields")
	}
	_, err := c.config()
	return err
}

// config returns the TLS settings.
func (c *ClientCertificate) config() (*tls.Config, error) {
	config := new(tls.Config)
	if c.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key))
		if err != nil {
			return nil, refuse("clientCertificate.certificate: not accepted: want a certificate in PEM form, and its private key in clientCertificate.key")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if c.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, refuse("clientCertificate.ca: not accepted: want certificates in PEM form")
		}
	}
	return config, nil
}

// transport returns the pool of connections of all functions with these settings. It is to be released.
func (c *ClientCertificate) transport(guard *egress.Guard) (transport http.RoundTripper, release func(), err error) {
	config, err := c.config()
	if err != nil {
		return nil, nil, err
	}
	fields, err := json.Marshal(c)
	if err != nil {
		return nil, nil, err
	}
	digest := sha256.Sum256(fields)
	transport, release = guard.Lease("http with certificate "+hex.EncodeToString(digest[:]), func(dial egress.DialFunc) *http.Transport {
		return httpcall.NewTransport(dial, config.Clone())
	})
	return transport, release, nil
}
