package httpcall

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/eventgateway/eventgateway/providers/egress"
)

// Transport returns the one pool of connections to HTTP functions under a guard, so that functions on one host share them and
// a configuration reload keeps them. A nil guard has the default policy.
func Transport(guard *egress.Guard) http.RoundTripper {
	return guard.Transport("http", func(dial egress.DialFunc) *http.Transport { return NewTransport(dial, nil) })
}

// NewTransport returns a transport for calls of functions, over connections that dial makes. settings are the TLS settings,
// nil for the system's. What has settings of its own, such as a client certificate, hands this to its guard under a name of
// its own.
func NewTransport(dial egress.DialFunc, settings *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dial,
		TLSClientConfig:     settings,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		// A dead HTTP/2 connection fails its calls soon instead of each at its own timeout.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
		// The event's bytes go out as they are, and the answer is passed on as it comes.
		DisableCompression: true,

		// Enough to keep the connections of a busy host: a pool smaller than the number of parallel calls closes and dials
		// on every one of them.
		MaxIdleConns:        8192,
		MaxIdleConnsPerHost: 1024,
		// Shorter than the 5 seconds after which common servers (Node.js first among them) close an idle connection: a
		// request that crosses that close on the wire may or may not have been processed, so a POST can only fail.
		IdleConnTimeout: 4 * time.Second,

		MaxResponseHeaderBytes: 256 << 10,
		WriteBufferSize:        16 << 10,
		ReadBufferSize:         8 << 10,
	}
}
