package natsprovider

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/providertest"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

func seedOf(t *testing.T, key nkeys.KeyPair, err error) (seed, public string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = key.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return string(text), public
}

func newUser(t *testing.T) (seed, public string) {
	t.Helper()
	key, err := nkeys.CreateUser()
	return seedOf(t, key, err)
}

func TestLogins(t *testing.T) {
	seed, public := newUser(t)
	otherSeed, _ := newUser(t)
	const refused = "does not accept the credentials"
	for name, test := range map[string]struct{ config, right, wrong string }{
		"token": {`authorization { token: "token-s3cret" }`, `"token":"token-s3cret"`, `"token":"wrong-s3cret"`},
		"password": {
			`authorization { user: u, password: "password-s3cret" }`, `"user":"u","password":"password-s3cret"`,
			`"user":"u","password":"wrong-s3cret"`,
		},
		"nkey": {`authorization { users: [{ nkey: ` + public + ` }] }`, `"nkeySeed":"` + seed + `"`, `"nkeySeed":"` + otherSeed + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.config)
			send(t, function(t, address(s), `"subject":"a",`+test.right), call())
			expect(t, fail(t, function(t, address(s), `"subject":"a",`+test.wrong), call()), providers.Unreachable, false, refused)
			expect(t, fail(t, function(t, address(s), `"subject":"a"`), call()), providers.Unreachable, false, refused)
		})
	}
}

// creds writes a .creds file for a user of the account that key signs for.
func creds(t *testing.T, key nkeys.KeyPair, expires time.Time) string {
	t.Helper()
	seed, public := newUser(t)
	claims := jwt.NewUserClaims(public)
	if !expires.IsZero() {
		claims.Expires = expires.Unix()
	}
	token, err := claims.Encode(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(token, []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCredentials(t *testing.T) {
	operator, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	_, operatorKey := seedOf(t, operator, err)
	account, err := nkeys.CreateAccount()
	_, accountKey := seedOf(t, account, err)
	claims := jwt.NewAccountClaims(accountKey)
	token, err := claims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	resolver := new(server.MemAccResolver)
	if err := resolver.Store(accountKey, token); err != nil {
		t.Fatal(err)
	}
	s := run(t, &server.Options{
		Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, AccountResolver: resolver, TrustedKeys: []string{operatorKey},
	})
	send(t, function(t, address(s), `"subject":"a","credentials":`+quote(creds(t, account, time.Time{}))), call())
	expect(t, fail(t, function(t, address(s), `"subject":"a","credentials":`+quote(creds(t, account, time.Now().Add(-time.Hour)))), call()),
		providers.Unreachable, false, "check provider.credentials")
	stranger, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, fail(t, function(t, address(s), `"subject":"a","credentials":`+quote(creds(t, stranger, time.Time{}))), call()),
		providers.Unreachable, false, "does not accept the credentials")
}

// What a user may not do is told, each time, and to no other caller on the connection.
func TestPermissions(t *testing.T) {
	s := serve(t, `jetstream {}
		authorization { users: [
			{ user: u, password: "password-s3cret", permissions: { publish: ["allowed"], subscribe: ["_INBOX.>"] } },
			{ user: deaf, password: "password-s3cret", permissions: { publish: [">"], subscribe: ["nothing"] } } ] }`)
	const login = `,"user":"u","password":"password-s3cret"`
	allowed := function(t, address(s), `"subject":"allowed"`+login)
	for _, mode := range []string{``, `,"jetStream":true`, `,"request":true`} {
		denied := function(t, address(s), `"subject":"denied"`+login+mode)
		for range 3 {
			expect(t, fail(t, denied, call()), providers.Unreachable, false, "needs the permission to publish to subject denied")
			send(t, allowed, call())
		}
	}
	h := function(t, address(s), `"subject":"allowed","request":true,"user":"deaf","password":"password-s3cret"`)
	expect(t, fail(t, h, call()), providers.Unreachable, false, "needs the permission to subscribe to _INBOX.>")
}

func TestTLS(t *testing.T) {
	certs := newCertificates(t)
	tls := fmt.Sprintf(`tls { cert_file: %q, key_file: %q }`, certs.certFile, certs.keyFile)
	required, none := serve(t, tls), serve(t, "")
	both := serve(t, "allow_non_tls: true\n"+tls)
	mutual := serve(t, fmt.Sprintf(`tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }`, certs.certFile, certs.keyFile, certs.caFile))
	trusted := `"subject":"a","tls":{"enabled":true,"ca":` + quote(certs.ca)
	pair := `,"certificate":` + quote(certs.certificate) + `,"key":` + quote(certs.key)
	for name, test := range map[string]struct{ url, fields, want string }{
		"required":               {"nats://" + address(required), trusted + "}", ""},
		"by its URL":             {"tls://" + address(required), trusted + "}", ""},
		"offered":                {"nats://" + address(both), trusted + "}", ""},
		"not asked for":          {"nats://" + address(both), `"subject":"a"`, ""},
		"with a certificate":     {"nats://" + address(mutual), trusted + pair + "}", ""},
		"without one":            {"nats://" + address(mutual), trusted + "}", "cannot reach"},
		"unknown authority":      {"nats://" + address(required), `"subject":"a"`, "unknown authority"},
		"another name":           {"nats://" + address(required), trusted + `,"serverName":"nats.example.com"}`, "another host"},
		"not offered":            {"nats://" + address(none), trusted + "}", "does not offer TLS"},
		"not offered to its URL": {"tls://" + address(none), `"subject":"a"`, "does not offer TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			h := function(t, test.url, test.fields)
			if test.want == "" {
				send(t, h, call())
				return
			}
			expect(t, fail(t, h, call()), providers.Unreachable, false, test.want)
		})
	}
}

const info = `INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576}` + "\r\n"

// pong answers what the library begins with, and returns at the first message.
func pong(conn net.Conn) {
	_, _ = conn.Write([]byte(info))
	var said strings.Builder
	buffer := make([]byte, 32<<10)
	for !strings.Contains(said.String(), "PUB ") {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if said.Write(buffer[:n]); strings.Contains(string(buffer[:n]), "PING") {
			_, _ = conn.Write([]byte("PONG\r\n"))
		}
	}
}

// hang waits until the other side goes.
func hang(conn net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

func TestServers(t *testing.T) {
	writes := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Write([]byte(text))
			hang(conn)
		}
	}
	then := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			pong(conn)
			_, _ = conn.Write([]byte(text))
			hang(conn)
		}
	}
	gone := providertest.Listen(t, func(net.Conn) {})
	const subject = `"subject":"a","request":true`
	for name, test := range map[string]struct {
		address, fields string
		failure         providers.Failure
		message         string
	}{
		"no such host":        {"nats.invalid:4222", subject, providers.Unreachable, "no such host"},
		"not to be reached":   {"169.254.169.254:4222", subject, providers.Unreachable, "link-local"},
		"closes at once":      {gone, subject, providers.Unreachable, "ended the connection"},
		"another protocol":    {providertest.Listen(t, writes("HTTP/1.1 400 s3cret\r\n")), subject, providers.Unreachable, "does not speak NATS"},
		"malformed":           {providertest.Listen(t, writes("INFO s3cret\r\n")), subject, providers.Unreachable, "does not speak NATS"},
		"endless line":        {providertest.Listen(t, writes("INFO "+strings.Repeat("s3cret", 100_000))), subject, providers.Unreachable, "does not speak NATS"},
		"refuses in words":    {providertest.Listen(t, writes(info+"-ERR 's3cret'\r\n")), subject, providers.Unreachable, "cannot reach"},
		"closes at a message": {providertest.Listen(t, pong), subject, providers.BadAnswer, "closed the connection"},
		"large message":       {providertest.Listen(t, then("MSG _INBOX.a 1 99999999999\r\n")), subject, providers.BadAnswer, "closed the connection"},
		"large headers":       {providertest.Listen(t, then("hmsg\ta 1 5 99999999999\r\n")), subject, providers.BadAnswer, "closed the connection"},
		"endless command":     {providertest.Listen(t, then("MSG "+strings.Repeat("s3cret", 200_000))), subject, providers.BadAnswer, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			h := function(t, test.address, test.fields)
			for range 2 {
				expect(t, fail(t, h, call()), test.failure, false, test.message)
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		h := function(t, providertest.Listen(t, hang), subject)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := h.Invoke(ctx, call()); providers.FailureOf(err) != providers.TimedOut {
			t.Errorf("got error %v", err)
		}
	})
	t.Run("does not read", func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		h := function(t, providertest.Listen(t, func(conn net.Conn) {
			pong(conn)
			<-stop
		}), `"subject":"a"`)
		c := call()
		c.Payload = make([]byte, 900<<10)
		for range 20 { // more than the network's buffers hold
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, err := h.Invoke(ctx, c)
			cancel()
			// A slow machine may see the connection given up, after some seconds.
			if failure := providers.FailureOf(err); failure != providers.TimedOut && failure != providers.BadAnswer {
				t.Fatalf("got error %v", err)
			}
		}
	})
}

// A connection that is lost is made again by the next call.
func TestServerRestarts(t *testing.T) {
	options := &server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true}
	s := run(t, options)
	h := function(t, address(s), `"subject":"a"`)
	send(t, h, call())
	at := s.Addr().(*net.TCPAddr)
	s.Shutdown()
	s.WaitForShutdown()
	eventually(t, "the server is missed", func() bool {
		e := fail(t, h, call())
		return e.Failure == providers.Unreachable && strings.Contains(e.Message, "cannot reach NATS at "+at.String()+": connection refused")
	})
	again := *options
	again.Port = at.Port
	messages := subscribe(t, connect(t, run(t, &again)), "a")
	send(t, h, call())
	receive(t, messages)
}

// A request in flight ends with its connection, and not with its deadline.
func TestConnectionLost(t *testing.T) {
	s := serve(t, "")
	c := connect(t, s)
	answer(t, c, "a", func(*nats.Msg) *nats.Msg {
		go s.Shutdown()
		return nil
	})
	expect(t, fail(t, function(t, address(s), `"subject":"a","request":true`), call()), providers.BadAnswer, false, "closed the connection")
}
