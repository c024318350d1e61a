//go:build clients

package clients

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/processtest"
)

// TestExpressBehindAPIGatewayAdapters has an application on Express answer behind the gateway, through the adapters that people
// use for API Gateway, as it does when it is asked directly.
func TestExpressBehindAPIGatewayAdapters(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("apigateway")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", []string{"ci"})
	direct, functions := serveExpress(t, dir)
	for _, adapter := range []string{"serverless-http", "serverless-express"} {
		for _, format := range []string{"apigateway-v1", "apigateway-v2"} {
			t.Run(adapter+" "+format, func(t *testing.T) {
				g := gatewaytest.Start(t)
				g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions", map[string]any{
					"functionId": "app", "type": "http", "format": format, "provider": map[string]any{"url": functions + "/" + adapter},
				}, http.StatusCreated)
				for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
					g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions", map[string]any{
						"functionId": "app", "event": "http", "method": method, "path": "/*all",
					}, http.StatusCreated)
				}
				for _, r := range expressRequests {
					if r.not == adapter+" "+format {
						continue
					}
					t.Run(r.method+" "+r.path, func(t *testing.T) { compare(t, r.send(t, direct), r.send(t, g.Events)) })
				}
			})
		}
	}
}

// serveExpress runs serve.js, and returns where the application is and where the functions are.
func serveExpress(t *testing.T, dir string) (direct, functions string) {
	t.Helper()
	cmd := exec.Command("node", "serve.js")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NODE_ENV=production")
	line := processtest.Serve(t, cmd)
	var served struct{ Direct, Functions string }
	if err := json.Unmarshal([]byte(line), &served); err != nil {
		t.Fatal(err)
	}
	return served.Direct, served.Functions
}

// expressRequest is a request; headers are names and values in turn.
type expressRequest struct {
	method, path, body string
	headers            []string
	// not is an adapter and format that loses something of the request by itself.
	not string
}

var expressRequests = []expressRequest{
	{"GET", "/echo/1/", "", nil, ""},
	{"GET", "/echo/%C3%BC%2F1%20x/a/b%3Fc%25", "", []string{"Cookie", "a=1; b=2"}, ""},
	// Of a header that is given twice this adapter takes the last, although it is told of all.
	{"GET", "/echo/1/x", "", []string{"X-List", "x", "X-List", "y"}, "serverless-http apigateway-v1"},
	{"GET", "/echo/a+b/%E6%BC%A2?q=1&q=2&q=a%26b&empty=&plus=a+b&uni=%C3%BC&o%5Bp%5D=v", "", nil, ""},
	{"GET", "/echo/1/?one=1", "", []string{"Cookie", "a=1"}, ""},
	{"POST", "/echo/1/x", `{"a": "ü"}`, []string{"Content-Type", "application/json"}, ""},
	{"POST", "/echo/1/x", "text ü", []string{"Content-Type", "text/plain; charset=utf-8"}, ""},
	{"PATCH", "/echo/1/x", "caf\xe9", []string{"Content-Type", "text/plain; charset=latin1"}, ""},
	{"DELETE", "/echo/1/x", "", nil, ""},
	{"PUT", "/echo/1/x", "\x00\x01\xff", []string{"Content-Type", "application/octet-stream"}, ""},
	{"OPTIONS", "/json", "", nil, ""},
	{"OPTIONS", "/echo/1/x", "", []string{"Origin", "https://app.example.com", "Access-Control-Request-Method", "PUT"}, ""},
	{"POST", "/json", `{"n": 1, "list": ["ü", null]}`, []string{"Content-Type", "application/json; charset=utf-8"}, ""},
	{"POST", "/form", "a=1&a=2&b%5Bc%5D=%C3%BC+x", []string{"Content-Type", "application/x-www-form-urlencoded"}, ""},
	{"POST", "/text", "Zoë", []string{"Content-Type", "text/plain"}, ""},
	{"PUT", "/upload", strings.Repeat("\x00\xff\x89PNG", 10_000), []string{"Content-Type", "image/png"}, ""},
	{"PUT", "/upload", "--x\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\xff\r\n--x--\r\n", []string{"Content-Type", "multipart/form-data; boundary=x"}, ""},
	{"GET", "/picture", "", nil, ""},
	{"HEAD", "/picture", "", nil, ""},
	{"GET", "/squeezed", "", nil, ""},
	{"GET", "/cookies", "", nil, ""},
	{"GET", "/moved", "", nil, ""},
	{"GET", "/gone", "", nil, ""},
	{"GET", "/page", "", nil, ""},
	{"HEAD", "/page", "", nil, ""},
	{"GET", "/page", "", []string{"If-None-Match", "*"}, ""},
	{"GET", "/nothing", "", nil, ""},
	{"GET", "/empty", "", nil, ""},
	{"GET", "/status/201", "", nil, ""},
	{"GET", "/status/418", "", nil, ""},
	{"GET", "/status/503", "", nil, ""},
	{"GET", "/broken", "", nil, ""},
	{"GET", "/missing/%C3%BC", "", nil, ""},
	{"HEAD", "/missing", "", nil, ""},
	{"POST", "/missing", "x", []string{"Content-Type", "text/plain"}, ""},
	{"DELETE", "/echo-nothing", "", nil, ""},
	{"GET", "/", "", nil, ""},
}

// expressAnswer is an answer without what belongs to the connection.
type expressAnswer struct {
	status int
	header map[string]string
	body   []byte
}

func (r expressRequest) send(t *testing.T, base string) expressAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(r.headers); i += 2 {
		req.Header.Add(r.headers[i], r.headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, CheckRedirect: noRedirect}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := expressAnswer{resp.StatusCode, map[string]string{}, body}
	for name, values := range resp.Header {
		switch name {
		case "Connection", "Keep-Alive", "Date", "Server", "Transfer-Encoding":
			continue
		case "Set-Cookie":
			a.header[name] = strings.Join(values, " | ")
			continue
		}
		// One line with a list is as good as several lines.
		var list []string
		for _, value := range values {
			for element := range strings.SplitSeq(value, ",") {
				list = append(list, strings.TrimSpace(element))
			}
		}
		a.header[name] = strings.Join(list, ", ")
	}
	return a
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func compare(t *testing.T, want, got expressAnswer) {
	t.Helper()
	if got.status != want.status || !bytes.Equal(got.body, want.body) {
		t.Errorf("got  %d %.300q\nwant %d %.300q", got.status, got.body, want.status, want.body)
	}
	names := map[string]bool{}
	for name := range want.header {
		names[name] = true
	}
	for name := range got.header {
		names[name] = true
	}
	var differ []string
	for name := range names {
		if got.header[name] != want.header[name] {
			differ = append(differ, name+": got "+got.header[name]+", want "+want.header[name])
		}
	}
	slices.Sort(differ)
	if len(differ) > 0 {
		t.Error(strings.Join(differ, "\n"))
	}
}
