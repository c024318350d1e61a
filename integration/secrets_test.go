package integration

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// theSecret is what must stay where it belongs.
const theSecret = "the-secret-of-the-function"

// credentialed is a function that tells which credential it was called with.
func credentialed(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = json.NewEncoder(w).Encode(fields{"statusCode": 200, "body": r.Header.Get("Authorization")})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// storedText returns all that a cluster holds, as text.
func storedText(t *testing.T, cluster *etcdtest.Cluster) string {
	t.Helper()
	all, err := cluster.Client().Get(t.Context(), "/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, kv := range all.Kvs {
		text.Write(kv.Key)
		text.WriteByte(' ')
		text.Write(kv.Value)
		text.WriteByte('\n')
	}
	return text.String()
}

func register(g *gatewaytest.Gateway, space, url, authorization string, want int) string {
	return string(g.Do(http.MethodPost, g.Config+"/v1/spaces/"+space+"/functions", fields{
		"functionId": "f", "type": "http", "provider": fields{"url": url, "headers": fields{"Authorization": authorization}},
	}, want))
}

// TestSecretReferences has a function refer to a secret that only the server's configuration has.
func TestSecretReferences(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(theSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := "etcd " + cluster.Endpoints()[0] + "\nspace default {\nsecret token file " + file + "\n}\nspace shop {\nsecret shop.token env SHOP_TOKEN\n}"
	app += "\nfunction static {\nhttp " + credentialed(t) + " {\nheader Authorization \"Bearer {secret.token}\"\n}\n}\n" +
		"subscription http {\nmethod GET\npath /static\nfunction static\n}"
	g := gatewaytest.Start(t, gatewaytest.Extra("app", app), gatewaytest.Env("SHOP_TOKEN", "another-secret"))
	fn := credentialed(t)

	register(g, "default", fn, "Bearer {secret.token}", 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		fields{"functionId": "f", "event": "http", "method": "GET", "path": "/hello"}, 201)
	for _, path := range []string{"/hello", "/static"} {
		if got := string(g.Do(http.MethodGet, g.Events+path, nil, 200)); got != "Bearer "+theSecret {
			t.Errorf("%s: the function was called with %q", path, got)
		}
	}
	shown := string(g.Do(http.MethodGet, g.Config+"/v1/spaces/default/functions", nil, 200))
	if strings.Count(shown, `"Bearer {secret.token}"`) != 2 {
		t.Errorf("the API shows %s", shown)
	}
	for _, refused := range []struct{ space, reference, want string }{
		{"default", "{secret.shop.token}", `secret \"shop.token\" is not known in space \"default\"`},
		{"shop", "{secret.token}", `secret \"token\" is not known in space \"shop\"`},
		{"elsewhere", "{secret.token}", `secret \"token\" is not known in space \"elsewhere\"`},
	} {
		if got := register(g, refused.space, fn, refused.reference, 400); !strings.Contains(got, refused.want) {
			t.Errorf("refused with %s, want %s", got, refused.want)
		}
	}
	register(g, "shop", fn, "{secret.shop.token}", 201)

	// It is read again with each configuration, and functions that are there follow.
	if err := os.WriteFile(file, []byte("new-"+theSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, body := g.Reload(gatewaytest.DefaultCaddyfile + "\nhttp://z.localhost:{{.Port1}} {\n}\n"); status != 200 {
		t.Fatalf("reload: %d %s", status, body)
	}
	for _, path := range []string{"/hello", "/static"} {
		if got := string(g.Do(http.MethodGet, g.Events+path, nil, 200)); got != "Bearer new-"+theSecret {
			t.Errorf("%s: after the change the function was called with %q", path, got)
		}
	}

	// A configuration whose secrets are not there is not taken, and the one before serves on.
	broken := strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", "{{.Extra.app}}\nspace default {\nsecret other env NOT_SET_ANYWHERE\n}", 1)
	if status, body := g.Reload(broken); status == 200 || !strings.Contains(body, "spaces.default.secrets.other: environment variable NOT_SET_ANYWHERE is not set") {
		t.Errorf("without its variable a configuration is answered with %d %s", status, body)
	}
	g.Do(http.MethodGet, g.Events+"/hello", nil, 200)
	for where, text := range map[string]string{"the store": storedText(t, cluster), "the log": g.Log(), "the API": shown} {
		if strings.Contains(text, theSecret) || strings.Contains(text, "another-secret") {
			t.Errorf("%s holds the secret", where)
		}
	}
}

// TestEncryptionAtRest encrypts what was stored in plain text, changes the key, and looks into the store each time.
func TestEncryptionAtRest(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	one := gatewaytest.Env("KEY_ONE", "MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=")
	two := gatewaytest.Env("KEY_TWO", "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI=")
	g := gatewaytest.Start(t, onCluster(cluster), one, two)
	register(g, "default", credentialed(t), "Bearer "+theSecret, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		fields{"functionId": "f", "event": "http", "method": "GET", "path": "/hello"}, 201)
	if !strings.Contains(storedText(t, cluster), theSecret) {
		t.Fatal("without keys the store does not hold the credential: nothing would be shown")
	}
	serves := func(g *gatewaytest.Gateway) {
		t.Helper()
		if got := string(g.Do(http.MethodGet, g.Events+"/hello", nil, 200)); got != "Bearer "+theSecret {
			t.Errorf("the function was called with %q", got)
		}
	}
	with := func(keys string) {
		t.Helper()
		template := strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", "{{.Extra.app}}\nencryption {\n"+keys+"}\n", 1)
		if status, body := g.Reload(template); status != 200 {
			t.Fatalf("reload: %d %s", status, body)
		}
		serves(g)
	}
	reseal := func(want string) {
		t.Helper()
		if out, problems := tool(t, 0, "", "reseal", "--address", g.Config); out+problems != "encrypted anew: "+want+"\n" {
			t.Errorf("reseal says %s%s, want %s", out, problems, want)
		}
		serves(g)
		if text := storedText(t, cluster); strings.Contains(text, theSecret) || !strings.Contains(text, `{"sealed":`) {
			t.Errorf("the store holds\n%s", text)
		}
	}
	encryption := func() string {
		var status struct{ Encryption json.RawMessage }
		if err := json.Unmarshal(g.Do(http.MethodGet, g.Config+"/v1/status", nil, 200), &status); err != nil {
			t.Fatal(err)
		}
		return string(status.Encryption)
	}

	with("key one env KEY_ONE\n")
	if got, want := encryption(), `{"functions":{"none":1},"key":"one","unreadable":0}`; got != want {
		t.Errorf("the status says %s, want %s", got, want)
	}
	reseal("1")
	reseal("0")
	with("key two env KEY_TWO\nkey one env KEY_ONE\n")
	if got, want := encryption(), `{"functions":{"one":1},"key":"two","unreadable":0}`; got != want {
		t.Errorf("the status says %s, want %s", got, want)
	}
	reseal("1")
	with("key two env KEY_TWO\n")
	if got, want := encryption(), `{"functions":{"two":1},"key":"two","unreadable":0}`; got != want {
		t.Errorf("the status says %s, want %s", got, want)
	}

	// A second instance has the key, a third has not; neither the logs nor the saved copies have the credential.
	block := "etcd " + cluster.Endpoints()[0] + "\n"
	second := gatewaytest.Start(t, gatewaytest.Extra("app", block+"encryption {\nkey two env KEY_TWO\n}"), two)
	serves(second)
	third := gatewaytest.Start(t, gatewaytest.Extra("app", block+"encryption {\nkey one env KEY_ONE\n}"), one)
	third.Do(http.MethodGet, third.Events+"/hello", nil, 502)
	if got := register(third, "default", "http://localhost:1/", "x", 503); !strings.Contains(got, "this instance cannot decrypt it") {
		t.Errorf("an instance without the key overwrites the function, or says %s", got)
	}
	gatewaytest.Eventually(t, time.Minute, func() error { // the log comes through a pipe
		if !strings.Contains(third.Log(), "it is encrypted with a key that is not configured") {
			return errors.New("the log of an instance without the key does not say so")
		}
		return nil
	})
	saved := filepath.Join(second.Dir, "data")
	second.Stop()
	looked := 0
	err := filepath.WalkDir(saved, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), theSecret) {
			t.Errorf("%s holds the credential", path)
		}
		if strings.Contains(string(text), `"sealed":`) {
			looked++
		}
		return err
	})
	if err != nil || looked == 0 {
		t.Errorf("the saved copy was not found: %v", err)
	}
	for _, log := range []string{g.Log(), second.Log(), third.Log()} {
		if strings.Contains(log, theSecret) || strings.Contains(log, "MTExMTEx") || strings.Contains(log, "MjIyMjIy") {
			t.Error("a log holds the credential or a key")
		}
	}
}
