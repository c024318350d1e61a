package eventsapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/snapshot"
)

const userSchema = `{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"tags":{"items":{"type":"integer"}}}}`

// TestSchemaRefuses sends events whose data violates the schema in every form.
func TestSchemaRefuses(t *testing.T) {
	violating := strings.Replace(structured("e"), `{"a":1}`, `{"name":7}`, 1)
	for _, test := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"custom event", request("POST", "/", `{"name":"secret","tags":[1,"hidden"]}`, "Event", "e", "Content-Type", jsonType), `at "/tags/1"`},
		{"missing", request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType), `schema of event type "e"`},
		{"no data", request("POST", "/", "", "Event", "e"), `as a whole`},
		{"not JSON", request("POST", "/", "hidden", "Event", "e", "Content-Type", "text/plain"), `it is not JSON but "text/plain"`},
		{"form", request("POST", "/", "name=hidden", "Event", "e", "Content-Type", "application/x-www-form-urlencoded"), `it is not JSON`},
		{"structured", request("POST", "/", violating, "Content-Type", cloudEvents), `at "/name"`},
		{"binary", request("POST", "/", `{"name":7}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "e", "Content-Type", jsonType), `at "/name"`},
		{"http", request("PUT", "/p", `{"name":7}`, "Content-Type", jsonType), `schema of event type "http": at "/name"`},
		{"invoke", request("POST", "/", `{"name":7}`, "Event", "invoke", "Function-ID", "f", "Content-Type", jsonType), `schema of event type "invoke": at "/name"`},
		{
			"batch", request("POST", "/", "["+structured("other")+","+violating+"]", "Content-Type", batchType),
			`events[1]: the data violates the schema of event type "e": at "/name"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t).function("f", says(`{}`)).
				subscribe(t, "async e POST / f").subscribe(t, "sync http PUT /p f").subscribe(t, "sync invoke POST / f").
				subscribe(t, "async other POST / f").
				eventType(t, "e", schemaOf(userSchema, "")).eventType(t, "http.request", schemaOf(userSchema, "reject")).
				eventType(t, "invoke", schemaOf(userSchema, ""))
			expectError(t, g.send(test.r), 400, test.want)
			if told := g.told(); !strings.Contains(told, " schema") || strings.Count(told, "refused") != 1 {
				t.Errorf("told %q", told)
			}
			if g.queued() != "" {
				t.Errorf("queued %q", g.queued())
			}
		})
	}
}

// TestUnusableEventType refuses events of a type of which nothing is known but that it is registered: it may have an authorizer.
func TestUnusableEventType(t *testing.T) {
	g := newGateway(t).function("f", says(`{}`)).subscribe(t, "async e POST / f").eventType(t, "e", nil)
	g.eventTypes.Store("default/e", &snapshot.EventType{EventType: &eventgateway.EventType{}, Unusable: true})
	expectError(t, g.send(request("POST", "/", "", "Event", "e")), 503, `event type "e" cannot be used`)
	if g.queued() != "" {
		t.Errorf("queued %q", g.queued())
	}
}

// TestSchemaMessageHoldsNoData sends data that must not come back.
func TestSchemaMessageHoldsNoData(t *testing.T) {
	g := newGateway(t).eventType(t, "e", schemaOf(`{"properties":{"a":{"const":1,"maxLength":2}}}`, "")).
		function("f", says(`{}`)).subscribe(t, "async e POST / f")
	for _, data := range []string{`{"a":"hidden"}`, `{"a":{"hidden":1}}`, `"hidden"`} {
		res := g.send(request("POST", "/", data, "Event", "e", "Content-Type", jsonType))
		if body := bodyOf(t, res); strings.Contains(body, "hidden") {
			t.Errorf("%s: %s", data, body)
		}
	}
	if log := g.log.String(); strings.Contains(log, "hidden") {
		t.Errorf("logged %s", log)
	}
}

// TestSchemaModes sends the same data to types that differ in their mode.
func TestSchemaModes(t *testing.T) {
	for mode, test := range map[eventgateway.SchemaMode]struct {
		status    int
		violation string
		told      string
	}{
		"reject": {400, "", "received default e; refused default e schema"},
		"flag":   {202, `at "/name": `, "received default e; violated default e"},
		"off":    {202, "", "received default e"},
	} {
		t.Run(string(mode), func(t *testing.T) {
			g := newGateway(t).function("f", says(`{}`)).subscribe(t, "async e POST / f").eventType(t, "e", schemaOf(userSchema, mode))
			if res := g.send(request("POST", "/", `{"name":7}`, "Event", "e", "Content-Type", jsonType)); res.StatusCode != test.status {
				t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
			}
			if told := g.told(); told != test.told {
				t.Errorf("told %q, want %q", told, test.told)
			}
			if test.status == 202 {
				if got := g.queue.items[0].Event.SchemaViolation; !strings.HasPrefix(got, test.violation) || (got == "") != (test.violation == "") {
					t.Errorf("violation %q", got)
				}
			}
			g.told()
			g.send(request("POST", "/", `{"name":"Max"}`, "Event", "e", "Content-Type", jsonType))
			if told := g.told(); told != "received default e" {
				t.Errorf("valid data: told %q", told)
			}
			if last := g.queue.items[len(g.queue.items)-1]; last.Event.SchemaViolation != "" {
				t.Errorf("valid data: violation %q", last.Event.SchemaViolation)
			}
		})
	}
}

// TestFlaggedEventReachesSyncFunction calls a function with an event that violates its schema.
func TestFlaggedEventReachesSyncFunction(t *testing.T) {
	g := newGateway(t).function("f", same).subscribe(t, "sync e POST / f").eventType(t, "e", schemaOf(userSchema, "flag"))
	res := g.send(request("POST", "/", `{"name":7}`, "Event", "e", "Content-Type", jsonType))
	if body := bodyOf(t, res); res.StatusCode != 200 || !strings.Contains(body, `at \"/name\"`) {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
}

// TestStrict sends events of types that are not registered.
func TestStrict(t *testing.T) {
	g := newGateway(t).function("f", says(`{}`)).function("s/f", says(`{}`)).
		subscribe(t, "async e POST / f").subscribe(t, "async e POST / s/f").subscribe(t, "async known POST / s/f").
		subscribe(t, "sync http GET / s/f").subscribe(t, "sync invoke POST / s/f").subscribe(t, "async alone POST / s/f").
		eventType(t, "s/known", nil)
	g.Strict = func(space string) bool { return space == "s" }
	const want = `event type "alone" is not registered`
	for _, test := range []struct {
		name, space  string
		header       []string
		status       int
		want, queued string
		told         string
	}{
		{"registered", "", []string{"Event", "known"}, 202, "", "known → s/f", "received s known"},
		{"only that space", "", []string{"Event", "alone"}, 400, want, "", "received s alone; refused s alone not_registered"},
		{"other space too", "", []string{"Event", "e"}, 202, "", "e → f", "received default e; refused s e not_registered"},
		{"bound", "s", []string{"Event", "alone"}, 400, want, "", "received s alone; refused s alone not_registered"},
		{"named", "", []string{"Event", "alone", "Space", "s"}, 400, want, "", "received s alone; refused s alone not_registered"},
		{"bound, without subscriber", "s", []string{"Event", "x"}, 400, `"x" is not registered`, "", "received  x; refused  x not_registered"},
		{"without subscriber", "", []string{"Event", "x"}, 202, "", "", "received  x"},
		{"bound to another", "default", []string{"Event", "e"}, 202, "", "e → f", "received default e"},
		{"invoke", "s", []string{"Event", "invoke", "Function-ID", "f"}, 200, "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g.queue.items = nil
			g.told()
			res := g.sendIn(test.space, request("POST", "/", "", test.header...))
			if test.want != "" {
				expectError(t, res, test.status, test.want)
			} else if res.StatusCode != test.status {
				t.Errorf("got %d %s", res.StatusCode, bodyOf(t, res))
			}
			if got := g.queued(); got != test.queued {
				t.Errorf("queued %q, want %q", got, test.queued)
			}
			if told := g.told(); test.told != "" && told != test.told {
				t.Errorf("told %q, want %q", told, test.told)
			}
		})
	}
	if res := g.sendIn("s", request("GET", "/", "")); res.StatusCode != 200 {
		t.Errorf("http in a strict space: got %d %s", res.StatusCode, bodyOf(t, res))
	}
}

// TestStrictBeforeTheConfigurationIsLoaded does not take for unregistered what may only not be known yet.
func TestStrictBeforeTheConfigurationIsLoaded(t *testing.T) {
	g := newGateway(t).function("f", says(`{}`)).subscribe(t, "async e POST / f")
	g.Strict = func(string) bool { return true }
	g.change(func(s *snapshot.Snapshot) { s.Loaded = false })
	expectError(t, g.send(request("POST", "/", "", "Event", "e")), 503, "not loaded")
}

// TestRefusingSpaceDropsOut has an older space that refuses: the next answers, and what stays behind is not asked again.
func TestRefusingSpaceDropsOut(t *testing.T) {
	g := newGateway(t).
		function("a/f", says(`"a"`)).function("b/f", says(`"b"`)).function("c/f", says(`"c"`)).
		eventType(t, "a/e", schemaOf(`{"required":["a"]}`, "")).eventType(t, "b/e", schemaOf(`{"required":["b"]}`, ""))
	for i, space := range []string{"a", "b", "c"} {
		g.subscribeAs(t, "sync e POST / "+space+"/f", func(s *eventgateway.Subscription) { s.CreateRevision = int64(i + 1) })
		g.subscribe(t, "async e POST / "+space+"/f")
	}
	for _, test := range []struct{ data, answer, queued string }{
		{`{"a":1,"b":1}`, `"a"`, "e → a/f b/f c/f"},
		{`{"b":1}`, `"b"`, "e → b/f c/f"},
		{`{"a":1}`, `"a"`, "e → a/f c/f"},
		{`{}`, `"c"`, "e → c/f"},
	} {
		g.queue.items = nil
		res := g.send(request("POST", "/", test.data, "Event", "e", "Content-Type", jsonType))
		if body := bodyOf(t, res); res.StatusCode != 200 || body != test.answer || g.queued() != test.queued {
			t.Errorf("%s: got %d %s, queued %q; want %s, %q", test.data, res.StatusCode, body, g.queued(), test.answer, test.queued)
		}
	}
	g.eventType(t, "c/e", schemaOf(`{"required":["c"]}`, ""))
	g.queue.items = nil
	expectError(t, g.send(request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType)), 400, "schema")
	if g.queued() != "" {
		t.Errorf("queued %q", g.queued())
	}
}

// TestFlagStaysInItsSpace has two spaces get one event, of which only one has a schema.
func TestFlagStaysInItsSpace(t *testing.T) {
	g := newGateway(t).function("a/f", says(`{}`)).function("b/f", says(`{}`)).
		subscribe(t, "async e POST / a/f").subscribe(t, "async e POST / b/f").eventType(t, "a/e", schemaOf(userSchema, "flag"))
	g.queue.seen = map[string]string{}
	for range 2 {
		res := g.send(request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType, "Idempotency-Key", "k"))
		if res.StatusCode != 202 {
			t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
		}
	}
	if len(g.queue.items) != 2 {
		t.Fatalf("queued %q", g.queued())
	}
	for _, item := range g.queue.items {
		if space := item.Targets[0].Space; (item.Event.SchemaViolation != "") != (space == "a") || len(item.Targets) != 1 {
			t.Errorf("space %s: violation %q, %d targets", space, item.Event.SchemaViolation, len(item.Targets))
		}
	}
	if g.queue.items[0].Event.ID != g.queue.items[1].Event.ID {
		t.Errorf("two ids")
	}
}

// TestWildcardSubscribersOfRefusingSpace leaves out also those subscribers of a space that listen to many types.
func TestWildcardSubscribersOfRefusingSpace(t *testing.T) {
	g := newGateway(t).function("a/f", says(`{}`)).function("b/f", says(`{}`)).function("a/all", says(`{}`)).function("b/all", says(`{}`)).
		subscribe(t, "async user.made POST / a/f").subscribe(t, "async user.made POST / b/f").
		subscribe(t, "async user.* POST / a/all").subscribe(t, "async * POST / b/all").
		eventType(t, "a/user.made", schemaOf(`{"required":["a"]}`, ""))
	for data, want := range map[string]string{
		`{}`:      "user.made → b/all b/f",
		`{"a":1}`: "user.made → a/all a/f b/all b/f",
	} {
		g.queue.items = nil
		g.send(request("POST", "/", data, "Event", "user.made", "Content-Type", jsonType))
		if got := g.queued(); got != want {
			t.Errorf("%s: queued %q, want %q", data, got, want)
		}
	}
}
