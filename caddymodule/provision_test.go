package caddymodule_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func validate(t *testing.T, caddyfile string) error {
	t.Helper()
	body, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	if err != nil {
		t.Fatal(err)
	}
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(body, &cfg); err != nil {
		t.Fatal(err)
	}
	return caddy.Validate(&cfg)
}

// TestValidateStartsNothing validates a configuration whose etcd cannot be reached and whose data directory does not
// exist, and looks that it was neither needed nor made.
func TestValidateStartsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for name, app := range map[string]string{
		"embedded": "",
		"cluster":  "etcd http://127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			if err := validate(t, "{\n admin off\n event_gateway {\n data_dir "+dir+"\n"+app+"\n }\n}\n:0 {\n event_gateway\n}\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("validating made %s", dir)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Setenv("EVENT_GATEWAY_TEST_EMPTY", "")
	t.Setenv("EVENT_GATEWAY_TEST_NETWORKS", "10.0.0.0/8 fd00::1/8")
	for name, test := range map[string]struct{ app, want string }{
		"a function id": {`function "a b" {
			http http://localhost/
		}`, `functionId: "a b" is not accepted`},
		"a provider field": {`function f {
			http ftp://localhost/
		}`, `ftp://localhost/`},
		"an unset variable": {`function f {
			http http://localhost/ {
				header Authorization {env.EVENT_GATEWAY_TEST_EMPTY}
			}
		}`, `env.EVENT_GATEWAY_TEST_EMPTY`},
		"an http subscription without method": {`function f {
			http http://localhost/
		}
		subscription http {
			function f
		}`, `method: missing`},
		"two subscriptions on one route": {`function f {
			http http://localhost/
		}
		function g {
			http http://localhost/
		}
		subscription http {
			method GET
			path /users/:id
			function f
		}
		subscription http {
			method GET
			path /users/me
			function g
		}`, `/users/me`},
		"a delivery policy": {`subscription e {
			function f
			delivery {
				attempts 101
			}
		}`, `delivery.attempts: 101 is not accepted: want 1 to 100`},
		"an ordering key": {`subscription e {
			function f
			delivery {
				ordering_key "data. "
			}
		}`, `delivery.orderingKey: 1:7: `},
		"a sync subscription paused": {`subscription e {
			function f
			type sync
			paused
		}`, `paused: not accepted for type "sync"`},
		"more concurrency than accepted": {`function f {
			concurrency 10001
			http http://localhost/
		}`, `concurrency: 10001 is not accepted`},
		"two functions of one id": {`function f {
			http http://localhost/
		}
		function f {
			http http://localhost/
		}`, `function`},
		"a password without cluster": {`etcd {
			username u
			password p
		}`, `want endpoints beside them`},
		"a missing certificate": {`etcd https://localhost:2379 {
			tls {
				ca /nonexistent.pem
			}
		}`, `/nonexistent.pem`},
		"a malformed endpoint": {`etcd "http://local host:2379"`, `local host`},
		"no network, from the environment": {`egress {
			allow 192.0.2.0/24
			deny {env.EVENT_GATEWAY_TEST_NETWORKS}
		}`, `egress.deny: "fd00::1/8" is not accepted: want the network itself, fd00::/8`},
		"no hosts, from the environment": {`egress {
			allow {env.EVENT_GATEWAY_TEST_EMPTY}
		}`, `egress.allow: `},
	} {
		t.Run(name, func(t *testing.T) {
			err := validate(t, "{\n admin off\n event_gateway {\n data_dir "+t.TempDir()+"\n"+test.app+"\n }\n}\n")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestHandlerNeedsApp(t *testing.T) {
	for _, handler := range []string{"event_gateway", "event_gateway_config"} {
		err := validate(t, "{\n admin off\n}\n:0 {\n "+handler+"\n}\n")
		if err == nil || !strings.Contains(err.Error(), "needs the event_gateway app") {
			t.Errorf("%s: error %v", handler, err)
		}
	}
}
