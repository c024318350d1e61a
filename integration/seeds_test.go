package integration

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestSeedExamples sends the curl examples of the two READMEs the system is built from, as written there but for the
// ports, to a gateway with functions of the names they use.
func TestSeedExamples(t *testing.T) {
	for _, test := range []struct {
		generation, functions, subscriptions string
		created                              int
		register                             func(id, url string) string
	}{
		{"generation-a", "/v1/functions", "/v1/subscriptions", 200, func(id, url string) string {
			return `{"functionId":"` + id + `","provider":{"type":"http","url":"` + url + `"}}`
		}},
		{"generation-b", "/v1/spaces/default/functions", "/v1/spaces/default/subscriptions", 201, func(id, url string) string {
			return `{"functionId":"` + id + `","type":"http","provider":{"url":"` + url + `"}}`
		}},
	} {
		t.Run(test.generation, func(t *testing.T) {
			received := make(chan string, 10)
			fn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				received <- r.URL.Path + " " + string(body)
				_, _ = io.WriteString(w, `{"statusCode":200,"body":"answered by `+r.URL.Path+`"}`)
			}))
			defer fn.Close()
			g := gatewaytest.Start(t)
			for _, id := range []string{"sendEmail", "createUser", "listUsers"} {
				g.Do(http.MethodPost, g.Config+test.functions, test.register(id, fn.URL+"/"+id), test.created)
			}
			// Both READMEs: a function reacts to invoke only if a subscription was created beforehand.
			g.Do(http.MethodPost, g.Config+test.subscriptions, `{"functionId":"createUser","event":"invoke"}`, test.created)
			// The example emits on "/", where sendEmail must be subscribed to see it.
			g.Do(http.MethodPost, g.Config+test.subscriptions, `{"functionId":"sendEmail","event":"user.created"}`, test.created)

			script, err := os.ReadFile("testdata/seeds/" + test.generation + ".sh")
			if err != nil {
				t.Fatal(err)
			}
			examples := parseCurl(t, string(script))
			want := []int{test.created, 200, test.created, 202, test.created}
			if len(examples) != len(want) {
				t.Fatalf("%d examples, want %d", len(examples), len(want))
			}
			for i, req := range examples {
				rewriteHost(t, g, req)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != want[i] {
					t.Errorf("example %d: status %d, want %d: %s", i+1, resp.StatusCode, want[i], body)
				}
				switch i {
				case 1:
					if string(body) != `{"statusCode":200,"body":"answered by /createUser"}` {
						t.Errorf("invoke answered %s, want the function's payload as it is", body)
					}
					expectReceived(t, received, `/createUser `, `"event":"invoke"`, `"data":{ "name": "Max" }`)
				case 3:
					expectReceived(t, received, `/sendEmail `, `"event":"user.created"`, `"data":{ "name": "Max" }`,
						`"dataType":"application/json"`)
				}
			}
			if body := g.Do(http.MethodGet, g.Events+"/users", nil, 200); string(body) != "answered by /listUsers" {
				t.Errorf("GET /users answered %s", body)
			}
			expectReceived(t, received, `/listUsers `, `"event":"http"`, `"method":"GET"`, `"path":"/users"`)
		})
	}
}

func expectReceived(t *testing.T, received <-chan string, want ...string) {
	t.Helper()
	select {
	case got := <-received:
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("the function received %s, want %s in it", got, w)
			}
		}
	case <-time.After(10 * time.Second):
		t.Errorf("no function was called; want one with %s", want)
	}
}

// parseCurl reads curl commands that use --request, --url, --header and --data with single-quoted arguments.
func parseCurl(t *testing.T, script string) []*http.Request {
	t.Helper()
	var requests []*http.Request
	for command := range strings.SplitSeq(script, "curl ") {
		if strings.TrimSpace(command) == "" {
			continue
		}
		var method, url, data string
		header := http.Header{}
		words := shellWords(command)
		for i := 0; i+1 < len(words); i += 2 {
			switch value := words[i+1]; words[i] {
			case "--request":
				method = value
			case "--url":
				url = value
			case "--header":
				name, v, _ := strings.Cut(value, ": ")
				header.Add(name, v)
			case "--data":
				data = value
			default:
				t.Fatalf("unknown curl option %q", words[i])
			}
		}
		req, err := http.NewRequest(method, url, strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		requests = append(requests, req)
	}
	return requests
}

// shellWords splits a command into its words, which may be in single quotes.
func shellWords(command string) []string {
	var words []string
	for i, part := range strings.Split(strings.ReplaceAll(command, "\\\n", " "), "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}

func rewriteHost(t *testing.T, g *gatewaytest.Gateway, req *http.Request) {
	t.Helper()
	switch req.URL.Host {
	case "localhost:4000":
		req.URL.Host = strings.TrimPrefix(g.Events, "http://")
	case "localhost:4001":
		req.URL.Host = strings.TrimPrefix(g.Config, "http://")
	default:
		t.Fatalf("an example for host %s", req.URL.Host)
	}
	req.Host = req.URL.Host
}
