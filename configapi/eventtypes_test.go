package configapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// withFunctions returns an instance with functions f and auth in space a.
func withFunctions(t *testing.T, static configapi.Static) *instance {
	in := newInstance(t, newStore(t), static)
	for _, id := range []string{"f", "auth"} {
		in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"`+id+`","type":"test","provider":{"url":"u"}}`)
	}
	return in
}

// subscribe creates subscriptions in space a and returns their ids in order.
func (in *instance) subscribe(bodies ...string) []string {
	in.t.Helper()
	ids := make([]string, len(bodies))
	for i, body := range bodies {
		ids[i] = in.must(201, "POST", "/v1/spaces/a/subscriptions", body).field("subscriptionId").(string)
	}
	slices.Sort(ids)
	return ids
}

func TestEventTypes(t *testing.T) {
	in := withFunctions(t, configapi.Static{})
	const (
		all     = "/v1/spaces/a/eventtypes"
		created = `{"space":"a","name":"user.created","authorizerId":"auth","schema":{"type":"object","properties":{"a":{"pattern":"^[^<>&]$"}}},"schemaMode":"flag","metadata":{"team":"x"}}`
		bare    = `{"space":"a","name":"user.created"}`
		deleted = `{"space":"a","name":"user.deleted","metadata":{"team":"x"}}`
	)
	in.play([]step{
		{"GET", all, "", 200, `{"eventTypes":[]}`},
		{"POST", all, `{"space":"a","name":"user.deleted","schemaMode":"reject","schema":null,"metadata":{"team":"x"}}`, 201, deleted},
		{"POST", all, strings.Replace(created, `{"type"`, `{ "type" `, 1), 201, created},
		{"POST", all, `{"name":"user.created"}`, 409, `{"errors":[{"message":"name: event type \"user.created\" exists already: PUT changes it"}]}`},
		{"GET", all + "/user.created", "", 200, created},
		{"GET", all, "", 200, `{"eventTypes":[` + created + `,` + deleted + `]}`},
		{"GET", all + "?metadata.team=y", "", 200, `{"eventTypes":[]}`},
		{"PUT", all + "/user.created", `{}`, 200, bare},
		{"GET", all + "/user.created", "", 200, bare},
		{"GET", all + "?metadata.team=x", "", 200, `{"eventTypes":[` + deleted + `]}`},
		{"PUT", all + "/user.created", `{"name":"user.updated"}`, 400, `{"errors":[{"message":"name: \"user.updated\" is not accepted: want the one in the URL, \"user.created\", or none"}]}`},
		{"PUT", all + "/user.updated", `{}`, 404, `{"errors":[{"message":"event type \"user.updated\" is not registered in space \"a\""}]}`},
		{"GET", "/v1/spaces/b/eventtypes/user.created", "", 404, `{"errors":[{"message":"event type \"user.created\" is not registered in space \"b\""}]}`},
		{"DELETE", all + "/user.created", "", 204, ""},
		{"DELETE", all + "/user.created", "", 404, `{"errors":[{"message":"event type \"user.created\" is not registered in space \"a\""}]}`},
		{"GET", all, "", 200, `{"eventTypes":[` + deleted + `]}`},
	})
}

func TestEventTypeConditions(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	path := "/v1/spaces/a/eventtypes/e"
	first := in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e"}`).Header().Get("ETag")
	if got := in.must(200, "GET", path, "").Header().Get("ETag"); got != first || first == "" {
		t.Errorf("POST gives %s and GET %s", first, got)
	}
	in.must(304, "GET", path, "", "If-None-Match", first)
	second := in.must(200, "PUT", path, `{"metadata":{"a":"b"}}`, "If-Match", first).Header().Get("ETag")
	in.must(412, "PUT", path, `{}`, "If-Match", first)
	in.must(412, "DELETE", path, "", "If-Match", first)
	in.must(204, "DELETE", path, "", "If-Match", second)
}

// Names hold what a URL has to escape, and the http event has two.
func TestEventTypeNames(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	for _, name := range []string{"https://example.com/a", "100%", "größe", "a?b#c", "...", "invoke", "a+b", strings.Repeat("é", 127)} {
		in.must(201, "POST", "/v1/spaces/a/eventtypes", encode(map[string]string{"name": name}))
		path := "/v1/spaces/a/eventtypes/" + url.PathEscape(name)
		if got := in.must(200, "GET", path, "").field("name"); got != name {
			t.Errorf("%s: got %v", path, got)
		}
		if got := in.view.Snapshot().EventType("a", name); got == nil || got.Name != name {
			t.Errorf("%s is not in the snapshot", name)
		}
		in.must(204, "DELETE", path, "")
		if in.view.Snapshot().EventType("a", name) != nil {
			t.Errorf("%s is in the snapshot still", name)
		}
	}
	for made, other := range map[string]string{"http": "http.request", "http.request": "http"} {
		in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"`+made+`"}`)
		in.must(409, "POST", "/v1/spaces/a/eventtypes", `{"name":"`+other+`"}`)
		in.must(200, "PUT", "/v1/spaces/a/eventtypes/"+other, `{"name":"`+made+`","metadata":{"a":"b"}}`)
		in.must(200, "PUT", "/v1/spaces/a/eventtypes/"+other, `{"name":"`+other+`"}`)
		for _, name := range []string{made, other} {
			if got := in.must(200, "GET", "/v1/spaces/a/eventtypes/"+name, "").field("name"); got != made {
				t.Errorf("%s: made as %s, shown as %v", name, made, got)
			}
			if in.view.Snapshot().EventType("a", name) == nil {
				t.Errorf("%s is not in the snapshot by the name %s", made, name)
			}
		}
		in.must(204, "DELETE", "/v1/spaces/a/eventtypes/"+other, "")
	}
}

func TestEventTypesRefused(t *testing.T) {
	in := withFunctions(t, configapi.Static{})
	for body, want := range map[string]string{
		`{}`:            `name: "" is not accepted: want 1 to 255 bytes of printable characters without spaces or *`,
		`{"name":"a*"}`: `name: "a*" is not accepted: want 1 to 255 bytes of printable characters without spaces or *`,
		`{"name":".."}`: `name: ".." is not accepted: want a name that can stand in a URL, so neither . nor ..`,
		`{"name":"gateway.event.received"}`: `name: "gateway.event.received" is not accepted: want a type without the prefix gateway. or ` +
			`eventgateway., which only the gateway's own events have`,
		`{"name":"e","authorizerId":"x y"}`:        `authorizerId: "x y" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`,
		`{"name":"e","authorizerId":"none"}`:       `authorizerId: function "none" does not exist in space "a": want a function that is registered`,
		`{"name":"e","schemaMode":"warn"}`:         `schemaMode: "warn" is not accepted: want "reject", "flag" or "off"`,
		`{"name":"e","schema":"x"}`:                `schema: a string is not accepted: want a JSON Schema: an object, true or false`,
		`{"name":"e","space":"b"}`:                 `space: "b" is not accepted: want the one in the URL, "a", or none`,
		`{"name":"e","schma":{}}`:                  `unknown field "schma": want only space, name, authorizerId, schema, schemaMode, metadata`,
		`{"name":"e","name":"f"}`:                  `name: given twice: want every field once`,
		`{"name":"e","metadata":{"":"x"}}`:         `metadata key: "" is not accepted: want 1 to 128 bytes`,
		`{"name":"e","metadata":{"k":7}}`:          `"metadata.k": a number is not accepted: want a string`,
		`{"name":"e","schema":` + long() + `}`:     `schema: 262162 bytes are not accepted: want at most 262144`,
		`{"name":"e","authorizerId":["f","auth"]}`: `authorizerId: an array is not accepted: want a string`,
	} {
		if got := in.must(400, "POST", "/v1/spaces/a/eventtypes", body).message(); got != want {
			t.Errorf("%.200s\ngot  %s\nwant %s", body, got, want)
		}
	}
	// Also a schema that is not used is checked: it may be switched on later.
	for _, mode := range []string{"reject", "off"} {
		body := `{"name":"e","schemaMode":"` + mode + `","schema":{"properties":{"age":{"type":"nmber"}}}}`
		if got := in.must(400, "POST", "/v1/spaces/a/eventtypes", body).message(); !strings.HasPrefix(got, "schema") || !strings.Contains(got, "/properties/age/type") {
			t.Errorf("mode %s: got %s", mode, got)
		}
	}
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e","schema":true}`)
	if got := in.must(400, "PUT", "/v1/spaces/a/eventtypes/e", `{"authorizerId":"none"}`).message(); !strings.HasPrefix(got, `authorizerId: function "none" does not exist`) {
		t.Errorf("got %s", got)
	}
}

// long returns a schema that is longer than one may be.
func long() string {
	return `{"description":"` + strings.Repeat("x", eventgateway.MaxSchemaLength) + `"}`
}

func TestEventTypeInUse(t *testing.T) {
	in := withFunctions(t, configapi.Static{})
	for _, name := range []string{"e", "http", "other"} {
		in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"`+name+`"}`)
	}
	ids := in.subscribe(`{"functionId":"f","event":"e"}`)
	refused := func(name, want string) {
		t.Helper()
		if got := in.must(409, "DELETE", "/v1/spaces/a/eventtypes/"+name, "").message(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	refused("e", `event type "e" is in use by subscription `+ids[0]+`: delete what uses it first`)
	var more []string
	for i := range 6 {
		more = append(more, fmt.Sprintf(`{"functionId":"f","event":"e","path":"/%d"}`, i))
	}
	ids = append(ids, in.subscribe(more...)...)
	slices.Sort(ids)
	refused("e", `event type "e" is in use by 7 subscriptions, among them `+strings.Join(ids[:5], ", ")+`: delete what uses it first`)
	http := in.subscribe(`{"functionId":"f","event":"http.request","method":"GET","path":"/x"}`)
	refused("http.request", `event type "http" is in use by subscription `+http[0]+`: delete what uses it first`)
	in.subscribe(`{"functionId":"f","event":"oth*"}`)
	in.must(204, "DELETE", "/v1/spaces/a/eventtypes/other", "")
	for _, id := range ids {
		in.must(409, "DELETE", "/v1/spaces/a/eventtypes/e", "")
		in.must(204, "DELETE", "/v1/spaces/a/subscriptions/"+id, "")
	}
	in.must(204, "DELETE", "/v1/spaces/a/eventtypes/e", "")
}

func TestAuthorizerInUse(t *testing.T) {
	fixed := configapi.Static{EventTypes: []*eventgateway.EventType{{Space: "a", Name: "fixed", AuthorizerID: "auth"}}}
	in := withFunctions(t, fixed)
	refused := func(want string) {
		t.Helper()
		if got := in.must(409, "DELETE", "/v1/spaces/a/functions/auth", "").message(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	refused(`function "auth" is in use as authorizer by event type "fixed": delete what uses it first`)
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e","authorizerId":"auth"}`)
	refused(`function "auth" is in use as authorizer by 2 event types: "e", "fixed": delete what uses it first`)
	ids := in.subscribe(`{"functionId":"auth","event":"x"}`)
	refused(`function "auth" is in use by subscription ` + ids[0] + `, and as authorizer by 2 event types: "e", "fixed": delete what uses it first`)

	in = withFunctions(t, configapi.Static{})
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e","authorizerId":"auth"}`)
	refused(`function "auth" is in use as authorizer by event type "e": delete what uses it first`)
	in.must(200, "PUT", "/v1/spaces/a/eventtypes/e", `{}`)
	in.must(204, "DELETE", "/v1/spaces/a/functions/auth", "")
}

// What names more than one type is explained too, and a type of its own where it begins like another.
func TestExplainEventTypes(t *testing.T) {
	in := withFunctions(t, configapi.Static{})
	exact := in.subscribe(`{"functionId":"f","event":"user.created"}`)[0]
	users := in.subscribe(`{"functionId":"f","event":"user.*"}`)[0]
	all := in.subscribe(`{"functionId":"f","event":"*"}`)[0]
	system := in.subscribe(`{"functionId":"f","event":"gateway.*"}`)[0]
	for event, want := range map[string][]string{
		"user.created": {exact, users, all}, "user.": {users, all}, "user": {all}, "gateway.event.received": {system},
	} {
		a := decode[explained](t, []byte(in.must(200, "POST", explain, `{"event":{"event":"`+event+`"}}`).body))
		var got []string
		for _, m := range a.Matches {
			got = append(got, m.SubscriptionID)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) || len(a.Others) != 4-len(want) {
			t.Errorf("%s: matches %v and not %+v, want %v", event, got, a.Others, want)
		}
	}
}

func TestStrictSpaces(t *testing.T) {
	in := withFunctions(t, configapi.Static{EventTypes: []*eventgateway.EventType{{Space: "a", Name: "fixed"}}})
	in.handler.Strict = func(space string) bool { return space == "a" }
	in.must(201, "POST", "/v1/spaces/b/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
	in.must(201, "POST", "/v1/spaces/b/subscriptions", `{"functionId":"f","event":"e"}`)
	const body = `{"functionId":"f","event":"e"}`
	want := `event: type "e" is not registered in space "a", which is strict: want an event type that is registered`
	if got := in.must(400, "POST", "/v1/spaces/a/subscriptions", body).message(); got != want {
		t.Errorf("got %s", got)
	}
	in.subscribe(`{"functionId":"f","event":"fixed"}`, `{"functionId":"f","event":"e*"}`, `{"functionId":"f","event":"gateway.event.received"}`,
		`{"functionId":"f","event":"http","method":"GET","path":"/x"}`, `{"functionId":"f","event":"invoke"}`)
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e"}`)
	ids := in.subscribe(body)
	in.must(409, "DELETE", "/v1/spaces/a/eventtypes/e", "")
	in.must(200, "PUT", "/v1/spaces/a/subscriptions/"+ids[0], `{"metadata":{"k":"v"}}`)
}
