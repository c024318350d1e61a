package integration

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestCompatibilityPorts reads the ports of both APIs from the example that everybody starts with.
func TestCompatibilityPorts(t *testing.T) {
	out, err := exec.Command(gatewaytest.Binary(t), "adapt", "--config", "../Caddyfile.example").Output()
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Listen []string
					Routes json.RawMessage
				}
			}
		}
	}
	if err := json.Unmarshal(out, &config); err != nil {
		t.Fatal(err)
	}
	ports := map[string]string{"event_gateway": ":4000", "event_gateway_config": ":4001"}
	for handler, want := range ports {
		var got []string
		for _, server := range config.Apps.HTTP.Servers {
			if strings.Contains(string(server.Routes), `"handler":"`+handler+`"`) {
				got = append(got, server.Listen...)
			}
		}
		if len(got) != 1 || !strings.HasSuffix(got[0], want) {
			t.Errorf("%s listens on %v, want one address with %s", handler, got, want)
		}
	}
}

// generation is how the clients of one generation write what both have.
type generation struct {
	name, base string
	created    int
	// inside tells that a function's type is one of its provider's fields.
	inside bool
}

var generations = []generation{
	{"A", "/v1", 200, true},
	{"B", "/v1/spaces/default", 201, false},
}

// function writes a function; an empty id or type is left out. provider has the provider's fields without braces.
func (g generation) function(id, kind, provider string) string {
	var fields []string
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, `"`+name+`":`+value)
		}
	}
	if !g.inside && id != "" {
		add("space", `"default"`)
	}
	if id != "" {
		add("functionId", `"`+id+`"`)
	}
	if kind != "" && g.inside {
		provider = strings.TrimSuffix(`"type":"`+kind+`",`+provider, ",")
	} else if kind != "" {
		add("type", `"`+kind+`"`)
	}
	add("provider", "{"+provider+"}")
	return "{" + strings.Join(fields, ",") + "}"
}

// TestCompatibilityFunctions has a row for every statement about the functions of the Configuration API.
func TestCompatibilityFunctions(t *testing.T) {
	for _, g := range generations {
		t.Run(g.name, func(t *testing.T) {
			s := newStage(t)
			const (
				lambda = `"arn":"arn:aws:lambda:us-east-1:377024778620:function:hello","region":"us-east-1"`
				keys   = `,"awsAccessKeyId":"AKIA","awsSecretAccessKey":"s3","awsSessionToken":"t0"`
				masked = `,"awsAccessKeyId":"***","awsSecretAccessKey":"***","awsSessionToken":"***"`
				web    = `"url":"https://example.com/function"`
			)
			for _, test := range []struct {
				why, method, path, body string
				status                  int
				want                    string
			}{
				{"none yet", "GET", "/functions", "", 200, `{"functions":[]}`},
				{"a Lambda function", "POST", "/functions", g.function("a", "awslambda", lambda), g.created, g.function("a", "awslambda", lambda)},
				{"with credentials", "POST", "/functions", g.function("b", "awslambda", lambda+keys), g.created, g.function("b", "awslambda", lambda+masked)},
				{"an HTTP endpoint", "POST", "/functions", g.function("c", "http", web), g.created, g.function("c", "http", web)},
				{"once more", "POST", "/functions", g.function("c", "http", web), 409, `function "c" exists already`},
				{"no functionId", "POST", "/functions", g.function("", "http", web), 400, `functionId: ""`},
				{"no provider", "POST", "/functions", `{"functionId":"d","type":"http"}`, 400, "provider"},
				{"no type", "POST", "/functions", g.function("d", "", web), 400, "type: missing"},
				{"no arn", "POST", "/functions", g.function("d", "awslambda", `"region":"us-east-1"`), 400, "provider.arn: missing"},
				{"a bad arn", "POST", "/functions", g.function("d", "awslambda", `"arn":"hello","region":"us-east-1"`), 400, "provider.arn: "},
				{"no url", "POST", "/functions", g.function("d", "http", ""), 400, "provider.url: missing"},
				{"a url of another kind", "POST", "/functions", g.function("d", "http", `"url":"ftp://example.com/"`), 400, "provider.url: "},
				{"changed", "PUT", "/functions/a", g.function("", "http", web), 200, g.function("a", "http", web)},
				{"changed to what cannot be", "PUT", "/functions/a", g.function("", "http", ""), 400, "provider.url: missing"},
				{"none to change", "PUT", "/functions/d", g.function("", "http", web), 404, `function "d" does not exist`},
				{"one", "GET", "/functions/c", "", 200, g.function("c", "http", web)},
				{"deleted", "DELETE", "/functions/b", "", 204, ""},
				{"none to delete", "DELETE", "/functions/b", "", 404, `function "b" does not exist`},
				{"all", "GET", "/functions", "", 200, `{"functions":[` + g.function("a", "http", web) + "," + g.function("c", "http", web) + `]}`},
			} {
				t.Run(test.why, func(t *testing.T) {
					s.t = t
					g.check(t, s.sendTo(s.Config, test.method, g.base+test.path, test.body), test.status, test.want)
				})
			}
		})
	}
}

// check compares an answer: the whole of a good one, and part of an error's message, which generation A has in "error" too.
func (g generation) check(t *testing.T, a answer, status int, want string) {
	t.Helper()
	if a.status < 400 {
		a.body = strings.TrimSuffix(a.body, "\n")
		a.wants(t, status, want)
		return
	}
	a.expect(t, status, want)
	if strings.Contains(a.body, `"error":"`) != g.inside {
		t.Errorf("generation %s got %s", g.name, a.body)
	}
}

// TestCompatibilitySubscriptions has a row for every statement about the subscriptions of the Configuration API.
func TestCompatibilitySubscriptions(t *testing.T) {
	for _, g := range generations {
		t.Run(g.name, func(t *testing.T) {
			s := newStage(t)
			for _, id := range []string{"sendEmail", "listUsers"} {
				s.function(id, says("{}"))
			}
			show := func(kind, event, more string) string {
				if g.inside {
					return `"event":"` + event + `",` + more
				}
				return `"type":"` + kind + `","event":"` + event + `","eventType":"` + event + `",` + more
			}
			var ids []string
			for _, test := range []struct {
				why, body string
				status    int
				want      string // what the answer has beside the id, or says
			}{
				{
					"without a path", `{"functionId":"sendEmail","event":"user.created"}`, g.created,
					show("async", "user.created", `"functionId":"sendEmail","method":"POST","path":"/"`),
				},
				{
					"with a path", `{"functionId":"sendEmail","event":"user.created","path":"/myteam"}`, g.created,
					show("async", "user.created", `"functionId":"sendEmail","method":"POST","path":"/myteam"`),
				},
				{
					"to http", `{"functionId":"listUsers","event":"http","method":"GET","path":"/users"}`, g.created,
					show("sync", "http", `"functionId":"listUsers","method":"GET","path":"/users"`),
				},
				{
					"to http with CORS", `{"functionId":"listUsers","event":"http","method":"GET","path":"/cors","cors":{}}`, g.created,
					show("sync", "http", `"functionId":"listUsers","method":"GET","path":"/cors",`+
						`"cors":{"origins":["*"],"methods":["HEAD","GET","POST"],"headers":["Origin","Accept","Content-Type"]}`),
				},
				{
					"to invoke", `{"functionId":"listUsers","event":"invoke"}`, g.created,
					show("sync", "invoke", `"functionId":"listUsers","method":"POST","path":"/"`),
				},
				{"once more", `{"functionId":"sendEmail","event":"user.created"}`, 409, "exists already"},
				{
					"a second function for a method and path", `{"functionId":"sendEmail","event":"http","method":"GET","path":"/users"}`,
					409, "path /users already has a sync subscription for method GET and event http",
				},
				{"to http without a method", `{"functionId":"listUsers","event":"http","path":"/x"}`, 400, "method: missing"},
				{"without a function", `{"event":"user.created"}`, 400, `functionId: ""`},
				{"of no function", `{"event":"user.created","functionId":"nobody"}`, 400, `functionId: function "nobody" does not exist`},
				{"without an event", `{"functionId":"sendEmail"}`, 400, `event: ""`},
				{"on a relative path", `{"functionId":"sendEmail","event":"e","path":"x"}`, 400, `path: "x"`},
			} {
				t.Run(test.why, func(t *testing.T) {
					s.t = t
					a := s.sendTo(s.Config, "POST", g.base+"/subscriptions", test.body)
					if a.status >= 400 || test.status >= 400 {
						g.check(t, a, test.status, test.want)
						return
					}
					var created struct{ SubscriptionID string }
					if err := json.Unmarshal([]byte(a.body), &created); err != nil || a.status != test.status || !strings.Contains(a.body, test.want) {
						t.Errorf("got  %d %s\nwant %d %s: %v", a.status, a.body, test.status, test.want, err)
					}
					ids = append(ids, created.SubscriptionID)
				})
			}
			s.t = t
			list := s.sendTo(s.Config, "GET", g.base+"/subscriptions", "")
			var all struct {
				Subscriptions []struct{ SubscriptionID string }
			}
			if err := json.Unmarshal([]byte(list.body), &all); err != nil || list.status != 200 || len(all.Subscriptions) != len(ids) {
				t.Errorf("%d subscriptions were made, and listed %d %s: %v", len(ids), list.status, list.body, err)
			}
			inUse := s.sendTo(s.Config, "DELETE", g.base+"/functions/sendEmail", "")
			g.check(t, inUse, 409, `function "sendEmail" is in use by 2 subscriptions: `)
			for _, id := range ids {
				s.sendTo(s.Config, "DELETE", g.base+"/subscriptions/"+id, "").wants(t, 204, "")
				g.check(t, s.sendTo(s.Config, "DELETE", g.base+"/subscriptions/"+id, ""), 404, "does not exist")
			}
			s.sendTo(s.Config, "DELETE", g.base+"/functions/sendEmail", "").wants(t, 204, "")
			s.sendTo(s.Config, "GET", "/v1/status", "").expect(t, 200, "revision")
		})
	}
}
