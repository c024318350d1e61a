package configapi_test

import (
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

func testCORS(space, method, path string) *eventgateway.CORSResource {
	c := &eventgateway.CORSResource{Space: space, Method: method, Path: path}
	c.Normalize()
	return c
}

func TestCORSResources(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	get, post := testCORS("a", "GET", "/users/:id").ID, testCORS("a", "POST", "/users").ID
	const all = "/v1/spaces/a/cors"
	first := `{"space":"a","corsId":"` + get + `","method":"GET","path":"/users/:id","allowedOrigins":["*"],"allowedMethods":["HEAD","GET","POST"],` +
		`"allowedHeaders":["Origin","Accept","Content-Type"],"allowCredentials":false}`
	second := `{"space":"a","corsId":"` + post + `","method":"POST","path":"/users","allowedOrigins":["https://*.example.com"],"allowedMethods":["PUT"],` +
		`"allowedHeaders":["*"],"allowCredentials":true,"metadata":{"team":"x"}}`
	changed := `{"space":"a","corsId":"` + get + `","method":"GET","path":"/users/:id","allowedOrigins":["https://a.example"],"allowedMethods":["HEAD","GET","POST"],` +
		`"allowedHeaders":["Origin","Accept","Content-Type"],"allowCredentials":false,"metadata":{"team":"y"}}`
	list := first + "," + second
	if post < get {
		list = second + "," + first
	}
	const fixed = `only allowedOrigins, allowedMethods, allowedHeaders, allowCredentials and metadata of a CORS resource can be changed; ` +
		`delete it and create another"}]}`
	in.play([]step{
		{"GET", all, "", 200, `{"cors":[]}`},
		{"POST", all, `{"method":"get","path":"/users/:id"}`, 201, first},
		{"POST", all, second, 201, second},
		{"POST", all, `{"method":"GET","path":"/users/:id","allowedOrigins":["x"]}`, 409, `{"errors":[{"message":"CORS resource \"` + get + `\" exists already: the same method and path: PUT changes the rest of it"}]}`},
		{"GET", all + "/" + get, "", 200, first},
		{"GET", all, "", 200, `{"cors":[` + list + `]}`},
		{"GET", all + "?metadata.team=x", "", 200, `{"cors":[` + second + `]}`},
		{"PUT", all + "/" + get, `{"allowedOrigins":["https://a.example"],"metadata":{"team":"y"}}`, 200, changed},
		{"PUT", all + "/" + get, changed, 200, changed},
		{"PUT", all + "/" + get, `{"method":"POST"}`, 400, `{"errors":[{"message":"method: \"POST\" is not accepted: want no change from \"GET\": ` + fixed},
		{"PUT", all + "/" + get, `{"path":"/users"}`, 400, `{"errors":[{"message":"path: \"/users\" is not accepted: want no change from \"/users/:id\": ` + fixed},
		{"PUT", all + "/" + get, `{"corsId":"x"}`, 400, `{"errors":[{"message":"corsId: \"x\" is not accepted: want the one in the URL, \"` + get + `\", or none"}]}`},
		{"PUT", all + "/x", `{}`, 404, `{"errors":[{"message":"CORS resource \"x\" does not exist in space \"a\""}]}`},
		{"GET", "/v1/spaces/b/cors/" + get, "", 404, `{"errors":[{"message":"CORS resource \"` + get + `\" does not exist in space \"b\""}]}`},
		{"DELETE", all + "/" + post, "", 204, ""},
		{"DELETE", all + "/" + post, "", 404, `{"errors":[{"message":"CORS resource \"` + post + `\" does not exist in space \"a\""}]}`},
		{"GET", all, "", 200, `{"cors":[` + changed + `]}`},
	})
}

func TestCORSConditions(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	path := "/v1/spaces/a/cors/" + testCORS("a", "GET", "/").ID
	first := in.must(201, "POST", "/v1/spaces/a/cors", `{"method":"GET","path":"/"}`).Header().Get("ETag")
	in.must(304, "GET", path, "", "If-None-Match", first)
	second := in.must(200, "PUT", path, `{"allowCredentials":true}`, "If-Match", first).Header().Get("ETag")
	in.must(412, "PUT", path, `{}`, "If-Match", first)
	in.must(412, "DELETE", path, "", "If-Match", first)
	in.must(204, "DELETE", path, "", "If-Match", second)
}

func TestCORSRefused(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	id := in.must(201, "POST", "/v1/spaces/a/cors", `{"method":"GET","path":"/users/:id"}`).field("corsId").(string)
	in.must(201, "POST", "/v1/spaces/a/cors", `{"method":"POST","path":"/users/me"}`)
	in.must(201, "POST", "/v1/spaces/b/cors", `{"method":"GET","path":"/users/me"}`)
	static := in.must(201, "POST", "/v1/spaces/a/cors", `{"method":"GET","path":"/a"}`).field("corsId").(string)
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{409, `{"method":"GET","path":"/users/me"}`, `path /users/me cannot stand beside /users/:id: a static segment beside a parameter (CORS resource ` + id + `)`},
		{409, `{"method":"GET","path":"/users/:name"}`, `path /users/:name cannot stand beside /users/:id: two names for one parameter (CORS resource ` + id + `)`},
		{409, `{"method":"GET","path":"/%61"}`, `path /a already has one for method GET (CORS resource ` + static + `)`},
		{400, `{"path":"/x"}`, `method: missing: want an HTTP method such as GET`},
		{400, `{"method":"G T","path":"/x"}`, `method: "G T" is not accepted: want an HTTP method such as GET`},
		{400, `{"method":"GET"}`, `path: missing: want a path such as /users/:id`},
		{400, `{"method":"GET","path":"x"}`, `path: "x" is not accepted: want a path that starts with /`},
		{400, `{"method":"GET","path":"/x","origins":[]}`, `unknown field "origins": want only space, corsId, method, path, allowedOrigins, allowedMethods, allowedHeaders, allowCredentials, metadata`},
		{400, `{"method":"GET","path":"/x","allowedOrigins":"*"}`, `allowedOrigins: a string is not accepted: want an array of strings`},
		{400, `{"method":"GET","path":"/x","allowedOrigins":["a b"]}`, `allowedOrigins: "a b" is not accepted: want 1 to 255 printable ASCII characters without spaces or commas`},
		{400, `{"method":"GET","path":"/x","allowedHeaders":["a:b"]}`, `allowedHeaders: "a:b" is not accepted: want an HTTP token`},
		{400, `{"method":"GET","path":"/x","allowCredentials":"yes"}`, `allowCredentials: a string is not accepted: want true or false`},
		{400, `{"method":"GET","path":"/a","corsId":"mine"}`, `corsId: "mine" is not accepted: want none: the gateway gives it, here ` + static},
		{400, `{"method":"GET","path":"/x","space":"b"}`, `space: "b" is not accepted: want the one in the URL, "a", or none`},
	} {
		if got := in.must(test.status, "POST", "/v1/spaces/a/cors", test.body).message(); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.body, got, test.want)
		}
	}
}
