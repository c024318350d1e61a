package jetstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// dialTimeout bounds one attempt to connect to one server.
	dialTimeout = 3 * time.Second
	// pingInterval is how often a connection is tried; after two pings without an answer it counts as broken.
	pingInterval = 3 * time.Second
	// reconnectMin and reconnectMax bound the pause after all servers were tried in vain.
	reconnectMin = 100 * time.Millisecond
	reconnectMax = 2 * time.Second
)

// options returns what a connection is made with. Logins and certificates are asked of current for every attempt, so
// that a connection that breaks comes back with those that hold then; their kinds are those of a.
func (a access) options(current func() access) []nats.Option {
	opts := []nats.Option{
		nats.Name("event-gateway"),
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			pause := min(reconnectMin<<min(attempts, 10), reconnectMax)
			return pause/2 + rand.N(pause/2)
		}),
		// What cannot be sent now is refused now.
		nats.ReconnectBufSize(-1),
		nats.PermissionErrOnSubscribe(true),
		func(o *nats.Options) error {
			o.Servers, o.ReconnectOnFlusherError = a.urls, true
			return nil
		},
	}
	switch {
	case a.credentials != "":
		opts = append(opts, nats.UserJWT(
			func() (string, error) { return current().jwt() },
			func(nonce []byte) ([]byte, error) { return current().sign(nonce) },
		))
	case a.username != "":
		opts = append(opts, nats.UserInfoHandler(func() (string, string) {
			now := current()
			return now.username, now.password
		}))
	case a.token != "":
		opts = append(opts, nats.TokenHandler(func() string { return current().token }))
	}
	if a.tls != nil {
		opts = append(opts, func(o *nats.Options) error {
			o.Secure = true
			o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.tls.ServerName}
			o.RootCAsCB = func() (*x509.CertPool, error) { return current().tls.roots() }
			o.TLSCertCB = func() (tls.Certificate, error) { return current().tls.certificate() }
			return nil
		})
	}
	return opts
}

// plain says in plain words what keeps the log from NATS. No error of the client holds a login.
func plain(err error) string {
	var timeout net.Error
	switch {
	case err == nil:
		return ""
	case refusesLogin(err):
		return "NATS refuses the login: " + strings.TrimPrefix(err.Error(), "nats: ")
	case errors.Is(err, nats.ErrPermissionViolation):
		return "NATS denies a permission: " + strings.TrimPrefix(err.Error(), nats.ErrPermissionViolation.Error()+": ")
	case errors.Is(err, nats.ErrNoServers):
		return "NATS is out of reach: no server answers"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, nats.ErrTimeout):
		return "NATS did not answer in time"
	case errors.Is(err, nats.ErrNoResponders):
		return "JetStream does not answer: it is not enabled, has no leader at the moment, or a stream was removed"
	}
	message := strings.TrimPrefix(err.Error(), "nats: ")
	if unreachable := (*net.OpError)(nil); errors.As(err, &unreachable) {
		return "NATS is out of reach: " + message
	}
	return message
}

func refusesLogin(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAccountAuthExpired)
}
