package jetstream

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

func TestCaddyfile(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "jetstream", `{}`},
		{"embedded", `jetstream {
			sync             always
			max_bytes        20GiB
			max_deliveries   5000
			max_memory       64MiB
			max_per_function 100
			reserve          1GiB
			dead_letters {
				max_age   2d
				max_bytes 8MiB
			}
		}`, `{"sync":"always","max_bytes":21474836480,"max_deliveries":5000,"max_memory":67108864,"max_per_function":100,` +
			`"reserve":1073741824,"dead_letters":{"max_age":172800000000000,"max_bytes":8388608}}`},
		{"cluster", `jetstream {
			urls       nats://a:4222 nats://b:4222
			urls       tls://c
			username   u
			password   {env.PASSWORD}
			replicas   3
			partitions 32
			tls {
				ca          ca.pem
				cert        cert.pem key.pem
				server_name nats
			}
		}`, `{"urls":["nats://a:4222","nats://b:4222","tls://c"],"username":"u","password":"{env.PASSWORD}",` +
			`"tls":{"ca":"ca.pem","cert":"cert.pem","key":"key.pem","server_name":"nats"},"replicas":3,"partitions":32}`},
		{"credentials", "jetstream {\n\turls a\n\tcredentials file\n}", `{"urls":["a"],"credentials":"file"}`},
		{"token", "jetstream {\n\turls a\n\ttoken t\n}", `{"urls":["a"],"token":"t"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := new(Queue)
			if err := q.UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text)); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(q)
			if err != nil || string(got) != test.want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, test.want)
			}
			if err = caddy.StrictUnmarshalJSON(got, new(Queue)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"jetstream now":                                         "argument",
		"jetstream {\n\tsync\n}":                                "argument",
		"jetstream {\n\tsync always always\n}":                  "argument",
		"jetstream {\n\tsync always\n\tsync always\n}":          "sync is given twice",
		"jetstream {\n\tmax_bytes lots\n}":                      `max_bytes: "lots" is not accepted: want a size such as`,
		"jetstream {\n\tmax_bytes 1GiB\n\tmax_bytes 1GiB\n}":    "max_bytes is given twice",
		"jetstream {\n\tmax_deliveries 0\n}":                    `max_deliveries: "0" is not accepted: want a positive number`,
		"jetstream {\n\treserve 15EiB\n}":                       `reserve: "15EiB" is not accepted`,
		"jetstream {\n\tdead_letters 5\n}":                      "argument",
		"jetstream {\n\tdead_letters {\n\t\tmax_age soon\n\t}}": `max_age: "soon" is not accepted: want a positive duration`,
		"jetstream {\n\tdead_letters {\n\t\tkeep 1\n\t}}":       `unknown option "keep" of dead_letters: want max_age or max_bytes`,
		"jetstream {\n\turls\n}":                                "argument",
		"jetstream {\n\ttls on\n}":                              "argument",
		"jetstream {\n\ttls {\n\t\tcert a\n\t}}":                "argument",
		"jetstream {\n\ttls {\n\t\tkey a\n\t}}":                 `unknown option "key" of tls: want ca, cert or server_name`,
		"jetstream {\n\ttls {\n\t\tcert a b\n\t\tcert c d\n\t}": "cert is given twice",
		"jetstream {\n\tfast yes\n}":                            `unknown option "fast" of queue jetstream: want sync, max_bytes`,
	} {
		err := new(Queue).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, q := range []*Queue{
		{},
		{Sync: SyncAlways, MaxBytes: 1 << 20, MaxDeliveries: 1, MaxMemory: 1, MaxPerFunction: 1, Reserve: 1},
		{DeadLetters: &DeadLetters{}},
		{DeadLetters: &DeadLetters{MaxAge: caddy.Duration(time.Second), MaxBytes: 1 << 20}},
		{URLs: []string{"nats://a:4222"}, Replicas: 3, Partitions: 16, Token: "t"},
	} {
		if err := q.Validate(); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for field, q := range map[string]*Queue{
		"sync":                   {Sync: "never"},
		"max_bytes":              {MaxBytes: 1<<20 - 1},
		"max_deliveries":         {MaxDeliveries: -1},
		"max_memory":             {MaxMemory: -1},
		"max_per_function":       {MaxPerFunction: -1},
		"reserve":                {Reserve: -1},
		"dead_letters.max_age":   {DeadLetters: &DeadLetters{MaxAge: caddy.Duration(time.Millisecond)}},
		"dead_letters.max_bytes": {DeadLetters: &DeadLetters{MaxBytes: 1}},
		"credentials":            {Credentials: "file"},
		"username":               {Username: "u"},
		"password":               {Password: "secret"},
		"token":                  {Token: "secret"},
		"tls":                    {TLS: &TLS{}},
		"replicas":               {Replicas: 3},
		"partitions":             {Partitions: 4},
	} {
		err := q.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: got error %v", field, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: a credential is in %v", field, err)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	t.Setenv("EG_TEST_SECRET", "s3cret")
	t.Setenv("EG_TEST_HOST", "nats-1")
	q := &Queue{
		URLs: []string{"nats://{env.EG_TEST_HOST}:4222"}, Username: "u", Password: "{env.EG_TEST_SECRET}",
		TLS: &TLS{CA: "/etc/{env.EG_TEST_HOST}.pem"},
	}
	if err := q.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if q.URLs[0] != "nats://nats-1:4222" || q.Password != "s3cret" || q.TLS.CA != "/etc/nats-1.pem" {
		t.Errorf("got %+v", q)
	}
	q = &Queue{Token: "{env.EG_TEST_MISSING}"}
	if err := q.Provision(caddy.Context{}); err == nil || !strings.HasPrefix(err.Error(), "token: ") {
		t.Errorf("a variable that is not set is %v", err)
	}
}

func TestIdentity(t *testing.T) {
	env := delivery.Env{DataDir: "/a", Name: "one"}
	id := new(Queue).Identity(env)
	for _, q := range []*Queue{{Sync: SyncAlways}, {MaxBytes: 1 << 30}, {DeadLetters: &DeadLetters{MaxBytes: 1 << 30}}} {
		if q.Identity(env) != id {
			t.Errorf("%+v is another queue", q)
		}
	}
	if new(Queue).Identity(delivery.Env{DataDir: "/a", Name: "two"}) != id {
		t.Error("a gateway with another name has another queue in the same directory")
	}
	if new(Queue).Identity(delivery.Env{DataDir: "/b", Name: "one"}) == id {
		t.Error("another directory is the same queue")
	}
}

func TestLimits(t *testing.T) {
	want := delivery.Limits{Deliveries: 3_000_000, Bytes: 10 << 30, Memory: 256 << 20}
	if got := new(Queue).Limits(); got != want {
		t.Errorf("got %+v", got)
	}
	want = delivery.Limits{Deliveries: 1, Bytes: 1 << 30, Memory: 2, PerFunction: 3}
	q := &Queue{MaxDeliveries: 1, MaxBytes: 1 << 30, MaxMemory: 2, MaxPerFunction: 3}
	if got := q.Limits(); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestNames(t *testing.T) {
	for name, base := range map[string]string{
		"":                  "event_gateway",
		"/":                 "event_gateway",
		"gateway-1":         "gateway-1",
		"/gateway_1/":       "gateway_1",
		"/event-gateway/v1": "event-gateway_v1_ea3f675f",
		"event-gateway_v1":  "event-gateway_v1",
		"a.b":               "a_b_",
		"ä":                 "_",
	} {
		if got := newNames(name).base; !strings.HasPrefix(got, base) || strings.ContainsAny(got, ".*> /") {
			t.Errorf("%q is called %q, want %q", name, got, base)
		}
	}
	n := names{"x"}
	if n.work(3) != "x.work.3" || n.dead("a.b-c_d") != "x.dead.a=b-c_d" {
		t.Errorf("got %s and %s", n.work(3), n.dead("a.b-c_d"))
	}
}
