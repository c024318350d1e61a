package natsprovider

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"time"
)

// dialer makes the network's part of a connection, with TLS, so that it goes where functions may be, and that a server can
// neither talk the gateway out of TLS nor make it take memory for a message of any size.
type dialer struct {
	client *client
	// err is why the last server was of no use.
	err error
}

var (
	errNoTLS     = errors.New("the server does not offer TLS")
	errNoInfo    = errors.New("the server does not speak NATS")
	errHandshake = errors.New("TLS handshake timeout") // as providers.NetworkError knows it
)

// SkipTLSHandshake tells the library that connections have TLS already where they are to have it.
func (*dialer) SkipTLSHandshake() bool { return true }

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.dial(network, address)
	d.err = err
	return conn, err
}

func (d *dialer) dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.client.life, 3*step)
	defer cancel()
	conn, err := d.client.settings.guard.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	info, err := readInfo(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	conn, err = d.secure(ctx, conn, address, info)
	if err != nil {
		return nil, err
	}
	return &limitedConn{Conn: conn, first: info}, nil
}

// readInfo reads the line that a server begins with, and what comes with it.
func readInfo(ctx context.Context, conn net.Conn) ([]byte, error) {
	const maxInfo = 256 << 10
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.SetReadDeadline(time.Now().Add(step))
	info, buffer := []byte(nil), make([]byte, 4<<10)
	for !bytes.Contains(info, []byte("\n")) {
		n, err := conn.Read(buffer)
		info = append(info, buffer[:n]...)
		switch {
		case len(info) > maxInfo, n > 0 && !bytes.HasPrefix(info, []byte("INFO ")[:min(5, len(info))]):
			return nil, errNoInfo
		case err != nil:
			return nil, err
		}
	}
	return info, conn.SetReadDeadline(time.Time{})
}

// secure begins TLS on conn where a URL, the settings or the server wants it.
func (d *dialer) secure(ctx context.Context, conn net.Conn, address string, info []byte) (net.Conn, error) {
	var server struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	line, rest, _ := bytes.Cut(info, []byte("\n"))
	if err := json.Unmarshal(bytes.TrimPrefix(line, []byte("INFO ")), &server); err != nil {
		_ = conn.Close()
		return nil, errNoInfo
	}
	settings := d.client.settings.tls
	settings.Enabled = settings.Enabled || server.Required || d.wantsTLS(address)
	host, _, _ := net.SplitHostPort(address)
	config := settings.Config(host)
	switch {
	case config == nil:
		return conn, nil
	case !server.Required && !server.Available:
		_ = conn.Close()
		return nil, errNoTLS
	case len(rest) > 0:
		_ = conn.Close()
		return nil, errNoInfo
	}
	handshake, cancel := context.WithTimeout(ctx, step)
	defer cancel()
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(handshake); err != nil {
		_ = conn.Close()
		if handshake.Err() != nil && d.client.life.Err() == nil {
			err = errHandshake
		}
		return nil, err
	}
	return secured, nil
}

// wantsTLS reports whether the server's URL does.
func (d *dialer) wantsTLS(address string) bool {
	for raw := range strings.SplitSeq(d.client.settings.urls, ",") {
		if at, secure, _ := parseURL(raw); at == address {
			return secure
		}
	}
	return true
}
