package integration

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestServerIdentity has functions ask for tokens of the server's own identity: nobody sees one but the host that the
// configuration names, for the resource that it names, in the space that it names.
func TestServerIdentity(t *testing.T) {
	const token, machineSecret = "own-t0ken-of-the-server", "own-h3ader-of-the-server"
	var asked atomic.Int64
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("X-Identity-Header") != machineSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"`+token+`","expires_on":"`+strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)+`"}`)
	}))
	t.Cleanup(machine.Close)
	var called atomic.Int64
	fn := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, `{"statusCode":200,"body":"%t"}`, r.Header.Get("Authorization") == "Bearer "+token)
	}))
	t.Cleanup(fn.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: fn.Certificate().Raw})
	if err := os.WriteFile(roots, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	g := gatewaytest.Start(t, gatewaytest.Env("IDENTITY_ENDPOINT", machine.URL), gatewaytest.Env("IDENTITY_HEADER", machineSecret),
		gatewaytest.Env("SSL_CERT_FILE", roots))
	write := func(space, id, resource string) {
		t.Helper()
		g.Do(http.MethodPost, g.Config+"/v1/spaces/"+space+"/functions", fields{
			"functionId": id, "type": "azurefunctions", "provider": fields{"url": fn.URL + "/api/hello", "resource": resource, "managedIdentity": true},
		}, 201)
		g.Do(http.MethodPost, g.Config+"/v1/spaces/"+space+"/subscriptions",
			fields{"functionId": id, "event": "http", "method": "GET", "path": "/" + id}, 201)
	}
	write("default", "hello", "api://hello")
	write("default", "greedy", "https://management.azure.com")
	write("other", "elsewhere", "api://hello")
	refused := func(path, line string) {
		t.Helper()
		if body := string(g.Do(http.MethodGet, g.Events+path, nil, 502)); !strings.Contains(body, line) {
			t.Errorf("%s: answered %s, want %q in it", path, body, line)
		}
	}
	refused("/hello", "server_identity api://hello 127.0.0.1 for the space default in its Caddyfile")
	if asked.Load() != 0 || called.Load() != 0 {
		t.Errorf("%d tokens were asked for, and functions called %d times", asked.Load(), called.Load())
	}

	reload := func(app string) {
		t.Helper()
		if status, body := g.Reload(strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", app, 1)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	reload("space default {\n server_identity api://hello 127.0.0.1\n}")
	for range 3 {
		if body := string(g.Do(http.MethodGet, g.Events+"/hello", nil, 200)); body != "true" {
			t.Errorf("answered %s", body)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("%d tokens were asked for, want one", asked.Load())
	}
	refused("/greedy", "server_identity https://management.azure.com 127.0.0.1 for the space default")
	refused("/elsewhere", "server_identity api://hello 127.0.0.1 for the space other")
	reload("")
	refused("/hello", "server_identity api://hello 127.0.0.1 for the space default")
	if asked.Load() != 1 || called.Load() != 3 {
		t.Errorf("%d tokens were asked for, and functions called %d times", asked.Load(), called.Load())
	}
	for _, secret := range []string{token, machineSecret} {
		if strings.Contains(g.Log(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

// TestEventGridAndOpenWhisk has one request answered by an OpenWhisk action and one event published to Event Grid.
func TestEventGridAndOpenWhisk(t *testing.T) {
	published := make(chan string, 10)
	topic := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		published <- r.URL.RequestURI() + " " + r.Header.Get("Aeg-Sas-Key") + " " + r.Header.Get("Content-Type") + " " + string(body)
	}))
	t.Cleanup(topic.Close)
	whisk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, key, _ := r.BasicAuth(); r.URL.Path != "/api/v1/namespaces/guest/actions/demo/hello" || user+":"+key != "id:wh1sk-key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"activationId":"c7bb1339","response":{"success":true,"status":"success","result":{"statusCode":201,"body":"from whisk"}}}`)
	}))
	t.Cleanup(whisk.Close)
	g := gatewaytest.Start(t)
	function := func(id, typ string, provider fields) {
		t.Helper()
		g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions", fields{"functionId": id, "type": typ, "provider": provider}, 201)
	}
	function("action", "openwhisk", fields{"apiHost": whisk.URL, "namespace": "guest", "package": "demo", "action": "hello", "auth": "id:wh1sk-key"})
	function("topic", "azureeventgrid", fields{"endpoint": topic.URL + "/api/events", "accessKey": "gr1d-key"})
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		fields{"functionId": "action", "event": "http", "method": "GET", "path": "/hello"}, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions", fields{"functionId": "topic", "event": "order.placed"}, 201)

	if body := string(g.Do(http.MethodGet, g.Events+"/hello", nil, 201)); body != "from whisk" {
		t.Errorf("answered %s", body)
	}
	event := `{"specversion":"1.0","id":"7","source":"/shop","type":"order.placed","time":"2026-01-02T15:04:05Z","subject":"a-1",` +
		`"tenant":"t1","datacontenttype":"application/json","data":{"sku": "a-1"}}`
	resp, err := http.Post(g.Events+"/", "application/cloudevents+json", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("accepted with %d", resp.StatusCode)
	}
	want := "/api/events?api-version=2018-01-01 gr1d-key application/cloudevents+json; charset=utf-8 " + event
	select {
	case got := <-published:
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	case <-time.After(patience):
		t.Fatal("nothing was published")
	}
	shown := string(g.Do(http.MethodGet, g.Config+"/v1/spaces/default/functions", nil, 200))
	for _, secret := range []string{"gr1d-key", "wh1sk-key"} {
		if strings.Contains(shown, secret) || strings.Contains(g.Log(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}
