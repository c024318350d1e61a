package eventgateway_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestParsePath(t *testing.T) {
	static := func(text string) eventgateway.Segment {
		return eventgateway.Segment{Kind: eventgateway.Static, Text: text}
	}
	param := func(name string) eventgateway.Segment {
		return eventgateway.Segment{Kind: eventgateway.Param, Text: name}
	}
	wildcard := func(name string) eventgateway.Segment {
		return eventgateway.Segment{Kind: eventgateway.Wildcard, Text: name}
	}
	for _, test := range []struct {
		path string
		want []eventgateway.Segment
	}{
		{"/", []eventgateway.Segment{static("")}},
		{"//", []eventgateway.Segment{static(""), static("")}},
		{"/users", []eventgateway.Segment{static("users")}},
		{"/users/", []eventgateway.Segment{static("users"), static("")}},
		{"/users/:id/files/*rest", []eventgateway.Segment{static("users"), param("id"), static("files"), wildcard("rest")}},
		{"/*rest", []eventgateway.Segment{wildcard("rest")}},
		{"/a%2Fb/c", []eventgateway.Segment{static("a/b"), static("c")}},
		{"/%3Aid/%2Aall", []eventgateway.Segment{static(":id"), static("*all")}},
		{"/a:b/c*d", []eventgateway.Segment{static("a:b"), static("c*d")}},
		{"/a+b/ä/%C3%A4", []eventgateway.Segment{static("a+b"), static("ä"), static("ä")}},
		{"/users/:id/:id2", []eventgateway.Segment{static("users"), param("id"), param("id2")}},
		{"/id/:id", []eventgateway.Segment{static("id"), param("id")}},
	} {
		got, err := eventgateway.ParsePath(test.path)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("ParsePath(%q) = %v, %v, want %v", test.path, got, err, test.want)
		}
	}
	for _, most := range []string{"/" + strings.Repeat("a", 2047), strings.Repeat("/a", 64)} {
		if _, err := eventgateway.ParsePath(most); err != nil {
			t.Errorf("ParsePath of %d bytes and %d segments: %v", len(most), strings.Count(most, "/"), err)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, test := range []struct{ path, want string }{
		{"", `path: "" is not accepted: want a path that starts with /`},
		{"users", `path: "users" is not accepted: want a path that starts with /`},
		{"*", `path: "*" is not accepted: want a path that starts with /`},
		{"/users?x=1", `path: "/users?x=1" is not accepted: want a path without query or fragment`},
		{"/users#top", `path: "/users#top" is not accepted: want a path without query or fragment`},
		{"/:", `path: "/:" is not accepted: want a name after : or *, without :, * or %`},
		{"/a/*", `path: "/a/*" is not accepted: want a name after : or *, without :, * or %`},
		{"/:a:b", `path: "/:a:b" is not accepted: want a name after : or *, without :, * or %`},
		{"/:a%20b", `path: "/:a%20b" is not accepted: want a name after : or *, without :, * or %`},
		{"/:id/x/:id", `path: "/:id/x/:id" is not accepted: want every parameter name only once`},
		{"/:id/*id", `path: "/:id/*id" is not accepted: want every parameter name only once`},
		{"/*rest/x", `path: "/*rest/x" is not accepted: want nothing after the wildcard *rest`},
		{"/*rest/", `path: "/*rest/" is not accepted: want nothing after the wildcard *rest`},
		{"/a%2", `path: "/a%2" is not accepted: want valid percent-encoding`},
		{"/a%zz", `path: "/a%zz" is not accepted: want valid percent-encoding`},
		{"/" + strings.Repeat("a", 2048), `path: "/` + strings.Repeat("a", 79) + `…" is not accepted: want at most 2048 bytes`},
		{strings.Repeat("/", 65), `path: "` + strings.Repeat("/", 65) + `" is not accepted: want at most 64 segments`},
	} {
		segments, err := eventgateway.ParsePath(test.path)
		wantError(t, "ParsePath("+test.path+")", err, test.want)
		if segments != nil {
			t.Errorf("ParsePath(%q) gives segments beside an error", test.path)
		}
	}
}

// wantError expects an error for the user of kind Invalid with this message; no error for no message.
func wantError(t *testing.T, what string, err error, message string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
		if kind := eventgateway.KindOf(err); kind != eventgateway.Invalid {
			t.Errorf("%s: kind %d, want Invalid", what, kind)
		}
	}
	if got != message {
		t.Errorf("%s:\n got %s\nwant %s", what, got, message)
	}
}

// FuzzParsePath expects of every path an error for the user, or segments that hold all the path says.
func FuzzParsePath(f *testing.F) {
	for _, path := range []string{"/", "/users/:id/*rest", "/a%2Fb//%3Ax", "/:a/:a", "*", "/%", "/ä\x00\xff"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		segments, err := eventgateway.ParsePath(path)
		if err != nil {
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), "path: ") {
				t.Errorf("the error is %v", err)
			}
			return
		}
		if len(segments) != strings.Count(path, "/") || len(segments) > eventgateway.MaxPathSegments {
			t.Errorf("%d segments", len(segments))
		}
		var again strings.Builder
		names := map[string]bool{}
		for i, segment := range segments {
			again.WriteByte('/')
			if segment.Kind == eventgateway.Static {
				again.WriteString(strings.ReplaceAll(url.PathEscape(segment.Text), ":", "%3A"))
				continue
			}
			if segment.Text == "" || names[segment.Text] {
				t.Errorf("the name %q is empty or not the only one", segment.Text)
			}
			names[segment.Text] = true
			if segment.Kind == eventgateway.Wildcard && i != len(segments)-1 {
				t.Error("a wildcard is not last")
			}
			again.WriteString(map[eventgateway.SegmentKind]string{eventgateway.Param: ":", eventgateway.Wildcard: "*"}[segment.Kind])
			again.WriteString(segment.Text)
		}
		if again.Len() > 2048 {
			return
		}
		reread, err := eventgateway.ParsePath(again.String())
		if err != nil || !reflect.DeepEqual(reread, segments) {
			t.Errorf("written again as %q it is %v, %v; it was %v", again.String(), reread, err, segments)
		}
	})
}
