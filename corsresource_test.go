package eventgateway_test

import (
	"reflect"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestCORSResourceNormalize(t *testing.T) {
	made := func(method, path string) eventgateway.CORSResource {
		c := eventgateway.CORSResource{Method: method, Path: path}
		c.Normalize()
		return c
	}
	got := made("get", "/users/:id")
	want := eventgateway.CORSResource{
		Space: "default", ID: got.ID, Method: "GET", Path: "/users/:id", AllowedOrigins: []string{"*"},
		AllowedMethods: []string{"HEAD", "GET", "POST"}, AllowedHeaders: []string{"Origin", "Accept", "Content-Type"},
	}
	if !reflect.DeepEqual(got, want) || len(got.ID) != 32 {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	ids := map[string]string{}
	for _, key := range [][2]string{{"GET", "/a"}, {"POST", "/a"}, {"GET", "/ab"}, {"GETa", "/"}} {
		id := made(key[0], key[1]).ID
		if other, taken := ids[id]; taken {
			t.Errorf("%v and %s have one id", key, other)
		}
		ids[id] = key[0] + " " + key[1]
	}
	space := eventgateway.CORSResource{Space: "a", ID: "given", Method: "GET", Path: "/users/:id", AllowCredentials: true}
	if space.Normalize(); space.ID != got.ID {
		t.Error("the id depends on more than method and path")
	}
	lists := eventgateway.CORSResource{
		Method: "GET", Path: "/", AllowedOrigins: []string{"o"}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"X"}, AllowCredentials: true,
	}
	lists.Normalize()
	if got, want := lists.CORS(), (eventgateway.CORS{
		Origins: []string{"o"}, Methods: []string{"PUT"}, Headers: []string{"X"}, AllowCredentials: true,
	}); !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v, want %+v", *got, want)
	}
}

func TestCORSResourceValidate(t *testing.T) {
	for _, test := range []struct {
		cors eventgateway.CORSResource
		want string
	}{
		{eventgateway.CORSResource{Method: "GET", Path: "/users/:id/*rest", AllowedHeaders: []string{"*"}}, ""},
		{eventgateway.CORSResource{Method: "M-SEARCH", Path: "/", AllowedOrigins: []string{"https://*.example.com"}}, ""},
		{eventgateway.CORSResource{Method: "GET", Path: "/", Space: "a b"}, `space: "a b" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`},
		{eventgateway.CORSResource{Path: "/"}, `method: missing: want an HTTP method such as GET`},
		{eventgateway.CORSResource{Method: "GE T", Path: "/"}, `method: "GE T" is not accepted: want an HTTP method such as GET`},
		{eventgateway.CORSResource{Method: "GET"}, `path: missing: want a path such as /users/:id`},
		{eventgateway.CORSResource{Method: "GET", Path: "/*a/b"}, `path: "/*a/b" is not accepted: want nothing after the wildcard *a`},
		{eventgateway.CORSResource{Method: "GET", Path: "/", AllowedOrigins: []string{""}}, `allowedOrigins: "" is not accepted: want 1 to 255 printable ASCII characters without spaces or commas`},
		{eventgateway.CORSResource{Method: "GET", Path: "/", AllowedMethods: []string{"A:B"}}, `allowedMethods: "A:B" is not accepted: want an HTTP token`},
		{eventgateway.CORSResource{Method: "GET", Path: "/", AllowedHeaders: make([]string, 101)}, `allowedHeaders: 101 entries are not accepted: want at most 100`},
		{eventgateway.CORSResource{Method: "GET", Path: "/", Metadata: map[string]string{"": ""}}, `metadata key: "" is not accepted: want 1 to 128 bytes`},
	} {
		test.cors.Normalize()
		wantError(t, test.cors.Method+" "+test.cors.Path, test.cors.Validate(), test.want)
	}
}
