package configapi_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

const (
	ages  = `{"type":"object","properties":{"age":{"type":"integer"}}}`
	names = `{"type":"object","properties":{"name":{"type":"string"}}}`
)

// Expressions of a new subscription are held against the schema of its event type.
func TestSubscriptionsFitTheSchema(t *testing.T) {
	in := withFunctions(t, configapi.Static{})
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e","schema":`+ages+`}`)
	const wrong = `want one of age`
	for _, body := range []string{
		`{"functionId":"f","event":"e","filter":"data.name == 'x'"}`,
		`{"functionId":"f","event":"e","pattern":{"detail":{"name":["x"]}}}`,
		`{"functionId":"f","event":"e","transform":"data.name"}`,
		`{"functionId":"f","event":"e","type":"sync","responseTransform":"data.name"}`,
		`{"functionId":"f","event":"e","headers":{"X-Name":"data.name"}}`,
		`{"functionId":"f","event":"e","delivery":{"orderingKey":"data.name"}}`,
	} {
		if got := in.must(400, "POST", "/v1/spaces/a/subscriptions", body).message(); !strings.HasSuffix(got, wrong) {
			t.Errorf("%s: got %s", body, got)
		}
	}
	ids := in.subscribe(`{"functionId":"f","event":"e","filter":"data.age > 1"}`)
	in.subscribe(`{"functionId":"f","event":"e*","filter":"data.name == 'x'"}`, `{"functionId":"f","event":"other","filter":"data.name == 'x'"}`)
	want := `filter: 1:5: "data.name": the schema of the event type has no such property: want one of age`
	if got := in.must(400, "PUT", "/v1/spaces/a/subscriptions/"+ids[0], `{"filter":"data.name == 'x'"}`).message(); got != want {
		t.Errorf("got %s", got)
	}
	in.must(200, "PUT", "/v1/spaces/a/eventtypes/e", `{"schemaMode":"off","schema":`+ages+`}`)
	in.must(200, "PUT", "/v1/spaces/a/subscriptions/"+ids[0], `{"filter":"data.name == 'x'"}`)
}

// A schema is held against the expressions of the subscriptions there are.
func TestSchemaFitsTheSubscriptions(t *testing.T) {
	in := withFunctions(t, configapi.Static{})
	ids := in.subscribe(`{"functionId":"f","event":"e","filter":"data.age > 1"}`)
	in.subscribe(`{"functionId":"f","event":"e*","filter":"data.size > 1"}`, `{"functionId":"f","event":"other","filter":"data.size > 1"}`,
		`{"functionId":"f","event":"e","path":"/plain"}`)
	refused := func(method, path, body string) {
		t.Helper()
		want := `schema: subscription ` + ids[0] + ` to event type "e" does not fit it: filter: 1:5: "data.age": ` +
			`the schema of the event type has no such property: want one of name`
		if got := in.must(409, method, path, body).message(); got != want {
			t.Errorf("%s %s\ngot  %s\nwant %s", method, body, got, want)
		}
	}
	const all, one = "/v1/spaces/a/eventtypes", "/v1/spaces/a/eventtypes/e"
	refused("POST", all, `{"name":"e","schema":`+names+`}`)
	in.must(201, "POST", all, `{"name":"e","schema":`+ages+`}`)
	refused("PUT", one, `{"schema":`+names+`}`)
	refused("PUT", one, `{"schema":`+names+`,"schemaMode":"flag"}`)
	in.must(200, "PUT", one, `{"schema":`+names+`,"schemaMode":"off"}`)
	refused("PUT", one, `{"schema":`+names+`}`)
	in.must(204, "DELETE", "/v1/spaces/a/subscriptions/"+ids[0], "")
	in.must(200, "PUT", one, `{"schema":`+names+`}`)
	in.must(200, "PUT", one, `{}`)
	for i, body := range []string{
		`{"functionId":"f","event":"e","path":"/x","pattern":{"detail":{"age":[1]}}}`,
		`{"functionId":"f","event":"e","path":"/x","transform":"data.age"}`,
		`{"functionId":"f","event":"e","path":"/x","type":"sync","responseTransform":"data.age"}`,
		`{"functionId":"f","event":"e","path":"/x","headers":{"X-Age":"string(data.age)"}}`,
		`{"functionId":"f","event":"e","path":"/x","delivery":{"orderingKey":"data.age"}}`,
	} {
		id := in.subscribe(body)[0]
		if got := in.must(409, "PUT", one, `{"schema":`+names+`}`).message(); !strings.Contains(got, id) || !strings.HasSuffix(got, "want one of name") {
			t.Errorf("%d: %s: got %s", i, body, got)
		}
		in.must(204, "DELETE", "/v1/spaces/a/subscriptions/"+id, "")
	}
}

func TestStaticSubscriptionsFitTheSchema(t *testing.T) {
	sub := testSubscription("a", "e", "f", "/")
	sub.Filter = "data.age > 1"
	fixed := configapi.Static{
		Subscriptions: []*eventgateway.Subscription{sub},
		EventTypes:    []*eventgateway.EventType{{Space: "a", Name: "e", Schema: []byte(names)}},
	}
	want := `static subscription of function "f" to event "e" on POST "/" in space "a": filter: 1:5: "data.age": ` +
		`the schema of the event type has no such property: want one of name`
	if err := configapi.CheckStatic(fixed); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	fixed.EventTypes[0].Schema = []byte(ages)
	if err := configapi.CheckStatic(fixed); err != nil {
		t.Error(err)
	}
}
