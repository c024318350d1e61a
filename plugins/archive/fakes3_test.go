package archive

import (
	"bufio"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startStore runs the object store of integration/s3, which is of others' making, with one bucket.
func startStore(t *testing.T) (endpoint string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "s3")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..", "integration", "s3")
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("the object store cannot be built: %v\n%s", err, out)
		}
		t.Fatalf("building the object store: %v\n%s", err, out)
	}
	run := exec.Command(binary, "events")
	input, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		run.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, err)
	}
	return resp, body
}

// TestUploadToAStore uploads to a server that knows the protocol, and lists and reads what it has. That server checks no
// signatures; those are checked by edge.
func TestUploadToAStore(t *testing.T) {
	endpoint := startStore(t)
	settings := func(bucket string) *S3 {
		return &S3{Bucket: bucket, Endpoint: endpoint, PathStyle: true, Region: testRegion, AccessKeyID: testKeyID, SecretAccessKey: testSecret}
	}
	a := start(t, &Archive{Directory: t.TempDir(), S3: settings("events"), Prefix: "räw data/{space}=1+2", Sync: true})
	react(t, a, inSpace("blue", "1"), inSpace("blue", "2"), inSpace("red", "3"))
	stop(t, a)

	_, body := get(t, endpoint+"/events?list-type=2")
	var list struct {
		Contents []struct {
			Key  string
			Size int64
		}
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, object := range list.Contents {
		folder, _, _ := strings.Cut(strings.TrimPrefix(object.Key, "räw data/"), "/")
		if folder != "blue=1+2" && folder != "red=1+2" {
			t.Errorf("got the key %q", object.Key)
		}
		path := &url.URL{Path: "/events/" + object.Key}
		resp, body := get(t, endpoint+strings.ReplaceAll(path.EscapedPath(), "+", "%2B"))
		if got := resp.Header.Get("Content-Type"); got != "application/gzip" || int64(len(body)) != object.Size {
			t.Errorf("%s: content type %q, %d bytes, listed with %d", object.Key, got, len(body), object.Size)
		}
		found = append(found, strings.Split(strings.TrimSuffix(content(t, object.Key, body), "\n"), "\n")...)
	}
	checkEvents(t, found, "1", "2", "3")

	logged := &safeBuffer{}
	b := start(t, &Archive{Directory: t.TempDir(), S3: settings("missing"), Sync: true, log: slog.New(slog.NewTextHandler(logged, nil))})
	react(t, b, about("4"))
	stop(t, b)
	if !strings.Contains(logged.String(), "the store answered 404 NoSuchBucket") {
		t.Errorf("logged %s", logged)
	}
}
