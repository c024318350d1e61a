package caddymodule

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shop is a document as export writes it.
const shop = `space: default
functions:
  - functionId: auth
    type: http
    provider:
      url: http://localhost:9000/auth
  - functionId: place
    type: http
    provider:
      url: http://localhost:9000/place
    timeout: 5s
    metadata:
      team: shop
eventTypes:
  - name: order.placed
    authorizerId: auth
    schema:
      type: object
      required:
        - total
cors:
  - method: GET
    path: /orders/:id
    allowedOrigins:
      - https://shop.example.com
    allowedMethods:
      - GET
    allowedHeaders:
      - Accept
    allowCredentials: true
subscriptions:
  - type: sync
    event: http
    functionId: place
    method: GET
    path: /orders/:id
  - type: async
    event: order.placed
    functionId: place
    method: POST
    path: /
    filter: data.total > 100
    delivery:
      attempts: 3
`

func TestImportAndExport(t *testing.T) {
	g := newTarget(t)
	printed := `space default
  + function auth
  + function place
  + event type order.placed
  + cors GET /orders/:id
  + subscription sync http GET /orders/:id to place
  + subscription async order.placed POST / to place
6 to create, 0 to change, 0 to delete; 0 as they should be
`
	if out, _ := g.load(exitDiffers, shop, "--dry-run"); out != printed {
		t.Errorf("--dry-run printed\n%s", out)
	}
	if list := g.do("GET", "/v1/spaces/default/functions", "", 200); !strings.Contains(list, `"functions":[]`) {
		t.Errorf("--dry-run wrote %s", list)
	}
	done := `created function auth in space default
created function place in space default
created event type order.placed in space default
created cors GET /orders/:id in space default
created subscription sync http GET /orders/:id to place in space default
created subscription async order.placed POST / to place in space default
`
	if out, _ := g.load(exitDone, shop); out != printed+done {
		t.Errorf("the import printed\n%s", out)
	}
	nothing := "0 to create, 0 to change, 0 to delete; 6 as they should be\n"
	for _, args := range [][]string{{"--dry-run"}, {}, {"--prune"}, {"--dry-run", "--prune"}} {
		if out, _ := g.load(exitDone, shop, args...); out != nothing {
			t.Errorf("once more %v, it printed\n%s", args, out)
		}
	}
	if got := g.save(); got != shop {
		t.Errorf("exported\n%s", got)
	}
	if out, _ := g.load(exitDone, g.save("--format", "json"), "--dry-run"); out != nothing {
		t.Errorf("its own JSON document differs:\n%s", out)
	}
}

func TestImportTellsTheDifference(t *testing.T) {
	g := newTarget(t)
	g.load(exitDone, shop)
	changed := strings.NewReplacer("timeout: 5s", "timeout: 7s", "team: shop", "owner: x", "attempts: 3", "attempts: 5",
		"- total", "- total\n        - country", "path: /orders/:id\n    allowed", "path: /baskets/:id\n    allowed").Replace(shop)
	want := `space default
  ~ function place
      metadata.owner: added "x"
      metadata.team: removed "shop"
      timeout: "5s" -> "7s"
  ~ event type order.placed
      schema.required: ["total"] -> ["total","country"]
  + cors GET /baskets/:id
  ~ subscription async order.placed POST / to place
      delivery.attempts: 3 -> 5
`
	if out, _ := g.load(exitDiffers, changed, "--dry-run"); out != want+
		"1 to create, 3 to change, 0 to delete; 2 as they should be, 1 not in the document and left alone\n" {
		t.Errorf("printed\n%s", out)
	}
	if out, _ := g.load(exitDiffers, changed, "--dry-run", "--prune"); out != want+"  - cors GET /orders/:id\n"+
		"1 to create, 3 to change, 1 to delete; 2 as they should be\n" {
		t.Errorf("with --prune it printed\n%s", out)
	}
	g.load(exitDone, changed, "--prune")
	if got := g.save(); got != changed {
		t.Errorf("exported\n%s\nwant\n%s", got, changed)
	}
}

// TestImportOrder has changes that are possible in one order only.
func TestImportOrder(t *testing.T) {
	const function = "  - {functionId: %, type: http, provider: {url: 'http://localhost/%'}}\n"
	functions := func(ids ...string) string {
		s := "functions:\n"
		for _, id := range ids {
			s += strings.ReplaceAll(function, "%", id)
		}
		return s
	}
	for _, test := range []struct{ name, before, after, printed string }{
		{
			"a route goes to another function",
			functions("a") + "subscriptions: [{event: http, method: GET, path: /x, functionId: a}]",
			functions("b") + "subscriptions: [{event: http, method: GET, path: /x, functionId: b}]",
			"+ function b, - subscription sync http GET /x to a, + subscription sync http GET /x to b, - function a",
		},
		{
			"a subscription is replaced by one that can be beside it",
			functions("a") + "subscriptions: [{event: e, functionId: a}]",
			functions("a") + "subscriptions: [{event: f, functionId: a}]",
			"+ subscription async f POST / to a, - subscription async e POST / to a",
		},
		{
			"a parameter gets another name",
			functions("a") + "cors: [{method: GET, path: '/x/:a'}]\nsubscriptions: [{event: http, method: GET, path: '/x/:a', functionId: a}]",
			functions("a") + "cors: [{method: GET, path: '/x/:b'}]\nsubscriptions: [{event: http, method: GET, path: '/x/:b', functionId: a}]",
			"- cors GET /x/:a, + cors GET /x/:b, - subscription sync http GET /x/:a to a, + subscription sync http GET /x/:b to a",
		},
		{
			"another authorizer",
			functions("a") + "eventTypes: [{name: e, authorizerId: a}]",
			functions("b") + "eventTypes: [{name: e, authorizerId: b}]",
			"+ function b, ~ event type e, - function a",
		},
		{
			"all goes",
			functions("a", "b") + "eventTypes: [{name: e, authorizerId: b}]\n" +
				"subscriptions: [{event: e, functionId: a, delivery: {deadLetter: b}}]",
			"{functions: [], eventTypes: [], subscriptions: []}",
			"- subscription async e POST / to a, - event type e, - function a, - function b",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTarget(t)
			g.load(exitDone, test.before)
			out, _ := g.load(exitDiffers, test.after, "--prune", "--dry-run")
			var steps []string
			for line := range strings.Lines(out) {
				if step, ok := strings.CutPrefix(line, "  "); ok && step[0] != ' ' {
					steps = append(steps, strings.TrimSuffix(step, "\n"))
				}
			}
			if got := strings.Join(steps, ", "); got != test.printed {
				t.Errorf("the steps are\n%s, want\n%s", got, test.printed)
			}
			g.load(exitDone, test.after, "--prune")
			g.load(exitDone, test.after, "--prune", "--dry-run")
		})
	}
}

// TestImportChecksFirst has documents that are wrong: each is refused with its place, and nothing of it is written.
func TestImportChecksFirst(t *testing.T) {
	t.Setenv("EMPTY_TEST_VALUE", "")
	const good = "functions:\n- functionId: good\n  type: http\n  provider: {url: http://localhost/}\n"
	for _, test := range []struct{ name, document, want string }{
		{"nothing", "", "Error: -: empty: want a document"},
		{"no YAML", "functions:\n - a\nb", "Error: -: not valid YAML: line 3: "},
		{"no JSON", `{"functions": [}`, "Error: -: line 1: not valid JSON: invalid character '}'"},
		{"no object", "- functions", "Error: -:1: a list is not accepted: want an object with space, functions"},
		{"another list", good + "function: []", `Error: -:5: unknown field "function": want only space, functions, eventTypes`},
		{"no list", "functions: {}", "Error: -:1: functions: an object is not accepted: want a list"},
		{"twice", good + "functions: []", `Error: -: line 5: "functions" is given twice`},
		{"the same twice", good + "- functionId: good\n  type: http", "Error: -:5: function good: given twice: it is at line 2 too"},
		{"two names of one event", "eventTypes:\n- name: http\n- name: http.request", "Error: -:3: event type http.request: given twice: it is at line 2 too"},
		{"no name", good + "- type: http", "Error: -:5: function 2: functionId: missing"},
		{"no text", good + "- functionId: 7", "Error: -:5: function 2: functionId: a number is not accepted: want a string"},
		{"no event", good + "subscriptions:\n- functionId: good", "Error: -:6: subscription 1: event: missing"},
		{"an unknown field", good + "  timeuot: 5s", `Error: -:5: function good: unknown field "timeuot": want only`},
		{"an unknown type", good + "- functionId: f\n  type: htp\n  provider:\n    url: x", `Error: -:6: function f: type: "htp" is not accepted`},
		{"a provider's field", good + "- functionId: f\n  type: http\n  provider:\n    method: GET\n    url: nowhere", "Error: -:9: function f: provider.url: "},
		{"an unknown provider's field", good + "- functionId: f\n  type: http\n  provider:\n    url: http://localhost/\n    metod: GET", `Error: -:9: function f: `},
		{"a credential that is not there", good + "- functionId: f\n  type: http\n  provider:\n    url: http://localhost/\n    headers:\n      Authorization: '***'", `Error: -:10: function f: provider.headers.Authorization: "***" is not accepted`},
		{"a metadata value", good + "  metadata:\n    tier: gold\n    size: 3", "Error: -:7: function good: \"metadata.size\": a number is not accepted"},
		{"no such function", good + "subscriptions:\n- event: e\n  functionId: goood", "Error: -:7: subscription async e POST / to goood: functionId: function \"goood\" does not exist"},
		{"no such dead letter function", good + "subscriptions:\n- event: e\n  functionId: good\n  delivery:\n    attempts: 2\n    deadLetter: bad", "Error: -:10: subscription async e POST / to good: delivery.deadLetter: "},
		{"a filter", good + "subscriptions:\n- event: e\n  functionId: good\n  filter: data.x >", "Error: -:8: subscription async e POST / to good: filter: "},
		{"a schema", good + "eventTypes:\n- name: e\n  schema: {type: nothing}", "Error: -:7: event type e: schema"},
		{"no such authorizer", good + "eventTypes:\n- name: e\n  authorizerId: nobody", "Error: -:7: event type e: authorizerId: "},
		{"two routes", good + "subscriptions:\n- {event: http, functionId: good, method: GET, path: /a/:b}\n- {event: http, functionId: good, method: GET, path: /a/c}", "Error: -:7: subscription sync http GET /a/c to good: "},
		{"a variable that is not set", good + "- functionId: f\n  type: http\n  provider: {url: '${NO_SUCH_TEST_VALUE}'}", "Error: -:7: function f: provider.url: the environment variable NO_SUCH_TEST_VALUE is not set"},
		{"a variable that is empty", good + "- functionId: f\n  type: http\n  provider: {url: '${EMPTY_TEST_VALUE}'}", "Error: -:7: function f: provider.url: the environment variable EMPTY_TEST_VALUE is not set, or empty"},
		{"no variable", good + "- functionId: f\n  type: http\n  provider: {url: '${a-b}'}", "Error: -:7: function f: provider.url: a ${ is not accepted without"},
		{"a space's name", "space: a b\n" + good, `Error: -:1: space: "a b" is not accepted`},
		{"another space", good + "  space: other", `Error: -:5: function good: space: "other" is not accepted`},
		{"a space without a name", "spaces:\n- functions: []", "Error: -:2: space: missing"},
		{"a space twice", "spaces:\n- space: a\n- space: a", `Error: -:3: space: "a" is given twice: it is at line 2 too`},
		{"beside spaces", "spaces: []\nspace: a", `Error: -:2: "space": not accepted beside spaces`},
		{"two documents", good + "---\n" + good, "Error: -: line "},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTarget(t)
			g.before = func(r *http.Request) {
				if r.Method != http.MethodGet {
					t.Errorf("%s %s was sent", r.Method, r.URL)
				}
			}
			for _, args := range [][]string{{}, {"--dry-run"}} {
				if _, stderr := g.load(exitNotSaved, test.document, args...); !strings.HasPrefix(stderr, test.want) {
					t.Errorf("printed %q, want %q", stderr, test.want)
				}
			}
		})
	}
}

func TestImportTellsAllThatIsWrong(t *testing.T) {
	g := newTarget(t)
	_, stderr := g.load(exitNotSaved, "functions:\n- functionId: a\n  type: http\n- functionId: b\n  type: nothing\n  provider: {}\nsubscriptions:\n- {event: e, functionId: b}")
	if lines := strings.Split(strings.TrimSpace(stderr), "\n"); len(lines) != 3 {
		t.Errorf("printed\n%s\nwant three lines", stderr)
	}
}

func TestImportOfJSONNamesLines(t *testing.T) {
	g := newTarget(t)
	document := "{\n  \"functions\": [\n    {\n      \"functionId\": \"f\",\n      \"type\": \"http\",\n      \"provider\": {\n        \"url\": 7\n      }\n    }\n  ]\n}"
	if _, stderr := g.load(exitNotSaved, document); !strings.HasPrefix(stderr, "Error: -:7: function f: provider.url: ") {
		t.Errorf("printed %q", stderr)
	}
}

func TestImportSpaces(t *testing.T) {
	g := newTarget(t)
	g.load(exitDone, shop, "--space", "staging")
	staging := g.save("--space", "staging")
	if staging != strings.Replace(shop, "space: default", "space: staging", 1) {
		t.Errorf("exported\n%s", staging)
	}
	g.load(exitDone, staging, "--space", "production")
	both := g.save("--space", "staging", "--space", "production")
	if out, _ := g.load(exitDone, both, "--dry-run"); out != "0 to create, 0 to change, 0 to delete; 12 as they should be\n" {
		t.Errorf("the document of both differs:\n%s", out)
	}
	other := newTarget(t)
	other.load(exitDone, both, "--space", "production")
	if got := other.save("--space", "staging", "--space", "production"); !strings.Contains(got, "staging\n    functions: []\n") || strings.Count(got, "functionId: auth") != 1 {
		t.Errorf("--space production imported\n%s", got)
	}
	if _, stderr := other.load(exitNotSaved, both, "--space", "elsewhere"); !strings.Contains(stderr, `space "elsewhere" is not among its spaces`) {
		t.Errorf("printed %q", stderr)
	}
	other.load(exitDone, both)
	if got := other.save("--space", "staging", "--space", "production"); got != both {
		t.Errorf("imported both, and exported\n%s", got)
	}
}

// TestImportPrunesWhatIsListed has a document without some of the lists: what it says nothing about stays.
func TestImportPrunesWhatIsListed(t *testing.T) {
	g := newTarget(t)
	g.load(exitDone, shop)
	out, _ := g.load(exitDone, "cors: []", "--prune")
	if !strings.Contains(out, "0 to create, 0 to change, 1 to delete; 0 as they should be, 5 not in the document and left alone\n"+
		"deleted cors GET /orders/:id in space default\n") {
		t.Errorf("printed\n%s", out)
	}
	if _, stderr := g.load(exitNotSaved, "functions: []", "--prune"); !strings.Contains(stderr, "Error: -: function auth: function \"auth\" is in use") {
		t.Errorf("pruning functions in use printed\n%s", stderr)
	}
}

func TestImportReadsFiles(t *testing.T) {
	g := newTarget(t)
	name := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(name, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, stderr := run(importCommand(), "", "--address", g.URL, name); status != exitDone || stderr != "" {
		t.Fatalf("status %d: %s%s", status, out, stderr)
	}
	exported := filepath.Join(t.TempDir(), "exported.yaml")
	g.save("--output", exported)
	if got, err := os.ReadFile(exported); err != nil || string(got) != shop {
		t.Errorf("exported %v\n%s", err, got)
	}
}

func TestImportRefusesWhatItCannotMean(t *testing.T) {
	g := newTarget(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "want a file, - for standard input, or --from-etcd"},
		{[]string{"/does/not/exist"}, "open /does/not/exist: "},
		{[]string{"a", "b"}, "2 files are not accepted: want one"},
		{[]string{"-", "--from-etcd", "localhost:2379"}, "--from-etcd is not accepted beside a file"},
		{[]string{"--from-etcd", "localhost:2379,"}, "endpoints: one is empty"},
		{[]string{"-", "--space", "a b"}, `space: "a b" is not accepted`},
		{[]string{"-", "--header", "nothing"}, "--header: want a name, a colon and a value"},
		{[]string{"-", "--header", "A: ${NO_SUCH_TEST_VALUE}"}, `--header: the environment variable "NO_SUCH_TEST_VALUE" is not set`},
		{[]string{"-", "--address", "ftp://localhost"}, "address: want a URL"},
		{[]string{"-", "--address", g.URL + "/elsewhere"}, "no Configuration API at " + g.URL + "/elsewhere"},
		{[]string{"--dryrun"}, "unknown flag: --dryrun"},
	} {
		args := append([]string{"--address", g.URL}, test.args...)
		if status, _, stderr := run(importCommand(), "functions: []", args...); status != exitNotSaved || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: status %d, printed %q, want %q", test.args, status, stderr, test.want)
		}
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--format", "toml"}, `--format: "toml" is not accepted: want yaml or json`},
		{[]string{"--space", "a b"}, `--space: "a b" is not accepted`},
		{[]string{"--space", "a", "--space", "a"}, "--space: a is given twice"},
		{[]string{"file"}, `"file" is not accepted: want --output`},
		{[]string{"--output", "/does/not/exist"}, "open /does/not/exist: "},
		{[]string{"--all"}, "unknown flag: --all"},
	} {
		args := append([]string{"--address", g.URL}, test.args...)
		if status, _, stderr := run(exportCommand(), "", args...); status != exitNotSaved || !strings.Contains(stderr, test.want) {
			t.Errorf("export %v: status %d, printed %q, want %q", test.args, status, stderr, test.want)
		}
	}
}
