package matcher_test

import (
	"slices"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

// FuzzFind looks for any path in a table beside any pattern, and expects what the specification says.
func FuzzFind(f *testing.F) {
	f.Add("/a/:x/*rest", "/a/b/c%2Fd/")
	f.Add("/", "*")
	f.Add("/%61/", "//%zz/%")
	fixed := naive{
		get("/"), get("/users/"), get("/users/:id"), get("/files/*rest"), get("/a/b/c"), get("/a/b/:c/d"),
		httpTo("other", "/:all"), httpTo("other", "/users/x/:y"), httpTo("third", "/*everything"), httpTo("third", "/a//"),
	}
	var table *matcher.Table
	for _, s := range fixed {
		table = table.Insert(s)
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		table, list := table, fixed
		if s := get(pattern); validPath(pattern) {
			table, list = table.Insert(s), list.insert(s)
			if other, _ := table.Conflict(s); (other != nil) != list.conflicts(s) {
				t.Errorf("Conflict(%q) = %v", pattern, other)
			}
		}
		for _, space := range []string{"", eventgateway.DefaultSpace, "other"} {
			q := &matcher.Query{Space: space, Method: "GET", Path: path, Event: "http"}
			var m matcher.Match
			table.Find(q, &m)
			if got, want := renderMatch(&m), list.find(q); !slices.Equal(got, want) {
				t.Errorf("Find(%+v)\n got %q\nwant %q", *q, got, want)
			}
		}
	})
}
