package integration

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// archivePlugin is a plugin whose events wait; {{.Data}} outlives the gateway.
const archivePlugin = `
	plugin archive {
		directory {{.Data}}/archived
		prefix    {year}/{month}
		sync
	}`

// archiveCaddyfile is a gateway with a plugin.
func archiveCaddyfile(plugin string) string {
	return strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", plugin, 1)
}

// archived returns how often each event is in the complete files of an archive, by its ID. A file that moves while it
// is looked for is found by the next look.
func archived(g *gatewaytest.Gateway) (map[string]int, error) {
	found := map[string]int{}
	root := filepath.Join(g.Dir, "data", "archived")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".open":
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return countLines(f, found)
	})
	return found, err
}

// countLines reads a file of an archive as anybody would.
func countLines(from io.Reader, found map[string]int) error {
	text, err := gzip.NewReader(from)
	if err != nil {
		return err
	}
	for dec := json.NewDecoder(text); ; {
		var line struct {
			Event, ID string
		}
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if line.Event != "made" || line.ID == "" {
			return fmt.Errorf("a line of event %q, id %q", line.Event, line.ID)
		}
		found[line.ID]++
	}
}

// newArchivePublisher returns a publisher that sends no event twice.
func newArchivePublisher(t *testing.T) *publisher {
	p := newPublisher(t, "made")
	p.fragile = true
	return p
}

// loadUntil sends events over 8 connections while do does something and until further are acknowledged after it.
func loadUntil(t *testing.T, p *publisher, url string, do func()) {
	t.Helper()
	ended := make(chan struct{})
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					p.send(url, p.number())
				}
			}
		})
	}
	more := func() {
		least := p.acked.size() + 100
		gatewaytest.Eventually(t, patience, func() error {
			if got := p.acked.size(); got < least {
				return fmt.Errorf("%d events are acknowledged, want %d", got, least)
			}
			return nil
		})
	}
	defer senders.Wait()
	defer close(ended)
	more()
	if do != nil {
		do()
		more()
	}
}

// waitArchived waits until the archive holds all acknowledged events, and none twice.
func waitArchived(t *testing.T, p *publisher, look func() (map[string]int, error)) {
	t.Helper()
	gatewaytest.Eventually(t, patience, func() error {
		found, err := look()
		if err != nil {
			return err
		}
		for _, n := range p.acked.all() {
			if found[strconv.Itoa(n)] == 0 {
				return fmt.Errorf("event %d was acknowledged and is not archived", n)
			}
		}
		for id, times := range found {
			if times > 1 {
				return fmt.Errorf("event %s is archived %d times", id, times)
			}
		}
		return nil
	})
}

// TestArchive kills, reloads and stops a gateway whose events wait for the archive: what was accepted is in it, once.
func TestArchive(t *testing.T) {
	dir := t.TempDir()
	start := func() *gatewaytest.Gateway {
		return gatewaytest.Start(t, gatewaytest.Dir(dir), gatewaytest.Caddyfile(archiveCaddyfile(archivePlugin)))
	}
	p := newArchivePublisher(t)
	g := start()
	look := func() (map[string]int, error) { return archived(g) }
	stop := p.load(aimAt(g.Events), 8)
	gatewaytest.Eventually(t, patience, func() error {
		if p.acked.size() < 300 {
			return errors.New("too few events are acknowledged")
		}
		return nil
	})
	g.Kill()
	p.client.CloseIdleConnections()
	stop()
	g = start()
	waitArchived(t, p, look)

	loadUntil(t, p, g.Events, func() {
		for i := range 3 {
			// A change, so that the configuration is loaded.
			plugin := archivePlugin + fmt.Sprintf("\n\tmax_depth %d", 10+i)
			if status, body := g.Reload(archiveCaddyfile(plugin)); status != http.StatusOK {
				t.Fatalf("reload: %d %s", status, body)
			}
		}
	})
	g.Stop()
	waitArchived(t, p, look)
	if left, err := os.ReadDir(filepath.Join(dir, "data", "archived", ".open")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestArchiveRefusesWhatItCannotKeep takes the archive's directory away.
func TestArchiveRefusesWhatItCannotKeep(t *testing.T) {
	g := gatewaytest.Start(t, gatewaytest.Caddyfile(archiveCaddyfile(archivePlugin)))
	root := filepath.Join(g.Dir, "data", "archived")
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	emit(t, g, "made", `{"n":1}`, http.StatusServiceUnavailable)
	gatewaytest.Eventually(t, patience, func() error {
		if !strings.Contains(g.Log(), "the archive cannot make a file") {
			return errors.New("the log does not say why")
		}
		return nil
	})
}

// bucketEdge keeps objects, and fails as long as it is told to. It checks that requests are signed, not how: the tests of
// the package do.
type bucketEdge struct {
	mu      sync.Mutex
	objects map[string]string
	fails   bool
	asked   int
}

func (b *bucketEdge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=archive-key/")
	if err != nil || b.fails || !signed || r.Method != http.MethodPut {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	b.objects[r.URL.Path] = string(body)
}

func (b *bucketEdge) fail(fails bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = fails
}

func (b *bucketEdge) attempts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func (b *bucketEdge) found() (map[string]int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := map[string]int{}
	for path, body := range b.objects {
		if !strings.HasPrefix(path, "/events/raw/20") || !strings.HasSuffix(path, ".ndjson.gz") {
			return nil, fmt.Errorf("an object %s", path)
		}
		if err := countLines(strings.NewReader(body), found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// TestArchiveToObjectStore has a store that is away, kills the gateway, and has the store come back.
func TestArchiveToObjectStore(t *testing.T) {
	edge := &bucketEdge{objects: map[string]string{}}
	server := httptest.NewServer(edge)
	defer server.Close()
	plugin := fmt.Sprintf(`
	plugin archive {
		directory {{.Data}}/archived
		s3 {
			bucket            events
			region            eu-central-1
			endpoint          %s
			path_style
			access_key_id     archive-key
			secret_access_key {env.ARCHIVE_SECRET}
		}
		prefix  raw/{year}
		max_age 1s
		sync
	}`, server.URL)
	dir := t.TempDir()
	start := func() *gatewaytest.Gateway {
		return gatewaytest.Start(t, gatewaytest.Dir(dir), gatewaytest.Caddyfile(archiveCaddyfile(plugin)),
			gatewaytest.Env("ARCHIVE_SECRET", "archive-secret-value"))
	}
	edge.fail(true)
	p := newArchivePublisher(t)
	g := start()
	loadUntil(t, p, g.Events, func() {
		gatewaytest.Eventually(t, patience, func() error {
			if edge.attempts() == 0 {
				return errors.New("nothing was uploaded")
			}
			return nil
		})
	})
	g.Kill()
	killed := g.Log()

	edge.fail(false)
	g = start()
	waitArchived(t, p, edge.found)
	loadUntil(t, p, g.Events, nil)
	waitArchived(t, p, edge.found)
	g.Stop()
	if strings.Contains(killed+g.Log(), "archive-secret-value") {
		t.Error("the log holds the secret")
	}
	if !strings.Contains(killed, "the archive cannot upload a file") {
		t.Error("the log does not say that the store was away")
	}
}

// TestArchiveSettings loads bad settings: the answer names the field and the value.
func TestArchiveSettings(t *testing.T) {
	g := gatewaytest.Start(t)
	for _, test := range []struct{ plugin, want string }{
		{"plugin archive", "directory: missing"},
		{"plugin archive {\n directory x\n compression lz4\n}", `compression: \"lz4\" is not accepted`},
		{"plugin archive {\n directory x\n prefix {minute}\n}", "prefix"},
		{"plugin archive {\n directory x\n keep 1\n}", `unknown option \"keep\" of plugin archive`},
		{"plugin archive {\n s3 {\n bucket b\n endpoint x\n}\n}", "s3.endpoint: not accepted"},
		// Last, as Caddy has begun to change its admin API's listener when a configuration fails at its start.
		{"plugin archive {\n directory /dev/null\n}", "/dev/null"},
	} {
		status, body := g.Reload(archiveCaddyfile(test.plugin))
		if status != http.StatusBadRequest || !strings.Contains(body, test.want) {
			t.Errorf("%s: %d %s", test.plugin, status, body)
		}
	}
	emit(t, g, "made", "{}", http.StatusAccepted)
}
