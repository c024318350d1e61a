package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	testKeyID  = "AKIDTESTKEY"
	testSecret = "a-secret-that-is-nowhere-to-be-seen"
	testToken  = "a-token-that-is-nowhere-to-be-seen"
	testRegion = "eu-test-7"
)

// edge stands for an object store: it checks the signature of what it gets, the hash and the length of the content, and
// keeps it. It does not prove that a real store takes the requests; integration/s3 has one for that.
type edge struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	objects map[string][]byte
	hosts   map[string]bool
	// answer, where set, answers in place of the store; it is asked with the path.
	answer func(w http.ResponseWriter, path string) bool
	puts   int
}

func newEdge(t *testing.T) *edge {
	e := &edge{t: t, objects: map[string][]byte{}, hosts: map[string]bool{}}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	if r.Method != http.MethodPut {
		e.t.Errorf("got %s %s", r.Method, r.URL)
	}
	e.checkSignature(r, body)
	e.mu.Lock()
	e.puts++
	answer := e.answer
	e.mu.Unlock()
	if answer != nil && answer(w, r.URL.Path) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hosts[r.Host] = true
	e.objects[r.URL.Path] = body
	w.Header().Set("ETag", `"x"`)
}

// checkSignature signs the request once more, as the client should have.
func (e *edge) checkSignature(r *http.Request, body []byte) {
	hash := sha256.Sum256(body)
	if got := r.Header.Get("X-Amz-Content-Sha256"); got != hex.EncodeToString(hash[:]) {
		e.t.Errorf("the content's hash is %q", got)
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		e.t.Errorf("the date: %v", err)
	}
	again := r.Clone(context.Background())
	again.URL.Host, again.URL.Scheme = r.Host, "http"
	for name := range again.Header {
		if !strings.Contains(r.Header.Get("Authorization"), strings.ToLower(name)) {
			again.Header.Del(name)
		}
	}
	again.Header.Del("Authorization")
	credentials := aws.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret, SessionToken: testToken}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(context.Background(), credentials, again, hex.EncodeToString(hash[:]), "s3", testRegion, at); err != nil {
		e.t.Error(err)
	}
	if got, want := r.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
		e.t.Errorf("the signature is\n%s, want\n%s", got, want)
	}
}

// answering sets who answers in place of the store.
func (e *edge) answering(answer func(w http.ResponseWriter, path string) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

func (e *edge) attempts() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.puts
}

func (e *edge) stored() map[string][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	stored := map[string][]byte{}
	for path, data := range e.objects {
		stored[path] = bytes.Clone(data)
	}
	return stored
}

// lines returns the lines of all objects.
func (e *edge) lines() []string {
	var all []string
	for path, data := range e.stored() {
		all = append(all, strings.Split(strings.TrimSuffix(content(e.t, path, data), "\n"), "\n")...)
	}
	return all
}

// settings returns the settings of the store's bucket.
func (e *edge) settings() *S3 {
	return &S3{
		Bucket: "events", Region: testRegion, Endpoint: e.URL, PathStyle: true,
		AccessKeyID: testKeyID, SecretAccessKey: testSecret, SessionToken: testToken,
	}
}

// unavailable answers with what a store may say, and secrets that it may repeat.
func unavailable(w http.ResponseWriter, _ string) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>you sent `+testSecret+` `+testToken+`</Message></Error>`)
	return true
}
