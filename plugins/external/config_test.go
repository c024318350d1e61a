package external_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/plugins/external"
)

func TestValidate(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "started")
	sound := external.Plugin{Command: []string{"/bin/sh", "-c", "touch " + marker}}
	if err := provision(t, &sound); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the program was started")
	}
	absent := external.Plugin{Command: []string{"/there/is/no/such/program"}}
	if err := provision(t, &absent); err != nil {
		t.Errorf("a configuration can be checked where the program is not: %v", err)
	}
	for want, p := range map[string]*external.Plugin{
		`command: "" is not accepted`:                       {},
		`command: "" is not accepted: want a program`:       {Command: []string{""}},
		`command: "./plugin" is not accepted: want an abso`: {Command: []string{"./plugin"}},
		`dir: "here" is not accepted`:                       {Command: []string{"p"}, Dir: "here"},
		`env[1]: not accepted: want NAME=value`:             {Command: []string{"p"}, Env: []string{"A=", "s3cret"}},
		`env[0]: not accepted`:                              {Command: []string{"p"}, Env: []string{"=s3cret"}},
		`name: "a b" is not accepted`:                       {Command: []string{"p"}, Name: "a b"},
		`timeout: "-1s" is not accepted`:                    {Command: []string{"p"}, Timeout: caddy.Duration(-time.Second)},
		`restart_backoff: "-1s" is not accepted`:            {Command: []string{"p"}, RestartBackoff: caddy.Duration(-time.Second)},
		`restart_maximum: "1s" is not accepted`: {
			Command: []string{"p"}, RestartBackoff: caddy.Duration(time.Minute), RestartMaximum: caddy.Duration(time.Second),
		},
		`workers: -1 is not accepted`: {Command: []string{"p"}, Workers: -1},
	} {
		err := provision(t, p)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want %s", err, want)
		}
		if err != nil && eventgateway.KindOf(err) != eventgateway.Invalid {
			t.Errorf("%v is not Invalid", err)
		}
	}
	unset := external.Plugin{Command: []string{"p"}, Env: []string{"A={env.THIS_IS_NOT_SET_AT_ALL}"}}
	if err := provision(t, &unset); err == nil || !strings.Contains(err.Error(), "env[0]") {
		t.Errorf("an unset variable: got %v", err)
	}
	braces := external.Plugin{Command: []string{"p", `{"json":true}`}}
	if err := provision(t, &braces); err != nil || braces.Command[1] != `{"json":true}` {
		t.Errorf("braces: got %v, %v", braces.Command, err)
	}
}

func TestCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"external {\n command node /p.js\n}": `{"command":["node","/p.js"]}`,
		"external /bin/p arg":                `{"command":["/bin/p","arg"]}`,
		`external {
			name guard
			command /bin/p -v
			env TOKEN {env.TOKEN}
			env EMPTY ""
			dir /srv
			timeout 2s
			fail_open
			workers 1
			require_mtls
			restart_backoff 1s 1m
		}`: `{"name":"guard","command":["/bin/p","-v"],"env":["TOKEN={env.TOKEN}","EMPTY="],"dir":"/srv","timeout":2000000000,` +
			`"fail_open":true,"workers":1,"require_mtls":true,"restart_backoff":1000000000,"restart_maximum":60000000000}`,
	} {
		var p external.Plugin
		if err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := json.Marshal(&p); err != nil || string(got) != want {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"external":                                    "wants a command",
		"external {\n}":                               "wants a command",
		"external p {\n command q\n}":                 "command is given twice",
		"external {\n command\n}":                     "wrong argument count",
		"external p {\n env A\n}":                     "wrong argument count",
		"external p {\n timeout soon\n}":              `timeout: "soon" is not accepted`,
		"external p {\n timeout 0s\n}":                `timeout: "0s" is not accepted`,
		"external p {\n timeout 1s 2s\n}":             "wrong argument count",
		"external p {\n timeout 1s\n timeout 1s\n}":   "timeout is given twice",
		"external p {\n fail_open yes\n}":             "wrong argument count",
		"external p {\n workers none\n}":              `workers: "none" is not accepted`,
		"external p {\n restart_backoff 1s 2s 3s\n}":  "wrong argument count",
		"external p {\n dir\n}":                       "wrong argument count",
		"external p {\n fail_closed\n}":               `unknown option "fail_closed"`,
		"external p {\n name a\n fail_open\n name b}": "name is given twice",
	} {
		var p external.Plugin
		err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestItsName(t *testing.T) {
	for name, want := range map[string]string{"": "external", "guard": "guard"} {
		if got := plugins.NameOf(&external.Plugin{Name: name}); got != want {
			t.Errorf("%q: got %s", name, got)
		}
	}
}

// TestTheDocumentationSaysTheSameTwice compares the configurations in docs/plugins.md.
func TestTheDocumentationSaysTheSameTwice(t *testing.T) {
	page, err := os.ReadFile("../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "plugin external {")
	text, _, _ = strings.Cut(text, "}")
	var fromCaddyfile external.Plugin
	if err := fromCaddyfile.UnmarshalCaddyfile(caddyfile.NewTestDispenser("external {" + text + "}")); err != nil {
		t.Fatal(err)
	}
	_, text, _ = strings.Cut(string(page), "\"plugin\": \"external\",")
	text, _, _ = strings.Cut(text, "}")
	var fromJSON external.Plugin
	if err := json.Unmarshal([]byte("{"+text+"}"), &fromJSON); err != nil {
		t.Fatal(err)
	}
	a, err1 := json.Marshal(&fromCaddyfile)
	b, err2 := json.Marshal(&fromJSON)
	if err := errors.Join(err1, err2); err != nil || string(a) != string(b) {
		t.Errorf("got %s and %s, %v", a, b, err)
	}
}
