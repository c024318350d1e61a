package eventgateway_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestSubscriptionDefaults(t *testing.T) {
	for _, test := range []struct{ given, want eventgateway.Subscription }{
		{
			eventgateway.Subscription{Event: "user.created", FunctionID: "f"},
			eventgateway.Subscription{Space: "default", Type: "async", Event: "user.created", FunctionID: "f", Method: "POST", Path: "/"},
		},
		{
			eventgateway.Subscription{Event: "invoke", FunctionID: "f"},
			eventgateway.Subscription{Space: "default", Type: "sync", Event: "invoke", FunctionID: "f", Method: "POST", Path: "/"},
		},
		{
			eventgateway.Subscription{Event: "http", FunctionID: "f"},
			eventgateway.Subscription{Space: "default", Type: "sync", Event: "http", FunctionID: "f", Path: "/"},
		},
		{
			eventgateway.Subscription{
				Space: "s", Type: "async", Event: "http.request", FunctionID: "f", Method: "get", Path: "/a", CORS: &eventgateway.CORS{},
			},
			eventgateway.Subscription{
				Space: "s", Type: "async", Event: "http.request", FunctionID: "f", Method: "GET", Path: "/a",
				CORS: &eventgateway.CORS{
					Origins: []string{"*"}, Methods: []string{"HEAD", "GET", "POST"}, Headers: []string{"Origin", "Accept", "Content-Type"},
				},
			},
		},
	} {
		got := test.given
		got.Normalize()
		test.want.ID = got.ID
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("Normalize makes %+v of %+v, want %+v", got, test.given, test.want)
		}
		again := got
		if again.Normalize(); !reflect.DeepEqual(again, got) {
			t.Errorf("a second Normalize makes %+v of %+v", again, got)
		}
	}
}

func TestSubscriptionIDGoesWithItsRoute(t *testing.T) {
	base := eventgateway.Subscription{Event: "http", FunctionID: "f", Method: "GET", Path: "/a"}
	id := func(change func(*eventgateway.Subscription)) string {
		s := base
		change(&s)
		s.Normalize()
		return s.ID
	}
	same := id(func(*eventgateway.Subscription) {})
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(same) {
		t.Errorf("the ID is %q", same)
	}
	for name, change := range map[string]func(*eventgateway.Subscription){
		"an ID of its own":         func(s *eventgateway.Subscription) { s.ID = "mine" },
		"another space":            func(s *eventgateway.Subscription) { s.Space = "other" },
		"the default spelled out":  func(s *eventgateway.Subscription) { s.Type = "sync" },
		"the event's later name":   func(s *eventgateway.Subscription) { s.Event = "http.request" },
		"the method in lower case": func(s *eventgateway.Subscription) { s.Method = "get" },
		"CORS":                     func(s *eventgateway.Subscription) { s.CORS = &eventgateway.CORS{} },
		"metadata":                 func(s *eventgateway.Subscription) { s.Metadata = map[string]string{"a": "b"} },
		"a filter":                 func(s *eventgateway.Subscription) { s.Filter = "true" },
		"a pattern":                func(s *eventgateway.Subscription) { s.Pattern = json.RawMessage(`{}`) },
		"transforms": func(s *eventgateway.Subscription) {
			s.Transforms = eventgateway.Transforms{Transform: "1", ResponseTransform: "2", Headers: map[string]string{"A": "3"}}
		},
	} {
		if id(change) != same {
			t.Errorf("%s changes the ID", name)
		}
	}
	seen := map[string]string{same: "the base"}
	for name, change := range map[string]func(*eventgateway.Subscription){
		"type":     func(s *eventgateway.Subscription) { s.Type = "async" },
		"event":    func(s *eventgateway.Subscription) { s.Event = "other" },
		"function": func(s *eventgateway.Subscription) { s.FunctionID = "g" },
		"method":   func(s *eventgateway.Subscription) { s.Method = "PUT" },
		"path":     func(s *eventgateway.Subscription) { s.Path = "/b" },
	} {
		if other, taken := seen[id(change)]; taken {
			t.Errorf("another %s has the ID of %s", name, other)
		}
		seen[id(change)] = name
	}
}

func TestSubscriptionValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*eventgateway.Subscription)
		want   string
	}{
		{"valid", func(*eventgateway.Subscription) {}, ""},
		{"async http", func(s *eventgateway.Subscription) { s.Type = "async" }, ""},
		{"CORS", func(s *eventgateway.Subscription) { s.CORS = &eventgateway.CORS{} }, ""},
		{"any method", func(s *eventgateway.Subscription) { s.Method = "m-search" }, ""},
		{"invoke", func(s *eventgateway.Subscription) { s.Event, s.Method = "invoke", "" }, ""},
		{
			"space", func(s *eventgateway.Subscription) { s.Space = "a/b" },
			`space: "a/b" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`,
		},
		{
			"type", func(s *eventgateway.Subscription) { s.Type = "both" },
			`type: "both" is not accepted: want "sync" or "async"`,
		},
		{
			"no event", func(s *eventgateway.Subscription) { s.Event = "" },
			`event: "" is not accepted: want 1 to 255 bytes of printable characters without spaces, and * only at the end`,
		},
		{
			"no function", func(s *eventgateway.Subscription) { s.FunctionID = "" },
			`functionId: "" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`,
		},
		{
			"no method", func(s *eventgateway.Subscription) { s.Method = "" },
			`method: missing: want an HTTP method such as GET for event "http"`,
		},
		{
			"method", func(s *eventgateway.Subscription) { s.Method = "GET /" },
			`method: "GET /" is not accepted: want an HTTP method such as GET`,
		},
		{
			"long method", func(s *eventgateway.Subscription) { s.Method = strings.Repeat("M", 33) },
			`method: "` + strings.Repeat("M", 33) + `" is not accepted: want an HTTP method such as GET`,
		},
		{
			"async invoke", func(s *eventgateway.Subscription) { s.Event, s.Type, s.Method = "invoke", "async", "POST" },
			`event: "invoke" is not accepted with type "async" and method "POST": want sync and POST`,
		},
		{
			"invoke with GET", func(s *eventgateway.Subscription) { s.Event = "invoke" },
			`event: "invoke" is not accepted with type "sync" and method "GET": want sync and POST`,
		},
		{
			"path", func(s *eventgateway.Subscription) { s.Path = "a" },
			`path: "a" is not accepted: want a path that starts with /`,
		},
		{
			"CORS of a custom event", func(s *eventgateway.Subscription) { s.Event, s.CORS = "user.created", &eventgateway.CORS{} },
			`cors: not accepted for event "user.created": want it only for http events; custom events accept any origin`,
		},
		{
			"CORS inside", func(s *eventgateway.Subscription) { s.CORS = &eventgateway.CORS{Methods: []string{"a/b"}} },
			`cors.methods: "a/b" is not accepted: want an HTTP token`,
		},
		{
			"metadata", func(s *eventgateway.Subscription) { s.Metadata = map[string]string{"": "x"} },
			`metadata key: "" is not accepted: want 1 to 128 bytes`,
		},
	} {
		s := eventgateway.Subscription{Event: "http", FunctionID: "f", Method: "GET", Path: "/a"}
		test.change(&s)
		s.Normalize()
		wantError(t, test.name, s.Validate(), test.want)
	}
}

func TestSubscriptionToManyAndToSystemEvents(t *testing.T) {
	const known = "gateway.event.received, gateway.function.invoking, gateway.function.invoked, " +
		"gateway.function.invocationFailed, gateway.function.retreated"
	for _, test := range []struct {
		given eventgateway.Subscription
		want  string
	}{
		{eventgateway.Subscription{Event: "user.*"}, ""},
		{eventgateway.Subscription{Event: "*", Method: "PUT", Path: "/team/:name"}, ""},
		{eventgateway.Subscription{Event: "gateway*"}, ""},
		{eventgateway.Subscription{Event: "http*", Method: "GET"}, ""},
		{
			eventgateway.Subscription{Event: "user.*", Type: "sync"},
			`type: "sync" is not accepted for event "user.*": want async, as a * is for many events, which others may answer`,
		},
		{
			eventgateway.Subscription{Event: "user.*", CORS: &eventgateway.CORS{}},
			`cors: not accepted for event "user.*": want it only for http events; custom events accept any origin`,
		},
		{
			eventgateway.Subscription{Event: "*", CORS: &eventgateway.CORS{}},
			`cors: not accepted for event "*": want it only for http events; custom events accept any origin`,
		},
		{
			eventgateway.Subscription{Event: "user.*.created"},
			`event: "user.*.created" is not accepted: want 1 to 255 bytes of printable characters without spaces, and * only at the end`,
		},
		{eventgateway.Subscription{Event: "gateway.event.received"}, ""},
		{eventgateway.Subscription{Event: "eventgateway.function.invocationFailed"}, ""},
		{eventgateway.Subscription{Event: "gateway.*"}, ""},
		{eventgateway.Subscription{Event: "eventgateway.function.*"}, ""},
		{
			eventgateway.Subscription{Event: "gateway.function.called"},
			`event: "gateway.function.called" is not accepted: want a system event: one of ` + known + `, or several such as "gateway.*"`,
		},
		{
			eventgateway.Subscription{Event: "gateway.event.received", Type: "sync"},
			`type: "sync" is not accepted for event "gateway.event.received": want async, as nobody waits for an answer to a system event`,
		},
		{
			eventgateway.Subscription{Event: "gateway.*", Path: "/a"},
			`event: "gateway.*" is not accepted with method "POST" and path "/a": want POST and /, where system events come in`,
		},
		{
			eventgateway.Subscription{Event: "eventgateway.event.received", Method: "GET"},
			`event: "eventgateway.event.received" is not accepted with method "GET" and path "/": want POST and /, where system events come in`,
		},
	} {
		s := test.given
		s.FunctionID = "f"
		s.Normalize()
		wantError(t, s.Event, s.Validate(), test.want)
	}
	id := func(event string) string {
		s := eventgateway.Subscription{Event: event, FunctionID: "f"}
		s.Normalize()
		return s.ID
	}
	if id("gateway.event.received") != id("eventgateway.event.received") || id("gateway.*") != id("eventgateway.*") || id("gateway.*") == id("*") {
		t.Error("the ID of a subscription to system events does not go with what it listens to")
	}
}

func TestSubscriptionJSON(t *testing.T) {
	s := eventgateway.Subscription{Event: "user.created", FunctionID: "f", CreateRevision: 7}
	s.Normalize()
	got, err := json.Marshal(s)
	want := `{"space":"default","subscriptionId":"` + s.ID +
		`","type":"async","event":"user.created","functionId":"f","method":"POST","path":"/"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
