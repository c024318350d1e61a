package integration

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// tool runs `caddy event-gateway` and checks its exit status.
func tool(t *testing.T, want int, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(gatewaytest.Binary(t), append([]string{"event-gateway"}, args...)...)
	cmd.Env = append(os.Environ(), "TEST_TOKEN=the-secret-of-the-test")
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &problems
	_ = cmd.Run()
	if status := cmd.ProcessState.ExitCode(); status != want {
		t.Fatalf("%v: status %d, want %d; printed\n%s%s", args, status, want, &out, &problems)
	}
	if strings.Contains(out.String()+problems.String(), "-secret") {
		t.Errorf("%v printed a credential:\n%s%s", args, &out, &problems)
	}
	return out.String(), problems.String()
}

// TestMigrateDocuments keeps a gateway's configuration in a document: imported over both mounts of the API, changed, pruned,
// and copied to another gateway. What it says is what events meet.
func TestMigrateDocuments(t *testing.T) {
	seen := make(chan string, 10)
	fn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.URL.Path + " " + r.Header.Get("Authorization")
		_, _ = w.Write([]byte(`{"statusCode":200,"body":"from ` + r.URL.Path + `"}`))
	}))
	t.Cleanup(fn.Close)
	document := func(name string) string {
		return `functions:
  - functionId: ` + name + `
    type: http
    provider:
      url: ` + fn.URL + "/" + name + `
      headers:
        Authorization: Bearer ${TEST_TOKEN}
eventTypes:
  - name: user.created
    schema: {type: object, required: [id]}
cors:
  - {method: GET, path: /hello}
subscriptions:
  - {event: http, method: GET, path: /hello, functionId: ` + name + `}
  - {event: user.created, functionId: ` + name + `}
`
	}
	g := gatewaytest.Start(t)
	answers := func(g *gatewaytest.Gateway, name string) {
		t.Helper()
		if got := string(g.Do(http.MethodGet, g.Events+"/hello", nil, 200)); got != "from /"+name {
			t.Errorf("GET /hello answers %q, want the answer of %s", got, name)
		}
		if got := <-seen; got != "/"+name+" Bearer the-secret-of-the-test" {
			t.Errorf("the function was called with %s", got)
		}
	}

	tool(t, 1, document("one"), "import", "--address", g.Config, "--dry-run", "-")
	g.Do(http.MethodGet, g.Events+"/hello", nil, 404)
	tool(t, 0, document("one"), "import", "--address", g.Config, "-")
	answers(g, "one")
	out, _ := tool(t, 0, document("one"), "import", "--address", g.Admin, "--dry-run", "-")
	if !strings.HasSuffix(out, "0 to create, 0 to change, 0 to delete; 5 as they should be\n") {
		t.Errorf("the document differs from what was imported:\n%s", out)
	}

	// Another function takes the route over, and the first goes.
	tool(t, 2, document("two"), "import", "--address", g.Config, "-")
	answers(g, "one")
	out, _ = tool(t, 0, document("two"), "import", "--address", strings.TrimPrefix(g.Admin, "http://"), "--prune", "-")
	if !strings.Contains(out, "2 as they should be") || !strings.Contains(out, "deleted function one in space default\n") {
		t.Errorf("importing over it printed\n%s", out)
	}
	answers(g, "two")

	// The exported document makes no difference, here; elsewhere the credential has to be given.
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	tool(t, 0, "", "export", "--address", g.Config, "--output", file)
	tool(t, 0, "", "import", "--address", g.Config, "--prune", file)
	answers(g, "two")
	other := gatewaytest.Start(t)
	_, stderr := tool(t, 2, "", "import", "--address", other.Config, file)
	if !strings.HasPrefix(stderr, "Error: "+file+":8: function two: provider.headers.Authorization: ") {
		t.Errorf("a credential that is not stored is refused with %s", stderr)
	}
	exported, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tool(t, 0, strings.Replace(string(exported), "'***'", "Bearer ${TEST_TOKEN}", 1), "import", "--address", other.Config, "-")
	answers(other, "two")
	if copied, _ := tool(t, 0, "", "export", "--address", other.Config); copied != string(exported) {
		t.Errorf("the copy exports\n%s\nwant\n%s", copied, exported)
	}
}

// TestMigrateLeavesTheServersOwn has resources of the Caddyfile beside those of a document: pruning leaves them alone, and a
// document cannot change them.
func TestMigrateLeavesTheServersOwn(t *testing.T) {
	g := gatewaytest.Start(t, gatewaytest.Extra("app", "function fixed {\n http http://localhost:9/\n}\nsubscription made {\n function fixed\n}"))
	exported, _ := tool(t, 0, "", "export", "--address", g.Config)
	if !strings.Contains(exported, "functionId: fixed") {
		t.Fatalf("exported\n%s", exported)
	}
	tool(t, 0, exported, "import", "--address", g.Config, "--prune", "-")
	out, _ := tool(t, 0, "{functions: [], subscriptions: []}", "import", "--address", g.Config, "--prune", "-")
	if !strings.HasSuffix(out, "2 of the server's own configuration and left alone\n") {
		t.Errorf("pruning printed\n%s", out)
	}
	_, stderr := tool(t, 2, strings.Replace(exported, "http://localhost:9/", "http://localhost:10/", 1), "import", "--address", g.Config, "-")
	if !strings.Contains(stderr, "function fixed in space default: it comes from the server's own configuration") {
		t.Errorf("changing it printed\n%s", stderr)
	}
}

// TestMigrateFromEtcd imports the keys that versions of the gateway's predecessor left in etcd.
func TestMigrateFromEtcd(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	endpoint, client := cluster.Endpoints()[0], cluster.Client()
	_, stderr := tool(t, 2, "", "import", "--address", "localhost:1", "--from-etcd", endpoint)
	if !strings.Contains(stderr, "has no keys that begin with /serverless-event-gateway/") {
		t.Errorf("an empty etcd is refused with %s", stderr)
	}
	for _, test := range []struct {
		version, space string
		names          []string
		warning        string
	}{
		{"0.5", "default", []string{"function hello", "function resize", "subscription sync http GET /hello to hello", "subscription async user.created POST / to resize"}, ""},
		{"0.7", "default", []string{"subscription sync http GET /users/:id to hello", "subscription sync invoke POST / to resize"}, "CloudEvents 0.1"},
		{"0.9", "default", []string{"event type user.created", "cors POST /users", "subscription sync user.created POST /users to hello", "subscription sync http.request GET /users/:id to hello"}, "functions/default/broken: left out: its value is no JSON object"},
		{"0.9", "team.two", []string{"function hello", "event type user.created", "subscription async user.created POST /two to hello"}, ""},
	} {
		t.Run(test.version+" "+test.space, func(t *testing.T) {
			prefix := "/old-" + test.version + "-" + test.space
			keys, err := os.ReadFile("../migrate/testdata/old/" + test.version + ".keys")
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(keys)) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				if _, err := client.Put(t.Context(), prefix+"/"+key, value); err != nil {
					t.Fatal(err)
				}
			}
			g := gatewaytest.Start(t)
			from := []string{"import", "--address", g.Config, "--from-etcd", strings.TrimPrefix(endpoint, "http://"), "--prefix", prefix, "--space", test.space}
			shown, stderr := tool(t, 1, "", append(from, "--dry-run")...)
			for _, name := range test.names {
				if !strings.Contains(shown, "  + "+name+"\n") {
					t.Errorf("--dry-run does not show %s:\n%s", name, shown)
				}
			}
			if !strings.Contains(stderr, test.warning) {
				t.Errorf("the warnings are\n%s\nwant %s", stderr, test.warning)
			}
			tool(t, 0, "", from...)
			tool(t, 0, "", append(from, "--dry-run", "--prune")...)
			exported, _ := tool(t, 0, "", "export", "--address", g.Config, "--space", test.space)
			if !strings.Contains(exported, "functionId: hello") {
				t.Errorf("exported\n%s", exported)
			}
			if test.version != "0.7" && test.space == "default" && !strings.Contains(exported, "'***'") {
				t.Errorf("no credential is carried over:\n%s", exported)
			}
		})
	}
}
