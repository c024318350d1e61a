package matcher_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

func TestConflict(t *testing.T) {
	for _, test := range []struct {
		there, path string
		// want is the reason without the ID at its end.
		want string
	}{
		{"/users/:id", "/users/foo", "path /users/foo cannot stand beside /users/:id: a static segment beside a parameter"},
		{"/users/foo", "/users/:id", "path /users/:id cannot stand beside /users/foo: a parameter beside a static segment"},
		{"/users/foo/bar", "/users/:id", "path /users/:id cannot stand beside /users/foo/bar: a parameter beside a static segment"},
		{"/users/:id/x", "/users/:name", "path /users/:name cannot stand beside /users/:id/x: two names for one parameter"},
		{"/users/:id", "/users/*id", "path /users/*id cannot stand beside /users/:id: a wildcard beside a parameter"},
		{"/users/*rest", "/users/:id", "path /users/:id cannot stand beside /users/*rest: a parameter beside a wildcard"},
		{"/users/*rest", "/users/a", "path /users/a cannot stand beside /users/*rest: a static segment beside a wildcard"},
		{"/users/a", "/users/*rest", "path /users/*rest cannot stand beside /users/a: a wildcard beside a static segment"},
		{"/users/*rest", "/users/*all", "path /users/*all cannot stand beside /users/*rest: two names for one wildcard"},
		{"/u%2Fs/:id", "/u%2fs/a", "path /u%2fs/a cannot stand beside /u%2Fs/:id: a static segment beside a parameter"},
		{"/users/ /users/a", "/users/:id", "path /users/:id cannot stand beside /users/a: a parameter beside a static segment"},
		{"/:a/b /:a/c", "/:a/:b", "path /:a/:b cannot stand beside /:a/"},
		{"/%61", "/a", "path /%61 already has a sync subscription for method GET and event http: function function"},
		{"/users/:id", "/users", ""},
		{"/users/:id", "/users/", ""},
		{"/users/", "/users/:id", ""},
		{"/users/", "/users/*rest", ""},
		{"/users//a", "/users/:id", ""},
		{"/users/*rest", "/users/", ""},
		{"/users/:id", "/users/:id/x", ""},
		{"/users/:id", "/users/:id", ""},
		{"/users/:id", "/groups/:name", ""},
		{"/users/:id", "/:users", "path /:users cannot stand beside /users/:id: a parameter beside a static segment"},
		{"/a", "/b", ""},
		{"/:x/a", "/:x/b", ""},
	} {
		var table *matcher.Table
		for path := range strings.FieldsSeq(test.there) {
			table = table.Insert(get(path))
		}
		other, reason := table.Conflict(get(test.path))
		switch {
		case test.want == "" && other == nil && reason == "":
		case test.want == "" || other == nil:
			t.Errorf("%s beside %s: %v, %q, want %q", test.path, test.there, other, reason, test.want)
		case !strings.HasPrefix(reason, test.want) || !strings.HasSuffix(reason, "(subscription "+other.ID+")"):
			t.Errorf("%s beside %s:\n got %s\nwant %s", test.path, test.there, reason, test.want)
		}
	}
}

func TestConflictScope(t *testing.T) {
	sync := eventgateway.Subscription{Space: "s", Type: "sync", Event: "http", FunctionID: "f", Method: "GET", Path: "/a"}
	sync.Normalize()
	table := (*matcher.Table)(nil).Insert(&sync)
	for _, test := range []struct {
		name   string
		change func(*eventgateway.Subscription)
		want   bool
	}{
		{"itself", func(*eventgateway.Subscription) {}, false},
		{"itself with metadata", func(s *eventgateway.Subscription) { s.Metadata = map[string]string{"a": "b"} }, false},
		{"another function", func(s *eventgateway.Subscription) { s.FunctionID = "g" }, true},
		{"another function under the event's later name", func(s *eventgateway.Subscription) {
			s.FunctionID, s.Event = "g", "http.request"
		}, true},
		{"another function, async", func(s *eventgateway.Subscription) { s.FunctionID, s.Type = "g", "async" }, false},
		{"another space", func(s *eventgateway.Subscription) { s.FunctionID, s.Space = "g", "t" }, false},
		{"another method", func(s *eventgateway.Subscription) { s.FunctionID, s.Method = "g", "PUT" }, false},
		{"another event", func(s *eventgateway.Subscription) { s.FunctionID, s.Event = "g", "user.created" }, false},
		{"a parameter, async", func(s *eventgateway.Subscription) { s.Path, s.Type = "/:a", "async" }, true},
		{"a parameter in another space", func(s *eventgateway.Subscription) { s.Path, s.Space = "/:a", "t" }, false},
	} {
		s := sync
		test.change(&s)
		s.Normalize()
		if other, reason := table.Conflict(&s); (other != nil) != test.want {
			t.Errorf("%s: %s", test.name, reason)
		}
	}
	invoke := listen("s", "invoke", "f", "/")
	if other, reason := (*matcher.Table)(nil).Insert(invoke).Conflict(listen("s", "invoke", "g", "/")); other != nil {
		t.Errorf("two functions can not both be invoked on one path: %s", reason)
	}
}
