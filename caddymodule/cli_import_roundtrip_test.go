package caddymodule

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// oddTexts are what metadata may hold and a document could lose.
var oddTexts = []string{"", "no", "1.0", "~", "a: b", "# c", "${HOME}", "$${HOME}", "a\nb\n", " x ", "é😀", `"'\`, "***", "<<", "2020-01-01", "\t"}

// randomDocument returns a document of resources that go together, in no order.
func randomDocument(r *rand.Rand) string {
	object := func() map[string]any { return map[string]any{} }
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	metadata := func(to map[string]any) {
		if r.IntN(3) == 0 {
			to["metadata"] = map[string]string{"a" + pick(oddTexts): pick(oddTexts), "b": pick(oddTexts)}
		}
	}
	eventTypes, cors, subscriptions := []any{}, []any{}, []any{}
	functions := []any{json.RawMessage(`{"functionId":"dead","type":"http","provider":{"url":"http://localhost/dead"}}`)}
	var ids []string
	for i := range 1 + r.IntN(6) {
		f := object()
		ids = append(ids, fmt.Sprint("f", i))
		f["functionId"], f["type"] = ids[i], "http"
		f["provider"] = map[string]any{"url": "http://localhost/" + pick([]string{"", "x?y=$${z}", "%20"})}
		if r.IntN(2) == 0 {
			f["timeout"], f["concurrency"] = fmt.Sprint(1+r.IntN(90), "s"), r.IntN(5)
		}
		if r.IntN(2) == 0 {
			f["format"] = pick([]string{"event", "cloudevents", "raw"})
		}
		metadata(f)
		functions = append(functions, f)
	}
	events := []string{"http", "user.created", "user/ä", "e:1"}
	for _, name := range events[:3] { // always the same: a type that has subscriptions cannot be deleted
		e := object()
		e["name"] = name
		if r.IntN(2) == 0 {
			e["authorizerId"] = pick(ids)
		}
		if r.IntN(2) == 0 {
			e["schema"] = json.RawMessage(`{"type":"object","properties":{"n":{"minimum":1.50},"a b":{"const":null},"on":true,"total":{"type":"number"},"x":{"type":"string"}},"required":["n"]}`)
			e["schemaMode"] = pick([]string{"reject", "flag", "off"})
		}
		metadata(e)
		eventTypes = append(eventTypes, e)
	}
	for i := range r.IntN(4) {
		c := object()
		c["method"], c["path"] = pick([]string{"GET", "post"}), fmt.Sprint("/c", i, pick([]string{"", "/:id", "/*rest"}))
		if r.IntN(2) == 0 {
			c["allowedOrigins"], c["allowCredentials"] = []string{"https://*.example.com"}, true
		}
		metadata(c)
		cors = append(cors, c)
	}
	for i := range r.IntN(8) {
		s := object()
		event := pick(events)
		s[pick([]string{"event", "eventType"})], s["functionId"], s["path"] = event, pick(ids), fmt.Sprint("/s", i, pick([]string{"", "/:id"}))
		if event == "http" {
			s["method"], s["cors"] = pick([]string{"GET", "put"}), object()
		} else if r.IntN(2) == 0 {
			s["functionId"] = ids[0]
			s["delivery"] = map[string]any{"attempts": 1 + r.IntN(5), "deadLetter": "dead", "backoff": map[string]any{"factor": 1.5, "jitter": 0}}
			s["paused"] = r.IntN(2) == 0
		}
		switch r.IntN(3) {
		case 0:
			s["filter"] = "data.total > 1.5 &&\n  data.x != \"${HOME}\"\n"
		case 1:
			s["pattern"] = json.RawMessage(`{"detail":{"total":[{"numeric":[">",1e2]}],"x":[null,"no"]}}`)
		}
		metadata(s)
		subscriptions = append(subscriptions, s)
	}
	for _, list := range [][]any{functions, eventTypes, cors, subscriptions} {
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	document, err := json.Marshal(map[string]any{"functions": functions, "eventTypes": eventTypes, "cors": cors, "subscriptions": subscriptions})
	if err != nil {
		panic(err)
	}
	return string(document)
}

// TestExportRoundTrips imports what was exported into another gateway, in both formats: it exports the same, and importing it
// once more, here or there, changes nothing.
func TestExportRoundTrips(t *testing.T) {
	for seed := range uint64(25) {
		document := randomDocument(rand.New(rand.NewPCG(seed, 4)))
		g := newTarget(t)
		g.load(exitDone, document)
		g.load(exitDone, document, "--dry-run", "--prune")
		want := g.save()
		for _, format := range []string{"yaml", "json"} {
			exported, copied := g.save("--format", format), newTarget(t)
			copied.load(exitDone, exported)
			if got := copied.save(); got != want {
				t.Fatalf("seed %d: the copy exports\n%s\nwant\n%s", seed, got, want)
			}
			for _, gateway := range []*target{g, copied} {
				if out, _ := gateway.load(exitDone, exported, "--prune"); strings.Contains(out, "space default") {
					t.Fatalf("seed %d: its own document differs:\n%s", seed, out)
				}
			}
		}
	}
}

// TestImportTurnsOneIntoAnother imports one random document over another, pruning: what it exports then is what the second
// alone would be, unless a subscription is paused, which only a document that says so changes.
func TestImportTurnsOneIntoAnother(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 5))
		one, other := randomDocument(r), randomDocument(r)
		g, alone := newTarget(t), newTarget(t)
		g.load(exitDone, strings.ReplaceAll(one, `"paused":true`, `"paused":false`))
		alone.load(exitDone, other)
		g.load(exitDone, other, "--prune")
		if got, want := g.save(), alone.save(); got != want {
			t.Fatalf("seed %d: exported\n%s\nwant\n%s", seed, got, want)
		}
		if out, _ := g.load(exitDone, other, "--prune", "--dry-run"); strings.Contains(out, "space default") {
			t.Fatalf("seed %d: the import left a difference:\n%s", seed, out)
		}
	}
}
