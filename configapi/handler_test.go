package configapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// step is one request and what must come back.
type step struct {
	method, path, body string
	status             int
	want               string
}

func (in *instance) play(steps []step) {
	in.t.Helper()
	for _, s := range steps {
		a := in.must(s.status, s.method, s.path, s.body)
		if got := strings.TrimSuffix(a.body, "\n"); got != s.want {
			in.t.Errorf("%s %s\ngot  %s\nwant %s", s.method, s.path, got, s.want)
		}
		want := "application/json"
		if s.status == 204 {
			want = ""
		}
		if got := a.Header().Get("Content-Type"); got != want {
			in.t.Errorf("%s %s: content type %q", s.method, s.path, got)
		}
		if s.status < 300 && a.Header().Get("Event-Gateway-Revision") == "" {
			in.t.Errorf("%s %s: no revision", s.method, s.path)
		}
	}
}

func id(space, event, function, path string) string {
	return testSubscription(space, event, function, path).ID
}

func TestFirstGeneration(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	users, created := id("", "http", "f", "/users"), id("", "user.created", "f", "/myteam")
	list := []string{
		fmt.Sprintf(`{"subscriptionId":"%s","event":"http","functionId":"f","method":"GET","path":"/users","cors":{"origins":["*"],"methods":["HEAD","GET","POST"],"headers":["Origin","Accept","Content-Type"]}}`, users),
		fmt.Sprintf(`{"subscriptionId":"%s","event":"user.created","functionId":"f","method":"POST","path":"/myteam"}`, created),
	}
	shown := slices.Clone(list)
	if created < users {
		slices.Reverse(list)
	}
	in.play([]step{
		{"GET", "/v1/functions", "", 200, `{"functions":[]}`},
		{"POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u","secret":"s3"}}`, 200, `{"functionId":"f","provider":{"type":"test","url":"u","secret":"***"}}`},
		{"POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u"}}`, 409, `{"errors":[{"message":"functionId: function \"f\" exists already: PUT changes it"}],"error":"functionId: function \"f\" exists already: PUT changes it"}`},
		{"GET", "/v1/functions/f", "", 200, `{"functionId":"f","provider":{"type":"test","url":"u","secret":"***"}}`},
		{"PUT", "/v1/functions/f", `{"provider":{"type":"test","url":"v","secret":"***"}}`, 200, `{"functionId":"f","provider":{"type":"test","url":"v","secret":"***"}}`},
		{"PUT", "/v1/functions/g", `{"provider":{"type":"test","url":"v"}}`, 404, `{"errors":[{"message":"function \"g\" does not exist in space \"default\""}],"error":"function \"g\" does not exist in space \"default\""}`},
		{"GET", "/v1/functions", "", 200, `{"functions":[{"functionId":"f","provider":{"type":"test","url":"v","secret":"***"}}]}`},
		{"POST", "/v1/subscriptions", `{"functionId":"f","event":"user.created","path":"/myteam"}`, 200, shown[1]},
		{"POST", "/v1/subscriptions", `{"functionId":"f","event":"http","method":"GET","path":"/users","cors":{}}`, 200, shown[0]},
		{"GET", "/v1/subscriptions", "", 200, `{"subscriptions":[` + strings.Join(list, ",") + `]}`},
		{"GET", "/v1/subscriptions/" + created, "", 200, shown[1]},
		{"DELETE", "/v1/subscriptions/" + users, "", 204, ""},
		{"DELETE", "/v1/subscriptions/" + users, "", 404, fmt.Sprintf(`{"errors":[{"message":"subscription \"%s\" does not exist in space \"default\""}],"error":"subscription \"%[1]s\" does not exist in space \"default\""}`, users)},
		{"DELETE", "/v1/subscriptions/" + created, "", 204, ""},
		{"DELETE", "/v1/functions/f", "", 204, ""},
		{"GET", "/v1/functions/f", "", 404, `{"errors":[{"message":"function \"f\" does not exist in space \"default\""}],"error":"function \"f\" does not exist in space \"default\""}`},
	})
}

func TestSecondGeneration(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	sub := id("a", "user.created", "f", "/myteam")
	shown := fmt.Sprintf(`{"space":"a","subscriptionId":"%s","type":"async","event":"user.created","eventType":"user.created","functionId":"f","method":"POST","path":"/myteam"}`, sub)
	in.play([]step{
		{"POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u","secret":"s"},"format":"raw","timeout":"5s","metadata":{"team":"x"}}`, 201, `{"space":"a","functionId":"f","type":"test","provider":{"url":"u","secret":"***"},"format":"raw","timeout":"5s","metadata":{"team":"x"}}`},
		{"PUT", "/v1/spaces/a/functions/f", `{"space":"a","functionId":"f","type":"test","provider":{"url":"v"}}`, 200, `{"space":"a","functionId":"f","type":"test","provider":{"url":"v"}}`},
		{"GET", "/v1/spaces/a/functions/f", "", 200, `{"space":"a","functionId":"f","type":"test","provider":{"url":"v"}}`},
		{"GET", "/v1/spaces/b/functions", "", 200, `{"functions":[]}`},
		{"POST", "/v1/spaces/b/subscriptions", `{"functionId":"f","event":"user.created"}`, 400, `{"errors":[{"message":"functionId: function \"f\" does not exist in space \"b\": want a function that is registered"}]}`},
		{"POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","eventType":"user.created","type":"async","path":"/myteam"}`, 201, shown},
		{"POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"user.created","path":"/myteam"}`, 409, fmt.Sprintf(`{"errors":[{"message":"subscription \"%s\" exists already: the same type, event, functionId, method and path: PUT changes the rest of it"}]}`, sub)},
		{"PUT", "/v1/spaces/a/subscriptions/" + sub, `{"event":"user.created","metadata":{"k":"v"}}`, 200, strings.TrimSuffix(shown, "}") + `,"metadata":{"k":"v"}}`},
		{"GET", "/v1/spaces/a/subscriptions/" + sub, "", 200, strings.TrimSuffix(shown, "}") + `,"metadata":{"k":"v"}}`},
		{"PUT", "/v1/spaces/a/subscriptions/" + sub, shown, 200, shown},
		{"PUT", "/v1/spaces/a/subscriptions/none", shown, 404, `{"errors":[{"message":"subscription \"none\" does not exist in space \"a\""}]}`},
		{"DELETE", "/v1/spaces/a/functions/f", "", 409, `{"errors":[{"message":"function \"f\" is in use by subscription ` + sub + `: delete what uses it first"}]}`},
		{"DELETE", "/v1/spaces/a/subscriptions/" + sub, "", 204, ""},
		{"DELETE", "/v1/spaces/a/functions/f", "", 204, ""},
	})
}

func TestCredentials(t *testing.T) {
	s := newStore(t)
	in := newInstance(t, s, configapi.Static{})
	stored := func() string {
		fn := decode[eventgateway.Function](t, s.entries[key("a", configapi.Functions, "f")].Value)
		return string(fn.Provider)
	}
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u","secret":"one"}}`)
	in.must(200, "PUT", "/v1/spaces/a/functions/f", `{"type":"test","provider":{"url":"v","secret":"***"}}`)
	if got := stored(); got != `{"url":"v","secret":"one"}` {
		t.Errorf("kept credential: stored %s", got)
	}
	in.must(200, "PUT", "/v1/spaces/a/functions/f", `{"type":"test","provider":{"url":"v","secret":"two"}}`)
	if got := stored(); got != `{"url":"v","secret":"two"}` {
		t.Errorf("new credential: stored %s", got)
	}
	for _, path := range []string{"/v1/spaces/a/functions/f", "/v1/spaces/a/functions"} {
		if a := in.must(200, "GET", path, ""); strings.Contains(a.body, "two") || !strings.Contains(a.body, "***") {
			t.Errorf("GET %s: %s", path, a.body)
		}
	}
	in.must(400, "POST", "/v1/spaces/a/functions", `{"functionId":"g","type":"test","provider":{"url":"u","secret":"***"}}`)
	in.must(200, "PUT", "/v1/spaces/a/functions/f", `{"type":"test","provider":{"url":"v"}}`)
	in.must(400, "PUT", "/v1/spaces/a/functions/f", `{"type":"test","provider":{"url":"v","secret":"***"}}`)
	if strings.Contains(in.log.String(), "two") {
		t.Errorf("log: %s", in.log)
	}
}

func TestStaticIsReadOnly(t *testing.T) {
	sub := testSubscription("a", "e", "f", "/")
	in := newInstance(t, newStore(t), static([]*eventgateway.Function{testFunction("a", "f")}, sub))
	for _, s := range []step{
		{"POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`, 409, "function"},
		{"PUT", "/v1/spaces/a/functions/f", `{"type":"test","provider":{"url":"u"}}`, 409, "function"},
		{"DELETE", "/v1/spaces/a/functions/f", "", 409, "function"},
		{"POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"e"}`, 409, "subscription"},
		{"PUT", "/v1/spaces/a/subscriptions/" + sub.ID, `{}`, 409, "subscription"},
		{"POST", "/v1/spaces/a/subscriptions/" + sub.ID + "/pause", "", 409, "subscription"},
		{"DELETE", "/v1/spaces/a/subscriptions/" + sub.ID, "", 409, "subscription"},
	} {
		message := in.must(s.status, s.method, s.path, s.body).message()
		if !strings.HasPrefix(message, s.want) || !strings.HasSuffix(message, "comes from the server's own configuration and can only be changed there") {
			t.Errorf("%s %s: %s", s.method, s.path, message)
		}
	}
	in.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"other"}`)
	tag := in.must(200, "GET", "/v1/spaces/a/functions/f", "").Header().Get("ETag")
	if !strings.HasPrefix(tag, `"static-`) {
		t.Errorf("ETag %s", tag)
	}
	in.must(304, "GET", "/v1/spaces/a/functions/f", "", "If-None-Match", tag)
	if a := in.must(200, "GET", "/v1/spaces/a/functions", ""); strings.Count(a.body, `"functionId":"f"`) != 1 {
		t.Errorf("got %s", a.body)
	}
}

func TestConflictingRoutes(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"g","type":"test","provider":{"url":"u"}}`)
	post := func(status int, function, path string) answer {
		t.Helper()
		return in.must(status, "POST", "/v1/spaces/a/subscriptions", fmt.Sprintf(`{"functionId":%q,"event":"http","method":"GET","path":%q}`, function, path))
	}
	post(201, "f", "/users/:id")
	for path, why := range map[string]string{
		"/users/:id":   "already has a sync subscription for method GET and event http: function f",
		"/users/me":    "a static segment beside a parameter",
		"/users/:name": "two names for one parameter",
	} {
		if a := post(409, "g", path); !strings.Contains(a.message(), why) {
			t.Errorf("%s: %s", path, a.message())
		}
	}
	post(201, "g", "/users/:id/files")
}

func TestConditions(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
	const path, body = "/v1/spaces/a/functions/f", `{"type":"test","provider":{"url":"u"}}`
	tag := func() string { return in.must(200, "GET", path, "").Header().Get("ETag") }
	old := tag()
	if a := in.must(200, "PUT", path, body, "If-Match", old); a.Header().Get("ETag") != tag() || tag() == old {
		t.Errorf("PUT answers ETag %s, GET %s", a.Header().Get("ETag"), tag())
	}
	for _, test := range []struct {
		status                     int
		method, path, name, header string
	}{
		{412, "PUT", path, "If-Match", old},
		{412, "DELETE", path, "If-Match", old},
		{412, "PUT", path, "If-Match", "W/" + tag()},
		{412, "PUT", path, "If-None-Match", "*"},
		{412, "GET", path, "If-Match", old},
		{400, "PUT", path, "If-Match", "42"},
		{400, "PUT", path, "If-Match", `"42`},
		{404, "PUT", "/v1/spaces/a/functions/g", "If-Match", "*"},
		{304, "GET", path, "If-None-Match", tag()},
		{304, "HEAD", path, "If-None-Match", "W/" + tag()},
		{304, "GET", path, "If-None-Match", "*"},
		{304, "GET", path, "If-None-Match", old + `, ` + tag()},
		{200, "GET", path, "If-None-Match", old},
		{200, "PUT", path, "If-Match", "*"},
	} {
		if a := in.do(test.method, test.path, body, test.name, test.header); a.Code != test.status {
			t.Errorf("%s %s %s: %s: got %d, want %d", test.method, test.path, test.name, test.header, a.Code, test.status)
		}
	}
	in.must(200, "PUT", path, body, "If-Match", old+", "+tag())
	in.must(412, "DELETE", path, "", "If-Match", `"1"`)
	in.must(204, "DELETE", path, "", "If-Match", tag())
}

func TestLists(t *testing.T) {
	in := newInstance(t, newStore(t), static([]*eventgateway.Function{testFunction("a", "m")}))
	for _, f := range []string{"z", "b", "k"} {
		in.must(201, "POST", "/v1/spaces/a/functions", fmt.Sprintf(
			`{"functionId":%q,"type":"test","provider":{"url":"u"},"metadata":{"name":%[1]q,"env":"x y","empty":""}}`, f))
	}
	for query, want := range map[string]string{
		"":                                    "b k m z",
		"?metadata.env=x+y":                   "b k z",
		"?metadata.env=x%20y&metadata.name=k": "k",
		"?metadata.empty=":                    "b k z",
		"?metadata.none=":                     "",
		"?metadata.env=X":                     "",
	} {
		var list struct{ Functions []struct{ FunctionID string } }
		if err := json.Unmarshal([]byte(in.must(200, "GET", "/v1/spaces/a/functions"+query, "").body), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range list.Functions {
			got = append(got, f.FunctionID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"?limit=1":                   `unknown query parameter "limit": want only metadata.<key>=<value>`,
		"?metadata.=1":               `unknown query parameter "metadata.": want only metadata.<key>=<value>`,
		"?metadata.a=1&metadata.a=2": `query parameter "metadata.a": given 2 times: want it once`,
		"?metadata.a=%zz":            `query: "metadata.a=%zz" is not accepted: want name=value pairs with valid percent-encoding, separated by &`,
	} {
		if got := in.must(400, "GET", "/v1/spaces/a/functions"+query, "").message(); got != want {
			t.Errorf("%s: got %s", query, got)
		}
	}
	if got := in.must(400, "GET", "/v1/spaces/a/functions/b?x=1", "").message(); got != `unknown query parameter "x": want none here` {
		t.Errorf("got %s", got)
	}
}

func TestPathsAndMethods(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	for _, path := range []string{
		"/", "/v1", "/v1/", "/v1/functions/", "/v1/functions/a/b", "/v1/spaces", "/v1/spaces/a", "/v1/spaces//functions", "/v2/functions",
		"/v1/spaces/a/eventtype", "/v1/eventtypes", "/v1/cors", "/v1/spaces/a/eventtypes/a/b", "/v1/spaces/a/cors/", "//v1/functions", "/v1//functions", "/v1/metrics", "/metrics",
	} {
		if a := in.must(404, "GET", path, ""); a.message() == "" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	for path, allow := range map[string]string{
		"/v1/functions":              "GET, HEAD, POST",
		"/v1/spaces/a/functions/f":   "DELETE, GET, HEAD, PUT",
		"/v1/spaces/a/subscriptions": "GET, HEAD, POST",
		"/v1/subscriptions/x":        "DELETE, GET, HEAD, PUT",
		"/v1/subscriptions/x/pause":  "POST",
		"/v1/spaces/a/eventtypes":    "GET, HEAD, POST",
		"/v1/spaces/a/eventtypes/x":  "DELETE, GET, HEAD, PUT",
		"/v1/spaces/a/cors":          "GET, HEAD, POST",
		"/v1/spaces/a/cors/x":        "DELETE, GET, HEAD, PUT",
		"/v1/status":                 "GET, HEAD",
	} {
		a := in.must(405, "PATCH", path, "")
		if a.Header().Get("Allow") != allow || !strings.Contains(a.message(), "want "+allow) {
			t.Errorf("%s: Allow %q, %s", path, a.Header().Get("Allow"), a.message())
		}
		in.must(405, "OPTIONS", path, "")
	}
	for _, space := range []string{"a%2Fb", "a%20b", "%C3%A9", "..", strings.Repeat("a", 256)} {
		if got := in.must(400, "GET", "/v1/spaces/"+space+"/functions", "").message(); !strings.HasPrefix(got, "space: ") {
			t.Errorf("%s: %s", space, got)
		}
	}
	get, head := in.must(200, "GET", "/v1/status", ""), in.must(200, "HEAD", "/v1/status", "")
	if head.body != "" || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") {
		t.Errorf("HEAD: %q %v", head.body, head.Header())
	}
	if a := in.must(200, "HEAD", "/v1/functions", ""); a.body != "" {
		t.Errorf("HEAD of a list: %q", a.body)
	}
}

func TestCrossOriginWrites(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	const body = `{"functionId":"f","provider":{"type":"test","url":"u"}}`
	a := in.must(403, "POST", "/v1/functions", body, "Sec-Fetch-Site", "cross-site")
	if want := `{"errors":[{"message":"a page of another origin may not change the configuration"}],"error":"a page of another origin may not change the configuration"}` + "\n"; a.body != want {
		t.Errorf("got %s", a.body)
	}
	in.must(403, "POST", "/v1/functions", body, "Origin", "https://evil.example")
	in.must(403, "DELETE", "/v1/functions/f", body, "Origin", "null")
	in.must(200, "GET", "/v1/functions", "", "Sec-Fetch-Site", "cross-site")
	in.must(200, "POST", "/v1/functions", body, "Origin", "http://example.com", "Sec-Fetch-Site", "same-origin")
}

func TestStatusAndMetrics(t *testing.T) {
	in := newInstance(t, newStore(t), static([]*eventgateway.Function{testFunction("a", "f")}))
	in.must(201, "POST", "/v1/spaces/b/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
	in.must(201, "POST", "/v1/spaces/b/subscriptions", `{"functionId":"f","event":"e"}`)
	in.handler.Status = func() map[string]any { return map[string]any{"queue": map[string]int{"waiting": 3}} }
	in.must(201, "POST", "/v1/spaces/b/eventtypes", `{"name":"e"}`)
	in.must(201, "POST", "/v1/spaces/b/cors", `{"method":"GET","path":"/"}`)
	a := in.must(200, "GET", "/v1/status", "")
	want := `{"cors":1,"eventTypes":1,"functions":2,"loaded":true,"queue":{"waiting":3},"revision":4,"skipped":0,"spaces":2,"store":{"state":"connected","embedded":false},"subscriptions":1}` + "\n"
	if a.body != want || a.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %s", a.body)
	}
	in.handler.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "# metrics") })
	for _, path := range []string{"/metrics", "/v1/metrics?name=x"} {
		if a := in.must(200, "GET", path, ""); a.body != "# metrics" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

func TestObserver(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	for _, step := range []struct{ method, path, body, want string }{
		{"GET", "/v1/spaces/a/functions", "", " functions list OK"},
		{"POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`, "a functions create Created"},
		{"GET", "/v1/spaces/a/functions/g", "", "a functions get Not Found"},
		{"PUT", "/v1/spaces/a/functions/f", "{", "a functions update Bad Request"},
		{"DELETE", "/v1/spaces/a/subscriptions/f", "", "a subscriptions delete Not Found"},
		{"POST", "/v1/spaces/a/subscriptions/f/pause", "", "a subscriptions pause Not Found"},
		{"POST", "/v1/subscriptions/f/resume", "", " subscriptions resume Not Found"},
		{"POST", "/v1/spaces/a/eventtypes", `{"name":"e"}`, "a eventtypes create Created"},
		{"GET", "/v1/spaces/a/cors", "", "a cors list OK"},
		{"GET", "/v1/spaces/made-up/functions", "", " functions list OK"},
		{"POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u"}}`, "default functions create OK"},
	} {
		in.do(step.method, step.path, step.body)
		if got := <-in.seen; got != step.want {
			t.Errorf("%s %s: got %q, want %q", step.method, step.path, got, step.want)
		}
	}
	in.do("GET", "/v1/status", "")
	in.do("PATCH", "/v1/functions", "")
	if len(in.seen) != 0 {
		t.Errorf("counted: %s", <-in.seen)
	}
}
