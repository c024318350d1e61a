package redisprovider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	_ "example.com/provider-redis"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	address := func(edge string) string { return strings.TrimPrefix(edge, "http://") }
	providertest.Run(t, providertest.Config{
		Type: "redis",
		Fields: func(edge string) string {
			return `{"address":"` + address(edge) + `","list":"events","password":"pa55-w0rd"}`
		},
		Secrets: []string{"pa55-w0rd"},
		Caddyfile: func(edge string) string {
			return "redis " + address(edge) + " {\n\tlist events\n\tpassword pa55-w0rd\n}\n"
		},
		Server: func(t *testing.T) string {
			server := miniredis.RunT(t)
			server.RequireAuth("pa55-w0rd")
			return "http://" + server.Addr()
		},
		Takes: func(result []byte) error {
			var answer struct{ Length int }
			if err := json.Unmarshal(result, &answer); err != nil || answer.Length < 1 {
				return fmt.Errorf("the answer is %s", result)
			}
			return nil
		},
	})
}

func open(t *testing.T, fields string, policy egress.Policy) *providers.Handle {
	fn := &eventgateway.Function{Space: "default", ID: "f", Type: "redis", Provider: json.RawMessage(fields)}
	h := providers.Open(fn, providers.Env{MaxResponse: 1 << 20, Egress: egress.New(policy)})
	t.Cleanup(h.Close)
	return h
}

func push(t *testing.T, h *providers.Handle, payload string) (string, error) {
	result, err := h.Invoke(t.Context(), &providers.Call{
		Payload: []byte(payload), ContentType: "application/json", Event: &eventgateway.Event{ID: "1", Type: "e"},
	})
	if err != nil {
		return "", err
	}
	return string(result.Body), nil
}

func TestPush(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireUserAuth("gateway", "pa55")
	h := open(t, `{"address":"`+server.Addr()+`","list":"events","username":"gateway","password":"pa55"}`, egress.Policy{})
	payloads := []string{`{"a":1}`, "two\r\nlines", ""}
	for i, payload := range payloads {
		if got, err := push(t, h, payload); err != nil || got != fmt.Sprintf(`{"length":%d}`, i+1) {
			t.Fatalf("got %s, error %v", got, err)
		}
	}
	if got, err := server.List("events"); err != nil || strings.Join(got, "|") != strings.Join(payloads, "|") {
		t.Errorf("the list is %q, error %v", got, err)
	}
	if n := server.TotalConnectionCount(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestRefused(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireAuth("right")
	if err := server.Set("text", "x"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		fields, want string
		policy       egress.Policy
		failure      providers.Failure
	}{
		"no login":    {`"list":"events"`, "check provider.username and provider.password", egress.Policy{}, providers.Unreachable},
		"wrong login": {`"list":"events","password":"wrong"`, "check provider.username and provider.password", egress.Policy{}, providers.Unreachable},
		"no list":     {`"list":"text","password":"right"`, "something else than a list", egress.Policy{}, providers.FunctionFailed},
		"egress":      {`"list":"events","password":"right"`, "only_allowed", egress.Policy{OnlyAllowed: true}, providers.Unreachable},
	} {
		_, err := push(t, open(t, `{"address":"`+server.Addr()+`",`+test.fields+`}`, test.policy), "{}")
		if providers.FailureOf(err) != test.failure || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %s, %v", name, providers.FailureOf(err), err)
		}
	}
}

func TestValidate(t *testing.T) {
	for fields, want := range map[string]string{
		`{"list":"l"}`:                                    `provider.address: "" is not accepted: want host:port`,
		`{"address":"a","list":"l"}`:                      `provider.address: "a" is not accepted`,
		`{"address":"a:0","list":"l"}`:                    `provider.address: "a:0" is not accepted`,
		`{"address":"a:6379"}`:                            `provider.list: "" is not accepted`,
		`{"address":"a:6379","list":"l","username":"me"}`: `provider.password: missing`,
	} {
		fn := &eventgateway.Function{ID: "f", Type: "redis", Provider: json.RawMessage(fields)}
		if _, err := providers.Check(fn, nil, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", fields, err, want)
		}
	}
}
