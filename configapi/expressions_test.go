package configapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

const expressions = `"filter":"data.n > 1 && data.s == 'a'","transform":"{\"n\": data.n}","responseTransform":"response.data",` +
	`"headers":{"X-Id":"event.id"}`

func TestSubscriptionsWithExpressions(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	in.must(200, "POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u"}}`)
	sub := testSubscription("default", "made", "f", "/")
	sub.Type = "sync"
	sub.Normalize()
	path := "/v1/spaces/default/subscriptions"
	shown := func(more string) string {
		return fmt.Sprintf(`{"space":"default","subscriptionId":"%s","type":"sync","event":"made","eventType":"made","functionId":"f",`+
			`"method":"POST","path":"/"%s}`, sub.ID, more)
	}
	id := path + "/" + sub.ID
	in.play([]step{
		{"POST", path, `{"functionId":"f","event":"made","type":"sync",` + expressions + `}`, 201, shown("," + expressions)},
		{"GET", id, "", 200, shown("," + expressions)},
		{"GET", path, "", 200, `{"subscriptions":[` + shown(","+expressions) + `]}`},
		{"PUT", id, shown("," + expressions), 200, shown("," + expressions)},
		{"PUT", id, `{"filter":"data.n == 2"}`, 200, shown(`,"filter":"data.n == 2"`)},
		{"PUT", id, `{"pattern": {"detail": {"n": [ 2 ]}}}`, 200, shown(`,"pattern":{"detail":{"n":[2]}}`)},
		{"PUT", id, `{"pattern":null,"filter":null,"headers":null}`, 200, shown("")},
		{"PUT", id, `{` + expressions + `}`, 200, shown("," + expressions)},
		{"GET", id, "", 200, shown("," + expressions)},
	})
	copied := newInstance(t, in.store, configapi.Static{}) // it reads what was stored
	if got := copied.must(200, "GET", id, ""); strings.TrimSpace(got.body) != shown(","+expressions) {
		t.Errorf("another instance shows %s", got.body)
	}
}

func TestStaticExpressions(t *testing.T) {
	sub := testSubscription("a", "made", "f", "/")
	sub.Filter, sub.Headers = "data.n > 1", map[string]string{"X-A": "event.id"}
	in := newInstance(t, newStore(t), static([]*eventgateway.Function{testFunction("a", "f")}, sub))
	got := in.must(200, "GET", "/v1/spaces/a/subscriptions/"+sub.ID, "")
	if got.field("filter") != "data.n > 1" || fmt.Sprint(got.field("headers")) != "map[X-A:event.id]" {
		t.Errorf("got %s", got.body)
	}
	for _, test := range []struct {
		change func(*eventgateway.Subscription)
		want   string
	}{
		{func(s *eventgateway.Subscription) { s.Filter = "data.n >" }, "filter: 1:9: "},
		{func(s *eventgateway.Subscription) { s.Transform = "nothing" }, "transform: 1:1: undeclared reference to 'nothing'"},
		{func(s *eventgateway.Subscription) { s.Headers = map[string]string{"Host": "1"} }, "headers.Host: "},
	} {
		sub := testSubscription("a", "made", "f", "/")
		test.change(sub)
		err := configapi.CheckStatic(static(nil, sub))
		if want := `static subscription of function "f" to event "made" on path "/" in space "a": ` + test.want; err == nil ||
			!strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestStoredExpressionOfALaterVersion puts a subscription into the store whose filter this version cannot compile: it is
// there, and gets no events.
func TestStoredExpressionOfALaterVersion(t *testing.T) {
	s := newStore(t)
	sub := testSubscription("a", "made", "f", "/")
	sub.Filter = "data.n.helperOfALaterVersion()"
	s.put(key("a", configapi.Functions, "f"), encode(testFunction("a", "f")))
	s.put(key("a", configapi.Subscriptions, sub.ID), encode(sub))
	in := newInstance(t, s, configapi.Static{})
	got := in.must(200, "GET", "/v1/spaces/a/subscriptions/"+sub.ID, "")
	if got.field("filter") != sub.Filter {
		t.Errorf("got %s", got.body)
	}
	in.must(204, "DELETE", "/v1/spaces/a/subscriptions/"+sub.ID, "")
}
