package jetstream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/eventgateway/eventgateway"
)

// access says how a NATS cluster is reached, with placeholders expanded.
type access struct {
	urls []string
	// credentials is a file with a user's JWT and key.
	credentials               string
	username, password, token string
	// tls is nil when the URLs alone say whether the connection is secured, with the system's authorities.
	tls *TLS
}

// TLS is how a NATS cluster is trusted, and how this gateway shows who it is. Placeholders are expanded.
type TLS struct {
	// The PEM file with the certificate authorities of the cluster. Default: the system's.
	CA string `json:"ca,omitempty"`

	// The PEM file with the client certificate. Default: none is shown.
	Cert string `json:"cert,omitempty"`

	// The PEM file with the client certificate's key.
	Key string `json:"key,omitempty"`

	// The name expected in the cluster's certificates. Default: the server's host.
	ServerName string `json:"server_name,omitempty"`
}

// normalize checks a and returns it with every URL in one form.
func (a access) normalize() (access, error) {
	if len(a.urls) == 0 {
		return a, eventgateway.InvalidField("urls", "", "at least one URL such as nats://nats-1:4222")
	}
	urls := make([]string, len(a.urls))
	for i, raw := range a.urls {
		var err error
		if urls[i], err = normalizeURL(raw); err != nil {
			return a, err
		}
	}
	a.urls = urls
	if (a.username == "") != (a.password == "") {
		return a, eventgateway.Errorf(eventgateway.Invalid, "username and password go together: want both or neither")
	}
	logins := 0
	for _, login := range []string{a.credentials, a.username, a.token} {
		if login != "" {
			logins++
		}
	}
	if logins > 1 {
		return a, eventgateway.Errorf(eventgateway.Invalid,
			"credentials, username with password, and token exclude each other: want one of them, or none")
	}
	if a.tls != nil && (a.tls.Cert == "") != (a.tls.Key == "") {
		return a, eventgateway.Errorf(eventgateway.Invalid, "tls: cert and key go together: want both or neither")
	}
	return a, nil
}

// normalizeURL returns a server's address as a URL. Its error never repeats a login put into one by mistake.
func normalizeURL(raw string) (string, error) {
	invalid := func() error {
		return eventgateway.InvalidField("urls", raw, "a URL such as nats://nats-1:4222 or tls://nats-1:4222, or host:port")
	}
	if strings.Contains(raw, "@") {
		return "", eventgateway.Errorf(eventgateway.Invalid,
			"urls: a login does not belong in a URL: want it as credentials, username and password, or token")
	}
	full := strings.TrimSpace(raw)
	if !strings.Contains(full, "://") {
		full = "nats://" + full
	}
	u, err := url.Parse(full)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", invalid()
	}
	if u.Scheme != "nats" && u.Scheme != "tls" {
		return "", invalid()
	}
	port := u.Port()
	if port == "" {
		port = strconv.Itoa(nats.DefaultPort)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", invalid()
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port), nil
}

// identity names the cluster, and what of the access cannot change while there is a connection.
func (a access) identity() string {
	if n, err := a.normalize(); err == nil {
		a = n
	}
	urls := slices.Clone(a.urls)
	slices.Sort(urls)
	login := "none"
	switch {
	case a.credentials != "":
		login = "credentials"
	case a.username != "":
		login = "username"
	case a.token != "":
		login = "token"
	}
	secure := "by url"
	if a.tls != nil {
		secure = strconv.Quote(a.tls.ServerName)
	}
	return fmt.Sprintf("%s login=%s tls=%s", strings.Join(slices.Compact(urls), ","), login, secure)
}

// check reads the files, so that a mistake shows at once.
func (a access) check() error {
	if a.credentials != "" {
		if _, err := a.jwt(); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		if _, err := a.sign(nil); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
	}
	if _, err := a.tls.roots(); err != nil {
		return err
	}
	_, err := a.tls.certificate()
	return err
}

// jwt reads the user's JWT from the credentials.
func (a access) jwt() (string, error) {
	var o nats.Options
	if err := nats.UserCredentials(a.credentials)(&o); err != nil {
		return "", err
	}
	return o.UserJWT()
}

// sign signs what a server sent with the key of the credentials.
func (a access) sign(nonce []byte) ([]byte, error) {
	var o nats.Options
	if err := nats.UserCredentials(a.credentials)(&o); err != nil {
		return nil, err
	}
	return o.SignatureCB(nonce)
}

// roots returns who is trusted; nil for the system's.
func (t *TLS) roots() (*x509.CertPool, error) {
	if t == nil || t.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("tls.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.ca: %s: no PEM certificate in it", t.CA)
	}
	return pool, nil
}

// certificate returns the one the gateway shows; an empty one is none.
func (t *TLS) certificate() (tls.Certificate, error) {
	if t == nil || t.Cert == "" {
		return tls.Certificate{}, nil
	}
	cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return cert, fmt.Errorf("tls.cert and tls.key: %w", err)
	}
	return cert, nil
}
