package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/kafkatest"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

// expect checks a failure, and that it shows no credential and no payload.
func expect(t *testing.T, e *providers.Error, failure providers.Failure, permanent bool, message string) {
	t.Helper()
	if e.Failure != failure || e.Permanent != permanent || !strings.Contains(e.Message, message) {
		t.Errorf("got %s, permanent %t: %v; want %s, %t: %s", e.Failure, e.Permanent, e, failure, permanent, message)
	}
	for _, private := range []string{"s3cret", "m4rker"} {
		if strings.Contains(fmt.Sprint(e.Message, e.Err), private) {
			t.Errorf("the error shows %s: %v, %v", private, e, e.Err)
		}
	}
}

func TestRefusals(t *testing.T) {
	open := kafkatest.Start(t, "orders", "breaking")
	guarded := kafkatest.Start(t, "-mechanism", "SCRAM-SHA-256", "orders")
	user := func(mechanism, name, password string) string {
		return fmt.Sprintf(`,"sasl":{"mechanism":%q,"username":%q,"password":%q}`, mechanism, name, password)
	}
	gone := providertest.Listen(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<10)) })
	garbage := providertest.Listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte(strings.Repeat("HTTP/1.1 400 s3cret\r\n", 10))) })
	for name, test := range map[string]struct {
		address, fields string
		payload         int
		failure         providers.Failure
		permanent       bool
		message         string
	}{
		"no such topic": {open.Address, `"topic":"missing"`, 0, providers.Unreachable, false, "there is no topic missing"},
		"larger than the topic takes": {
			open.Address, `"topic":"orders"`, 600_000, providers.FunctionFailed, true, "larger than topic orders takes",
		},
		"larger than a batch": {
			open.Address, `"topic":"orders"`, 1_000_100, providers.FunctionFailed, true, "want at most 1000012",
		},
		"connection ended": {open.Address, `"topic":"breaking"`, 0, providers.BadAnswer, false, "closed the connection"},
		"wrong password": {
			guarded.Address, `"topic":"orders"` + user("SCRAM-SHA-256", "writer", "wrong-s3cret"), 0, providers.Unreachable, false,
			"check provider.sasl",
		},
		"wrong mechanism": {
			guarded.Address, `"topic":"orders"` + user("PLAIN", "writer", "writer-s3cret"), 0, providers.Unreachable, false,
			"provider.sasl",
		},
		"no credentials": {guarded.Address, `"topic":"orders"`, 0, providers.Unreachable, false, "provider.sasl"},
		"not allowed": {
			guarded.Address, `"topic":"orders"` + user("SCRAM-SHA-256", "nobody", "nobody-s3cret"), 0, providers.Unreachable, false,
			"Describe and Write on topic orders",
		},
		"closes at once":    {gone, `"topic":"orders"`, 0, providers.Unreachable, false, "closes connections at once"},
		"another protocol":  {garbage, `"topic":"orders"`, 0, providers.BadAnswer, false, "or answered with something else"},
		"no TLS there":      {garbage, `"topic":"orders","tls":{"enabled":true}`, 0, providers.Unreachable, false, "does not speak TLS"},
		"no such host":      {"kafka.invalid:9092", `"topic":"orders"`, 0, providers.Unreachable, false, "no such host"},
		"not to be reached": {"169.254.169.254:9092", `"topic":"orders"`, 0, providers.Unreachable, false, "link-local"},
		"nobody is there":   {unused(t), `"topic":"orders"`, 0, providers.Unreachable, false, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			c := call()
			c.Payload = append(c.Payload, make([]byte, test.payload)...)
			h := function(t, test.address, test.fields)
			expect(t, fail(t, h, c), test.failure, test.permanent, test.message)
			expect(t, fail(t, h, c), test.failure, test.permanent, test.message)
		})
	}
}

// unused returns an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestLogins(t *testing.T) {
	certs := newCertificates(t)
	quoted, _ := json.Marshal(certs.ca)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			broker := kafkatest.Start(t, "-mechanism", mechanism, "-certificate", certs.certFile, "-key", certs.keyFile, "orders")
			fields := fmt.Sprintf(`"topic":"orders","sasl":{"mechanism":%q,"username":"writer","password":"writer-s3cret"},"tls":`, mechanism)
			write(t, function(t, broker.Address, fields+fmt.Sprintf(`{"enabled":true,"ca":%s}`, quoted)), call())
			expect(t, fail(t, function(t, broker.Address, fields+`{"enabled":true}`), call()),
				providers.Unreachable, false, "unknown authority")
			expect(t, fail(t, function(t, broker.Address, fields+fmt.Sprintf(`{"enabled":true,"ca":%s,"serverName":"kafka.example.com"}`, quoted)), call()),
				providers.Unreachable, false, "another host")
		})
	}
}

func TestBrokerStops(t *testing.T) {
	broker := kafkatest.Start(t, "orders")
	h := function(t, broker.Address, `"topic":"orders"`)
	write(t, h, call())
	broker.Stop()
	expect(t, fail(t, h, call()), providers.Unreachable, false, "cannot reach Kafka at "+broker.Address+": connection refused")
	expect(t, fail(t, h, call()), providers.Unreachable, false, "cannot reach Kafka at "+broker.Address+": connection refused")
}

// A call whose record is not acknowledged ends when its caller wants it to.
func TestHanging(t *testing.T) {
	broker := kafkatest.Start(t, "hanging")
	h := function(t, broker.Address, `"topic":"hanging"`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := h.Invoke(ctx, call())
	if failure := providers.FailureOf(err); failure != providers.TimedOut {
		t.Errorf("got %s: %v", failure, err)
	}
}
