package etcdstore

import (
	"crypto/tls"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
)

// DefaultPrefix is put before every key when Config names no other.
const DefaultPrefix = "/event-gateway/v1"

const defaultDialTimeout = 5 * time.Second

// Config says which etcd.
type Config struct {
	// Endpoints are the addresses of an etcd cluster's members: URLs with the scheme http, https, unix or unixs, or host:port.
	// Empty: a single-node server runs inside this process.
	Endpoints []string
	// Prefix is put before every key. Gateways with the same cluster and prefix share what they hold. Default: DefaultPrefix.
	Prefix string
	// Username and Password log in to a cluster with authentication. Default: none.
	Username, Password string
	// TLS secures the connection to a cluster. Nil: as the endpoints' schemes say, with the system's roots.
	TLS *tls.Config
	// DataDir is where the embedded server keeps its data, or where the last state of a cluster is saved. Required.
	DataDir string
	// DialTimeout bounds one attempt to connect. Default: 5s.
	DialTimeout time.Duration
}

// Identity names what a configuration points to, however it is reached: two configurations with one identity mean the same
// resources. The order of endpoints does not matter.
func (c Config) Identity() string {
	if n, err := c.normalize(); err == nil {
		c = n
	}
	if c.embedded() {
		return "embedded " + c.DataDir + " " + c.Prefix
	}
	endpoints := slices.Clone(c.Endpoints)
	slices.Sort(endpoints)
	return strings.Join(slices.Compact(endpoints), ",") + " " + c.Prefix
}

// Validate reports what of a configuration can never work. It does no I/O.
func (c Config) Validate() error {
	_, err := c.normalize()
	return err
}

func (c Config) embedded() bool { return len(c.Endpoints) == 0 }

// normalize checks c and returns it with defaults filled in and every address and path in one form.
func (c Config) normalize() (Config, error) {
	if c.DataDir == "" {
		return c, eventgateway.InvalidField("data directory", "", "the path of a directory")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, eventgateway.Errorf(eventgateway.Invalid, "data directory: %w", err)
	}
	c.DataDir = dir
	if c.Prefix, err = normalizePrefix(c.Prefix); err != nil {
		return c, err
	}
	if c.DialTimeout < 0 {
		return c, eventgateway.InvalidField("dial timeout", c.DialTimeout.String(), "a positive duration")
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = defaultDialTimeout
	}
	if c.embedded() {
		if c.Username != "" || c.Password != "" || c.TLS != nil {
			return c, eventgateway.Errorf(eventgateway.Invalid,
				"etcd: username, password and tls are only for a cluster: want endpoints beside them")
		}
		return c, nil
	}
	if (c.Username == "") != (c.Password == "") {
		return c, eventgateway.Errorf(eventgateway.Invalid, "etcd: username and password go together: want both or neither")
	}
	endpoints := make([]string, len(c.Endpoints))
	for i, endpoint := range c.Endpoints {
		if endpoints[i], err = normalizeEndpoint(endpoint, c.TLS != nil); err != nil {
			return c, err
		}
		if secure(endpoints[i]) != secure(endpoints[0]) {
			return c, eventgateway.Errorf(eventgateway.Invalid, "etcd endpoints: some use TLS and some do not: want the same for all")
		}
	}
	c.Endpoints = endpoints
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
	}
	return c, nil
}

// normalizeEndpoint returns an endpoint as a URL. Its error never repeats credentials put into one by mistake.
func normalizeEndpoint(endpoint string, withTLS bool) (string, error) {
	const accepted = "a URL such as https://etcd-1:2379, unix:///run/etcd.sock, or host:port"
	invalid := func() error { return eventgateway.InvalidField("etcd endpoint", endpoint, accepted) }
	if strings.Contains(endpoint, "@") {
		return "", eventgateway.Errorf(eventgateway.Invalid,
			"etcd endpoint: credentials do not belong in an endpoint: want them as username and password")
	}
	raw := strings.TrimSpace(endpoint)
	if !strings.Contains(raw, "://") && !strings.HasPrefix(raw, "unix") {
		raw = map[bool]string{false: "http://", true: "https://"}[withTLS] + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", invalid()
	}
	switch u.Scheme {
	case "unix", "unixs":
		path := u.Opaque + u.Host + u.Path
		if path == "" {
			return "", invalid()
		}
		if strings.HasPrefix(path, "/") {
			return u.Scheme + "://" + path, nil
		}
		return u.Scheme + ":" + path, nil
	case "http", "https":
	default:
		return "", invalid()
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return "", invalid()
	}
	if u.Scheme == "http" && withTLS {
		return "", eventgateway.InvalidField("etcd endpoint", endpoint, "an https URL, as TLS is configured")
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), u.Port()), nil
}

func secure(endpoint string) bool {
	return strings.HasPrefix(endpoint, "https:") || strings.HasPrefix(endpoint, "unixs:")
}

// sameAccess reports whether a and b reach a cluster in the same way, so that a connection made for one serves the other.
func sameAccess(a, b Config) bool {
	return a.Username == b.Username && a.Password == b.Password && a.DialTimeout == b.DialTimeout &&
		slices.Equal(a.Endpoints, b.Endpoints) && sameTLS(a.TLS, b.TLS)
}

// sameTLS compares what can be compared. Functions cannot: configurations with any are different.
func sameTLS(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	for _, c := range []*tls.Config{a, b} {
		if c.GetClientCertificate != nil || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil {
			return false
		}
	}
	if (a.RootCAs == nil) != (b.RootCAs == nil) || a.RootCAs != nil && !a.RootCAs.Equal(b.RootCAs) {
		return false
	}
	sameCert := func(x, y tls.Certificate) bool {
		return slices.EqualFunc(x.Certificate, y.Certificate, slices.Equal[[]byte])
	}
	return a.ServerName == b.ServerName && a.InsecureSkipVerify == b.InsecureSkipVerify &&
		a.MinVersion == b.MinVersion && a.MaxVersion == b.MaxVersion && slices.Equal(a.CipherSuites, b.CipherSuites) &&
		slices.EqualFunc(a.Certificates, b.Certificates, sameCert)
}
