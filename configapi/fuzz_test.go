package configapi_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/eventgateway/eventgateway/configapi"
)

// FuzzResource posts and puts anything as a resource of every kind. Whatever it is: the answer is JSON in the
// contract's form, what was accepted is shown again and can be sent again, and every stored entry can be read.
func FuzzResource(f *testing.F) {
	for _, seed := range []string{
		`{"functionId":"g","type":"test","provider":{"url":"u","secret":"s"},"format":"raw","timeout":"5s","metadata":{"k":"v"}}`,
		`{"functionId":"g","provider":{"type":"test","url":"u"}}`,
		`{"functionId":"f","event":"http","method":"GET","path":"/users/:id","cors":{"origins":["*"],"allowCredentials":true}}`,
		`{"functionId":"f","eventType":"user.created","type":"async","metadata":{}}`,
		`{"functionId":"f","event":"invoke","path":"/%2f/*rest"}`,
		`{"functionId":"f","event":"e","paused":true,"delivery":{"attempts":3,"backoff":{"initial":"1s","factor":1.5,"maximum":"1m","jitter":0},` +
			`"maxAge":"1h","timeout":"5s","retryOn":[503,"4xx","timeout"],"deadLetter":"dead","orderingKey":"data.id"}}`,
		`{"functionId":"g","type":"test","provider":{"url":"u"},"concurrency":7}`,
		`{"name":"user.created","authorizerId":"f","schema":{"type":"object","properties":{"a":{"$ref":"#/$defs/b"}},"$defs":{"b":{"pattern":"<"}}}}`,
		`{"name":"https://example.com/%2f","schema":true,"schemaMode":"off","metadata":{"k":"v"}}`, `{"name":"http.request","schemaMode":"reject"}`,
		`{"method":"GET","path":"/users/:id","allowedOrigins":["*"],"allowedMethods":[],"allowCredentials":true,"metadata":{"k":"v"}}`,
		`{"functionId":"f","event":"\ud83d\ude00"}`, `{"cors":null}`, `[]`, `null`, `{`, ``, "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in := newInstance(t, newStore(t), configapi.Static{})
		in.must(200, "POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u"}}`)
		in.must(200, "POST", "/v1/functions", `{"functionId":"dead","provider":{"type":"test","url":"u"}}`)
		for kind, identity := range map[string]string{
			"functions": "functionId", "subscriptions": "subscriptionId", "eventtypes": "name", "cors": "corsId",
		} {
			path := "/v1/spaces/default/" + kind
			a := in.do("POST", path, body)
			if !json.Valid([]byte(a.body)) {
				t.Fatalf("%s: %d %q", kind, a.Code, a.body)
			}
			switch a.Code {
			case 400, 409, 413:
				if a.message() == "" {
					t.Fatalf("%s: no message: %s", kind, a.body)
				}
			case 201:
				id, _ := a.field(identity).(string)
				id = url.PathEscape(id)
				if got := in.must(200, "GET", path+"/"+id, ""); got.body != a.body {
					t.Fatalf("posted %s\nread   %s", a.body, got.body)
				}
				if again := in.must(200, "PUT", path+"/"+id, a.body); again.body != a.body {
					t.Fatalf("posted %s\nput    %s", a.body, again.body)
				}
			default:
				t.Fatalf("%s: %d %s", kind, a.Code, a.body)
			}
			in.do("PUT", path+"/f", body)
		}
		copied := unloadedInstance(t, in.store, configapi.Static{})
		in.store.list(copied.mirror)
		if copied.mirror.Skipped() != 0 {
			t.Fatalf("a stored entry cannot be read: %s", copied.log)
		}
	})
}
