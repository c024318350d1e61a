package caddymodule

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// secretOf returns the Authorization header the gateway has stored for function f.
func (g *target) secretOf(name string) string {
	g.t.Helper()
	handle, ok := g.api.View.Snapshot().Functions.Get(eventgateway.FunctionKey{Space: "default", ID: "f"})
	if !ok {
		g.t.Fatal("there is no function f")
	}
	var provider struct{ Headers map[string]string }
	if err := json.Unmarshal(handle.Function.Provider, &provider); err != nil {
		g.t.Fatal(err)
	}
	return provider.Headers[name]
}

func TestImportOfCredentials(t *testing.T) {
	const document = `functions:
- functionId: f
  type: http
  provider:
    url: http://localhost/${TEST_PATH}?$${kept}
    headers:
      Authorization: Bearer ${TEST_TOKEN}
`
	g := newTarget(t)
	t.Setenv("TEST_PATH", "path-of-the-test")
	t.Setenv("TEST_TOKEN", "first-secret")
	var printed strings.Builder
	load := func(want int, document string, args ...string) string {
		t.Helper()
		out, stderr := g.load(want, document, args...)
		printed.WriteString(out + stderr)
		return out
	}
	load(exitDone, document)
	if got := g.secretOf("Authorization"); got != "Bearer first-secret" {
		t.Fatalf("the gateway has the credential %q", got)
	}

	// A credential that is given is written, and is no difference.
	t.Setenv("TEST_TOKEN", "second-secret")
	want := "space default\n  = function f\n      provider.headers.Authorization: given, and written whether or not it is the one stored\n" +
		"0 to create, 0 to change, 0 to delete; 1 as they should be\n"
	if out := load(exitDone, document, "--dry-run"); out != want {
		t.Errorf("printed\n%s", out)
	}
	if out := load(exitDone, document); out != want+"changed function f in space default\n" {
		t.Errorf("printed\n%s", out)
	}
	if got := g.secretOf("Authorization"); got != "Bearer second-secret" {
		t.Errorf("the gateway has the credential %q", got)
	}

	// One that is masked keeps what is stored, whatever else changes.
	exported := g.save()
	if !strings.Contains(exported, "Authorization: '***'") || !strings.Contains(exported, "url: http://localhost/path-of-the-test?$${kept}") {
		t.Errorf("exported\n%s", exported)
	}
	load(exitDone, exported, "--dry-run")
	load(exitDiffers, strings.Replace(exported, "subscriptions: []", "subscriptions: [{functionId: f, event: made}]", 1), "--dry-run")
	changed := strings.Replace(exported, "type: http", "type: http\n    timeout: 9s", 1)
	if out := load(exitDone, changed); !strings.Contains(out, `timeout: added "9s"`) {
		t.Errorf("printed\n%s", out)
	}
	if got := g.secretOf("Authorization"); got != "Bearer second-secret" {
		t.Errorf("the gateway has the credential %q", got)
	}

	// What goes wrong tells nothing either.
	for _, provider := range []string{
		"{url: '${TEST_TOKEN}'}", "{url: 'http://${TEST_TOKEN} x/'}", "{url: 'http://localhost/', method: '${TEST_TOKEN} x'}",
		"{url: 'http://localhost/', headers: {'${TEST_TOKEN}': 'a', A: \"${TEST_TOKEN}\\n\"}}",
	} {
		load(exitNotSaved, "functions: [{functionId: f, type: http, provider: "+provider+"}]")
	}
	t.Setenv("TEST_TOKEN", "second-secret"+strings.Repeat("x", 100))
	load(exitNotSaved, "functions: [{functionId: f, type: http, provider: {url: '${TEST_TOKEN}'}}]")
	if strings.Contains(printed.String(), "-secret") || strings.Contains(printed.String(), "path-of-the-test") {
		t.Errorf("a credential is in what was printed:\n%s", printed.String())
	}
}

func init() { caddy.RegisterModule(new(pickyProvider)) }

// pickyProvider is a provider that looks at its credential: "***" is none.
type pickyProvider struct {
	URL    string `json:"url,omitempty"`
	Secret string `json:"secret,omitempty"`
}

func (*pickyProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".picky", New: func() caddy.Module { return new(pickyProvider) }}
}

func (p *pickyProvider) Validate() error {
	if !strings.HasPrefix(p.Secret, "key-") {
		return eventgateway.Errorf(eventgateway.Invalid, `secret: not accepted: want a key, which begins with "key-"`)
	}
	return nil
}

func (p *pickyProvider) EachSecret(visit func(name, value string) string) {
	p.Secret = visit("secret", p.Secret)
}

func (p *pickyProvider) Open(providers.Env) (providers.Invoker, error) {
	return nil, errors.New("not called")
}

// TestImportBesideCredentialsItCannotCheck changes functions whose provider would refuse the "***" a rehearsal has.
func TestImportBesideCredentialsItCannotCheck(t *testing.T) {
	const document = "functions:\n- functionId: f\n  type: picky\n  provider: {url: one, secret: key-1}\n"
	g := newTarget(t)
	g.load(exitDone, document)
	exported := g.save()
	g.load(exitDone, exported, "--dry-run")
	out, _ := g.load(exitDiffers, strings.Replace(exported, "url: one", "url: two", 1), "--dry-run")
	if !strings.Contains(out, "~ function f\n      provider: changed\n") {
		t.Errorf("printed\n%s", out)
	}
	g.load(exitDone, strings.Replace(exported, "url: one", "url: two", 1))
	if now := g.do("GET", "/v1/spaces/default/functions/f", "", 200); !strings.Contains(now, `{"url":"two","secret":"***"}`) {
		t.Errorf("the gateway has %s", now)
	}
	if _, stderr := g.load(exitNotSaved, strings.Replace(document, "key-1", "other", 1)); !strings.HasPrefix(stderr, "Error: -:4: function f: provider.secret: not accepted") {
		t.Errorf("printed %s", stderr)
	}
}

// TestImportReadsTheFirstGeneration has a document made of answers of the first generation, with the type among the provider's
// fields.
func TestImportReadsTheFirstGeneration(t *testing.T) {
	const document = `{"functions":[{"functionId":"hello","provider":{"type":"http","url":"http://localhost/"}}],
		"subscriptions":[{"event":"http","functionId":"hello","method":"GET","path":"/hello"},{"event":"user.created","functionId":"hello"}]}`
	g := newTarget(t)
	g.load(exitDone, document)
	if out, _ := g.load(exitDone, document, "--prune", "--dry-run"); out != "0 to create, 0 to change, 0 to delete; 3 as they should be\n" {
		t.Errorf("printed\n%s", out)
	}
}
