package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// metric returns the sum of all samples of a metric on Caddy's own /metrics.
func metric(t *testing.T, g *gatewaytest.Gateway, name string) float64 {
	t.Helper()
	var sum float64
	for line := range strings.Lines(string(g.Do(http.MethodGet, g.Admin+"/metrics", nil, 200))) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			fields := strings.Fields(line)
			v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err != nil {
				t.Fatalf("metric %q: %v", line, err)
			}
			sum += v
		}
	}
	return sum
}

var goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

func goroutines(t *testing.T, g *gatewaytest.Gateway) int {
	t.Helper()
	m := goroutineTotal.FindSubmatch(g.Do(http.MethodGet, g.Admin+"/debug/pprof/goroutine?debug=1", nil, 200))
	if m == nil {
		t.Fatal("no goroutine total in the profile")
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// openFiles counts the process' file descriptors; 0 where the system does not tell.
func openFiles(g *gatewaytest.Gateway) int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.Pid()))
	if err != nil {
		return 0
	}
	return len(entries)
}

// helloFunction is a function that answers an http event, and counts its calls.
func helloFunction(t *testing.T) (server *httptest.Server, calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		calls.Add(1)
		_, _ = io.WriteString(w, `{"statusCode":200,"body":"hello"}`)
	}))
	t.Cleanup(server.Close)
	return server, calls
}

// subscribe registers a function behind url and an http subscription GET path to it.
func subscribe(g *gatewaytest.Gateway, id, url, path string) {
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions",
		map[string]any{"functionId": id, "type": "http", "provider": map[string]any{"url": url}}, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": id, "event": "http", "method": "GET", "path": path}, 201)
}

// slowFunction answers when told to, and tells when it has been called.
func slowFunction(t *testing.T) (server *httptest.Server, called chan struct{}, answer func()) {
	t.Helper()
	called, release := make(chan struct{}, 10), make(chan struct{})
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called <- struct{}{}
		<-release
		_, _ = io.WriteString(w, `{"statusCode":200,"body":"slow"}`)
	}))
	answer = sync.OnceFunc(func() { close(release) })
	t.Cleanup(func() {
		answer()
		server.Close()
	})
	return server, called, answer
}

// emit sends a custom event and checks the status.
func emit(t *testing.T, g *gatewaytest.Gateway, event, data string, want int) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, g.Events+"/", strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Event", event)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != want {
		t.Fatalf("emit %s: %d, want %d: %s", event, resp.StatusCode, want, b)
	}
}
