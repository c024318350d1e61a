package eventsapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
)

// binaryEvent is a CloudEvent with more headers, given as pairs.
func binaryEvent(path, eventType, source, id string, header ...string) *http.Request {
	return request("POST", path, "", append([]string{
		"ce-specversion", "1.0", "ce-type", eventType, "ce-source", source, "ce-id", id,
	}, header...)...)
}

// TestKeys sends requests and looks which of their events have the same key.
func TestKeys(t *testing.T) {
	custom := func(path string, header ...string) *http.Request {
		return request("POST", path, "", append([]string{"Event", "e"}, header...)...)
	}
	inSpace := func(r *http.Request) *http.Request { r.Header.Set("Space", "default"); return r }
	withMethod := func(r *http.Request) *http.Request { r.Method = "PUT"; return r }
	structuredEvent := `{"specversion":"1.0","id":"1","source":"/s","type":"e"}`
	names, keys := map[string]string{}, map[string]string{}
	for _, test := range []struct {
		name string
		// same names the key: equal names are equal keys, others others, and no name is no key.
		same string
		r    *http.Request
	}{
		{"custom event without a key", "", custom("/")},
		{"key", "A", custom("/", "Idempotency-Key", "k")},
		{"key again, other body", "A", request("POST", "/", "body", "Event", "e", "Idempotency-Key", "k")},
		{"key of a CloudEvent", "A", binaryEvent("/", "e", "/s", "1", "Idempotency-Key", "k")},
		{"key of another CloudEvent", "A", binaryEvent("/", "e", "/other", "2", "Idempotency-Key", "k")},
		{"another key", "B", custom("/", "Idempotency-Key", "l")},
		{"key of another type", "C", request("POST", "/", "", "Event", "f", "Idempotency-Key", "k")},
		{"key on another path", "D", custom("/x/y", "Idempotency-Key", "k")},
		{"key on a path that differs in a slash", "E", custom("/x%2Fy", "Idempotency-Key", "k")},
		{"key with another method", "F", withMethod(custom("/", "Idempotency-Key", "k"))},
		{"key in a space", "G", inSpace(custom("/", "Idempotency-Key", "k"))},
		{"key of an http event", "H", request("POST", "/", "", "Idempotency-Key", "k")},
		{"http event without a key", "", request("POST", "/", "")},
		{"CloudEvent", "I", binaryEvent("/", "e", "/s", "1")},
		{"CloudEvent in another mode", "I", request("POST", "/", structuredEvent, "Content-Type", cloudEvents)},
		{"CloudEvent in a batch", "I", request("POST", "/", "["+structuredEvent+"]", "Content-Type", batchType)},
		{"another id", "J", binaryEvent("/", "e", "/s", "2")},
		{"another source", "K", binaryEvent("/", "e", "/t", "1")},
		{"source and id cut elsewhere", "L", binaryEvent("/", "e", "/s1", "1")},
		{"source and id cut elsewhere still", "M", binaryEvent("/", "e", "/s", "11")},
		{"another type", "N", binaryEvent("/", "f", "/s", "1")},
		{"CloudEvent on another path", "O", binaryEvent("/x/y", "e", "/s", "1")},
		{"CloudEvent in a space", "P", inSpace(binaryEvent("/", "e", "/s", "1"))},
		{"source and id as a key", "Q", custom("/", "Idempotency-Key", "/s1")},
		{"key of a batch", "R", request("POST", "/", "["+structuredEvent+"]", "Content-Type", batchType, "Idempotency-Key", "k")},
		{"the longest key", "S", custom("/", "Idempotency-Key", strings.Repeat("~", 255))},
	} {
		g := newGateway(t)
		for _, path := range []string{"/", "/x/y", "/x%2Fy"} {
			g.subscribe(t, "async e POST "+path+" f").subscribe(t, "async f POST "+path+" f").subscribe(t, "async e PUT "+path+" f").
				subscribe(t, "async http POST "+path+" f")
		}
		res := g.send(test.r)
		if res.StatusCode != 202 || len(g.queue.items) != 1 {
			t.Fatalf("%s: got %d %s, queued %q", test.name, res.StatusCode, bodyOf(t, res), g.queued())
		}
		key := g.queue.items[0].Key
		if (key == "") != (test.same == "") || len(key) > 64 {
			t.Errorf("%s: the key is %q", test.name, key)
		}
		if before, ok := names[key]; ok && before != test.same {
			t.Errorf("%s: the key is that of %s", test.name, before)
		}
		if before, ok := keys[test.same]; ok && before != key {
			t.Errorf("%s: the key is not that of the others", test.name)
		}
		names[key], keys[test.same] = test.same, key
	}
}

// TestKeysOfABatch checks that an Idempotency-Key names each event of a batch by its place.
func TestKeysOfABatch(t *testing.T) {
	g := newGateway(t).subscribe(t, "async e POST / f")
	batch := "[" + structured("e") + "," + structured("nobody") + "," + structured("e") + "]"
	keys := func(header ...string) (keys [2]string) {
		g.queue.items = nil
		res := g.send(request("POST", "/", batch, append([]string{"Content-Type", batchType}, header...)...))
		if res.StatusCode != 202 || len(g.queue.items) != 2 {
			t.Fatalf("got %d, queued %q", res.StatusCode, g.queued())
		}
		return [2]string{g.queue.items[0].Key, g.queue.items[1].Key}
	}
	if own := keys(); own[0] == "" || own[0] != own[1] {
		t.Errorf("two events with one source and id have the keys %q", own)
	}
	named := keys("Idempotency-Key", "k")
	if named[0] == named[1] || named != keys("Idempotency-Key", "k") || named == keys("Idempotency-Key", "l") {
		t.Errorf("the keys are %q", named)
	}
}

func TestIdempotencyKeyIsChecked(t *testing.T) {
	g := newGateway(t).function("f", says(`{"body":"ok"}`)).subscribe(t, "async e POST / f").
		subscribe(t, "async http POST /hook f").subscribe(t, "sync http POST /api f").subscribe(t, "sync invoke POST / f")
	for _, key := range []string{"", "a b", "ü", "a\x00", "a\tb", strings.Repeat("k", 256)} {
		want := fmt.Sprintf("Idempotency-Key: %.40s", fmt.Sprintf("%q", key))
		for _, r := range []*http.Request{
			request("POST", "/", "", "Event", "e"),
			request("POST", "/", "", "Event", "nobody"),
			request("POST", "/", structured("e"), "Content-Type", cloudEvents),
			request("POST", "/", "["+structured("e")+"]", "Content-Type", batchType),
			request("POST", "/hook", ""),
		} {
			r.Header["Idempotency-Key"] = []string{key}
			expectError(t, g.send(r), 400, strings.TrimSuffix(want, `"`))
		}
		for _, r := range []*http.Request{
			request("POST", "/api", ""),
			request("POST", "/", "", "Event", "invoke", "Function-ID", "f"),
		} {
			r.Header["Idempotency-Key"] = []string{key}
			if res := g.send(r); res.StatusCode != 200 {
				t.Errorf("%q for the function alone: got %d %s", key, res.StatusCode, bodyOf(t, res))
			}
		}
	}
	twice := request("POST", "/", "", "Event", "e", "Idempotency-Key", "a", "Idempotency-Key", "a")
	expectError(t, g.send(twice), 400, "Idempotency-Key: given 2 times: want it once")
	if g.queued() != "" {
		t.Errorf("queued %q", g.queued())
	}
}

func TestDuplicates(t *testing.T) {
	calls := 0
	g := newGateway(t).function("f", same).function("s", func(ctx context.Context, call *providers.Call) (*providers.Result, error) {
		calls++
		return same(ctx, call)
	}).
		subscribe(t, "async e POST / f").subscribe(t, "async http POST /hook f").
		subscribe(t, "async asked POST / f").subscribe(t, "sync asked POST / s")
	g.queue.seen = map[string]string{}
	check := func(r *http.Request, id, duplicate string) string {
		t.Helper()
		res := g.send(r)
		got := res.Header.Get("Event-Gateway-Event-Id")
		if res.StatusCode != 202 || id != "" && got != id || res.Header.Get("Event-Gateway-Duplicate") != duplicate {
			t.Errorf("got %d %v, want id %q, duplicate %q", res.StatusCode, res.Header, id, duplicate)
		}
		return got
	}
	check(binaryEvent("/", "e", "/s", "1"), "1", "")
	check(binaryEvent("/", "e", "/s", "1"), "1", "true")
	check(binaryEvent("/", "e", "/s", "2"), "2", "")
	check(binaryEvent("/", "e", "/s", "3", "Idempotency-Key", "k"), "3", "")
	check(binaryEvent("/", "e", "/s", "4", "Idempotency-Key", "k"), "3", "true")
	check(binaryEvent("/", "nobody", "/s", "1"), "1", "")
	check(binaryEvent("/", "nobody", "/s", "1"), "1", "")
	check(binaryEvent("/", "e", "/s", "%C3%BC%20%25"), "%C3%BC%20%25", "")
	check(binaryEvent("/", "e", "/s", "%C3%BC%20%25"), "%C3%BC%20%25", "true")
	first := check(request("POST", "/", "", "Event", "e", "Idempotency-Key", "l"), "", "")
	check(request("POST", "/", "", "Event", "e", "Idempotency-Key", "l"), first, "true")
	first = check(request("POST", "/hook", "", "Idempotency-Key", "l"), "", "")
	check(request("POST", "/hook", "", "Idempotency-Key", "l"), first, "true")
	if got := g.queued(); got != "e → f; e → f; e → f; e → f; e → f; http → f" {
		t.Errorf("queued %q", got)
	}
	for i := 1; i <= 2; i++ {
		res := g.send(binaryEvent("/", "asked", "/s", "1"))
		if res.StatusCode != 200 || calls != i || len(g.queue.items) != 7 || res.Header.Get("Event-Gateway-Duplicate") != "" {
			t.Errorf("the sync subscriber answered %d %v after %d calls, with %q queued", res.StatusCode, res.Header, calls, g.queued())
		}
	}
}

func TestDuplicatesInABatch(t *testing.T) {
	g := newGateway(t).subscribe(t, "async a POST / f").subscribe(t, "async b POST / f")
	g.queue.seen = map[string]string{}
	for _, test := range []struct{ types, duplicate string }{
		{"nobody", ""}, {"nobody nobody", ""}, {"a", ""}, {"a b", ""}, {"a b", "true"}, {"a nobody", "true"}, {"", ""},
	} {
		events := []string{}
		for eventType := range strings.FieldsSeq(test.types) {
			events = append(events, structured(eventType))
		}
		res := g.send(request("POST", "/", "["+strings.Join(events, ",")+"]", "Content-Type", batchType))
		if res.StatusCode != 202 || res.Header.Get("Event-Gateway-Duplicate") != test.duplicate {
			t.Errorf("%s: got %d %v, want duplicate %q", test.types, res.StatusCode, res.Header, test.duplicate)
		}
	}
	if got := g.queued(); got != "a → f; b → f" {
		t.Errorf("queued %q", got)
	}
}
