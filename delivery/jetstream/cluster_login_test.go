package jetstream

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/integration/certtest"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

// logged has what is logged to a test's node.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// openLogged is openNode with what is logged, at every level.
func openLogged(t *testing.T, q *Queue) (*node, *logged) {
	t.Helper()
	logs := &logged{}
	env := testEnv(t, t.TempDir())
	env.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l, err := q.openClusterWith(env, longTTL)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{l, newSink()}
	t.Cleanup(func() { closeLog(t, l) })
	l.Start(n.sink)
	return n, logs
}

func TestLogins(t *testing.T) {
	ca := certtest.NewCA(t)
	cert, key := ca.Issue("server")
	clientCert, clientKey := ca.Issue("gateway")
	secured := &natstest.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File}
	creds, otherCreds, operator := operatorMode(t)
	for _, test := range []struct {
		name         string
		options      natstest.Options
		right, wrong Queue
		reason       string
	}{
		{
			"password",
			natstest.Options{Username: "gateway", Password: "right-secret"},
			Queue{Username: "gateway", Password: "right-secret"},
			Queue{Username: "gateway", Password: "wrong-secret"},
			"NATS refuses the login",
		},
		{
			"token",
			natstest.Options{Token: "right-secret"},
			Queue{Token: "right-secret"},
			Queue{Token: "wrong-secret"},
			"NATS refuses the login",
		},
		{
			"credentials",
			natstest.Options{Config: operator},
			Queue{Credentials: creds},
			Queue{Credentials: otherCreds},
			"NATS refuses the login",
		},
		{
			"certificate",
			natstest.Options{TLS: secured, Client: []nats.Option{nats.Secure(ca.ClientConfig("test"))}},
			Queue{TLS: &TLS{CA: ca.File, Cert: clientCert, Key: clientKey}},
			Queue{TLS: &TLS{CA: ca.File}},
			"certificate",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := natstest.Start(t, test.options)
			right, wrong := test.right, test.wrong
			right.URLs, wrong.URLs = c.URLs(), c.URLs()
			n, logs := openLogged(t, &wrong)
			eventually(t, "the reason", func() bool { return strings.Contains(n.Status().Error, test.reason) })
			if err := n.Append(t.Context(), works("x")); !errors.Is(err, delivery.ErrUnavailable) {
				t.Errorf("Append: %v", err)
			}
			if err := n.Reconfigure(&right); err != nil {
				t.Fatal(err)
			}
			awaitState(t, n.Log, "ready")
			append1(t, n.Log, newWork("a"))
			n.awaitIDs(t, "a")
			// Settings that do not work leave the connection that does, until others come that do.
			if err := n.Reconfigure(&wrong); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the trial fails", func() bool { return strings.Contains(logs.String(), "those before stay in use") })
			append1(t, n.Log, newWork("b"))
			again := right
			again.MaxBytes = 1 << 24
			if err := n.Reconfigure(&again); err != nil {
				t.Fatal(err)
			}
			append1(t, n.Log, newWork("c"))
			n.awaitIDs(t, "a", "b", "c")
			if bytes := workInfo(t, n.Log).Config.MaxBytes; bytes != 1<<24 {
				t.Errorf("the stream has %d bytes", bytes)
			}
			c.Kill()
			awaitState(t, n.Log, "unavailable")
			c.Restart()
			awaitState(t, n.Log, "ready")
			if strings.Contains(logs.String(), "secret") || strings.Contains(n.Status().Error, "secret") {
				t.Errorf("a login is in the log:\n%s", logs)
			}
		})
	}
}

// operatorMode returns a configuration for a server whose users have JWTs, the credentials of a user, and those of one
// that it does not know.
func operatorMode(t *testing.T) (creds, other, config string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pair := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		kp, err := create()
		must(err)
		public, err := kp.PublicKey()
		must(err)
		return kp, public
	}
	operator, operatorKey := pair(nkeys.CreateOperator)
	_, systemKey := pair(nkeys.CreateAccount)
	operatorJWT, err := jwt.NewOperatorClaims(operatorKey).Encode(operator)
	must(err)
	systemJWT, err := jwt.NewAccountClaims(systemKey).Encode(operator)
	must(err)
	account, accountKey := pair(nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(accountKey)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	accountJWT, err := claims.Encode(operator)
	must(err)
	user := func(signer nkeys.KeyPair, name string) string {
		kp, key := pair(nkeys.CreateUser)
		token, err := jwt.NewUserClaims(key).Encode(signer)
		must(err)
		seed, err := kp.Seed()
		must(err)
		data, err := jwt.FormatUserConfig(token, seed)
		must(err)
		file := filepath.Join(t.TempDir(), name)
		must(os.WriteFile(file, data, 0o600))
		return file
	}
	stranger, _ := pair(nkeys.CreateAccount)
	config = fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: {\n%s: %s\n%s: %s\n}\n",
		operatorJWT, systemKey, systemKey, systemJWT, accountKey, accountJWT)
	return user(account, "user.creds"), user(stranger, "other.creds"), config
}
