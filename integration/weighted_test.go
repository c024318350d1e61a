package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

const functionsPath = "/v1/spaces/default/functions"

// weighted registers a weighted function.
func (s *stage) weighted(id string, provider fields) {
	s.t.Helper()
	s.Do(http.MethodPost, s.Config+functionsPath, fields{"functionId": id, "type": "weighted", "provider": provider}, 201)
}

// share is a member with its weight.
func share(id string, weight int) fields { return fields{"functionId": id, "weight": weight} }

// TestWeightedSync shares http requests between two members, each in its own format, with a copy to a third.
func TestWeightedSync(t *testing.T) {
	s := newStage(t)
	one, toOne := recorder(`{"statusCode":200,"body":"one"}`)
	two, toTwo := recorder(`{"statusCode":201,"body":"two"}`)
	shadow, toShadow := recorder(`{"statusCode":500,"body":"shadow"}`)
	s.function("one", one)
	s.function("two", two, fields{"format": "cloudevents"})
	s.function("shadow", shadow, fields{"format": "raw"})
	s.weighted("both", fields{"functions": []fields{share("one", 1), share("two", 1), {"functionId": "shadow", "shadow": true}}})
	s.subscribe("http GET /both both")
	const requests = 200
	got := map[string]int{}
	for range requests {
		a := s.send(http.MethodGet, "/both", "")
		got[fmt.Sprint(a.status, a.body)]++
	}
	if got["200one"] < 40 || got["201two"] < 40 || got["200one"]+got["201two"] != requests {
		t.Errorf("answers are %v", got)
	}
	if body := next(t, toOne).body; !strings.HasPrefix(body, `{"event":"http"`) {
		t.Errorf("one got %s", body)
	}
	if body := next(t, toTwo).body; !strings.Contains(body, `"specversion":"1.0"`) {
		t.Errorf("two got %s", body)
	}
	if body := next(t, toShadow).body; !strings.Contains(body, `"path":"/both"`) || strings.Contains(body, `"event"`) {
		t.Errorf("the shadow got %s", body)
	}
	gatewaytest.Eventually(t, patience, func() error {
		dropped := metric(t, s.Gateway, "eventgateway_shadow_dropped_total")
		if copied := float64(len(toShadow) + 1); copied+dropped != requests {
			return fmt.Errorf("%v copies arrived and %v were dropped", copied, dropped)
		}
		return nil
	})
}

// TestWeightedAsync delivers custom events by a key: all of one customer go to one member, which another takes the place of
// while it cannot be called.
func TestWeightedAsync(t *testing.T) {
	s := newStage(t)
	one, toOne := recorder(`{}`)
	two, toTwo := recorder(`{}`)
	s.function("one", one)
	s.function("two", two)
	s.weighted("both", fields{"functions": []fields{share("one", 1), share("two", 1)}, "key": "data.customer", "failover": true})
	s.subscribe("ordered POST / both")
	const customers, orders = 20, 5
	publish := func() {
		for i := range customers * orders {
			emit(t, s.Gateway, "ordered", fmt.Sprintf(`{"customer":"c%d"}`, i%customers), 202)
		}
		s.idle()
	}
	count := func(calls <-chan call) map[string]int {
		all := map[string]int{}
		for len(calls) > 0 {
			all[string((<-calls).event(t).Data)]++
		}
		return all
	}
	publish()
	atOne, atTwo := count(toOne), count(toTwo)
	if len(atOne) == 0 || len(atTwo) == 0 || len(atOne)+len(atTwo) != customers {
		t.Errorf("customers at one: %v, at two: %v", atOne, atTwo)
	}
	for customer, n := range atOne {
		if n != orders || atTwo[customer] > 0 {
			t.Errorf("customer %s: %d orders at one, %d at two", customer, n, atTwo[customer])
		}
	}
	s.Do(http.MethodPut, s.Config+functionsPath+"/two", fields{"type": "http", "provider": fields{"url": "http://127.0.0.1:1/"}}, 200)
	publish()
	if atOne := count(toOne); len(atOne) != customers {
		t.Errorf("while two is out of reach, one got %v", atOne)
	}
}

// TestWeightedRules holds the rules between functions, and the first generation's way to write them.
func TestWeightedRules(t *testing.T) {
	s := newStage(t)
	s.function("one", says(`{"statusCode":200,"body":"one"}`))
	s.function("two", says(`{"statusCode":200,"body":"two"}`))
	post := func(body string) answer {
		return s.sendTo(s.Config, "POST", functionsPath, body, "Content-Type", "application/json")
	}
	a := s.sendTo(s.Config, "POST", "/v1/functions",
		`{"functionId":"both","provider":{"type":"weighted","weighted":[{"functionId":"one","weight":0},{"functionId":"two","weight":7}]}}`,
		"Content-Type", "application/json")
	a.wants(t, 200, `{"functionId":"both","provider":{"type":"weighted","functions":[{"functionId":"one","weight":0},{"functionId":"two","weight":7}]}}`+"\n")
	s.subscribe("http GET / both")
	s.send(http.MethodGet, "/", "").wants(t, 200, "two")

	post(`{"functionId":"w","type":"weighted","provider":{"functions":[{"functionId":"gone","weight":1}]}}`).
		expect(t, 400, `provider.functions[0].functionId: function "gone" does not exist in space "default"`)
	post(`{"functionId":"w","type":"weighted","provider":{"functions":[{"functionId":"both","weight":1}]}}`).
		expect(t, 400, `provider.functions[0].functionId: "both" is not accepted: want a function that is not weighted itself`)
	post(`{"functionId":"w","type":"weighted","provider":{"functions":[{"functionId":"w","weight":1}]}}`).
		expect(t, 400, `provider.functions[0].functionId: "w" is not accepted: want another function than itself`)
	post(`{"functionId":"w","type":"weighted","format":"raw","provider":{"functions":[{"functionId":"one","weight":1}]}}`).
		expect(t, 400, `format: "raw" is not accepted: want none for type weighted: each member has its own`)
	post(`{"functionId":"w","type":"weighted","provider":{"functions":[{"functionId":"one","weight":1}],"key":"data."}}`).
		expect(t, 400, "provider.key")
	s.sendTo(s.Config, "PUT", functionsPath+"/one", `{"type":"weighted","provider":{"functions":[{"functionId":"two","weight":1}]}}`,
		"Content-Type", "application/json").expect(t, 409, `function "one" is a member of function both`)
	s.sendTo(s.Config, "DELETE", functionsPath+"/one", "").
		expect(t, 409, `function "one" is in use as a member by function both: delete what uses it first`)

	// What a retreat would need stays too.
	s.Do(http.MethodPut, s.Config+functionsPath+"/both", fields{"type": "weighted", "provider": fields{
		"functions": []fields{share("two", 7)}, "retreat": fields{"errorRate": 0.1},
	}}, 200)
	s.sendTo(s.Config, "DELETE", functionsPath+"/one", "").expect(t, 409, "as a member by function both")
	s.Do(http.MethodPut, s.Config+functionsPath+"/both", fields{"type": "weighted", "provider": fields{"functions": []fields{share("two", 7)}}}, 200)
	s.Do(http.MethodDelete, s.Config+functionsPath+"/one", nil, 204)
}

// TestWeightedAuthorizer asks a member whether an event may pass.
func TestWeightedAuthorizer(t *testing.T) {
	s := newStage(t)
	ask, asked := recorder(`{"authorization":{"principalId":"p"}}`)
	f, calls := recorder(`{}`)
	s.function("grants", ask)
	s.function("f", f)
	s.weighted("guard", fields{"functions": []fields{share("grants", 1)}})
	s.Do(http.MethodPost, s.Config+"/v1/spaces/default/eventtypes", fields{"name": "made", "authorizerId": "guard"}, 201)
	s.subscribe("made POST / f")
	emit(t, s.Gateway, "made", `{"n":1}`, 202)
	if body := next(t, asked).body; !strings.Contains(body, `"request":`) {
		t.Errorf("the authorizer was asked with %s", body)
	}
	if body := next(t, calls).body; !strings.Contains(body, `"principalId":"p"`) {
		t.Errorf("the function got %s", body)
	}
}

// retreats are those of /v1/status, as "function member reason".
func retreats(g *gatewaytest.Gateway) (all []string) {
	var status struct {
		Retreats []struct{ FunctionID, Member, Reason string }
	}
	if err := json.Unmarshal(g.Do(http.MethodGet, g.Config+"/v1/status", nil, 200), &status); err != nil {
		return []string{err.Error()}
	}
	for _, r := range status.Retreats {
		all = append(all, r.FunctionID+" "+r.Member+" "+r.Reason)
	}
	return all
}

// TestWeightedRetreat rolls out a function that fails: the gateway goes back by itself, and tells everywhere. All instances
// follow, and a restart changes nothing; new weights do.
func TestWeightedRetreat(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	s := newStage(t, onCluster(cluster))
	other := gatewaytest.Start(t, onCluster(cluster))
	listener, told := recorder(`{}`)
	s.function("listener", listener)
	s.subscribe("gateway.function.retreated POST / listener")
	s.function("old", says(`{"statusCode":200,"body":"old"}`))
	s.function("new", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret", http.StatusInternalServerError) })
	limits := fields{"errorRate": 0.2, "minimumCalls": 10}
	put := func(oldWeight, newWeight int) {
		s.Do(http.MethodPut, s.Config+functionsPath+"/release", fields{"type": "weighted", "provider": fields{
			"functions": []fields{share("old", oldWeight), share("new", newWeight)}, "retreat": limits,
		}}, 200)
	}
	s.weighted("release", fields{"functions": []fields{share("old", 100), share("new", 0)}, "retreat": limits})
	s.subscribe("http GET / release")
	put(50, 50)
	gatewaytest.Eventually(t, 2*patience, func() error {
		for range 20 {
			s.send(http.MethodGet, "/", "")
		}
		if got := retreats(s.Gateway); len(got) != 1 || got[0] != "release new errorRate" {
			return fmt.Errorf("the retreats are %q", got)
		}
		return nil
	})
	var data struct {
		Space, FunctionID, Member, Reason string
		From, To                          []struct {
			FunctionID string
			Weight     int
		}
	}
	if err := json.Unmarshal(next(t, told).event(t).Data, &data); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(data); got != "{default release new errorRate [{old 50} {new 50}] [{old 100} {new 0}]}" {
		t.Errorf("the system event says %s", got)
	}
	if n := metric(t, s.Gateway, "eventgateway_function_retreats_total"); n != 1 {
		t.Errorf("eventgateway_function_retreats_total is %v", n)
	}
	if log := s.Log(); !strings.Contains(log, "a weighted function went back to its earlier weights") || strings.Contains(log, "secret") {
		t.Errorf("the log has %s", log)
	}
	back := func(g *gatewaytest.Gateway) error {
		body := string(g.Do(http.MethodGet, g.Config+functionsPath+"/release", nil, 200))
		if !strings.Contains(body, `"functions":[{"functionId":"old","weight":100},{"functionId":"new","weight":0}]`) ||
			!strings.Contains(body, `"retreated":{"at":"`) || strings.Contains(body, `"previous"`) {
			return fmt.Errorf("the function is %s", body)
		}
		if got := retreats(g); len(got) != 1 {
			return fmt.Errorf("the retreats are %q", got)
		}
		if n := metric(t, g, "eventgateway_function_retreated"); n != 1 {
			return fmt.Errorf("eventgateway_function_retreated is %v", n)
		}
		return nil
	}
	for name, g := range map[string]*gatewaytest.Gateway{"the instance": s.Gateway, "another instance": other, "one that starts": gatewaytest.Start(t, onCluster(cluster))} {
		gatewaytest.Eventually(t, patience, func() error { return back(g) })
		for range 30 {
			if a := s.sendTo(g.Events, http.MethodGet, "/", ""); a.status != 200 || a.body != "old" {
				t.Fatalf("%s answers %d %s", name, a.status, a.body)
			}
		}
	}
	s.function("new2", says(`{"statusCode":200,"body":"new2"}`))
	s.Do(http.MethodPut, s.Config+functionsPath+"/release", fields{"type": "weighted", "provider": fields{
		"functions": []fields{share("old", 1), share("new2", 1)}, "retreat": limits,
	}}, 200)
	if got := retreats(s.Gateway); len(got) > 0 {
		t.Errorf("with new weights the retreats are %q", got)
	}
	body := string(s.Do(http.MethodGet, s.Config+functionsPath+"/release", nil, 200))
	if !strings.Contains(body, `"previous":[{"functionId":"old","weight":100},{"functionId":"new","weight":0}]`) {
		t.Errorf("the weights before are not those in force: %s", body)
	}
}

// TestWeightedInCaddyfile has a static function go back to the weights that the Caddyfile says, and stay there through a reload
// that changes other things.
func TestWeightedInCaddyfile(t *testing.T) {
	s := newStage(t)
	old := s.serve("old", says(`{"statusCode":200,"body":"old"}`))
	failing := s.serve("new", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	reload := func(weight int, more string) {
		t.Helper()
		config := strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", fmt.Sprintf(`%s
		function old {
			http %s
		}
		function new {
			http %s
		}
		function release {
			weighted {
				function old 50
				function new %d
				retreat {
					error_rate 0.2
					minimum_calls 10
					to old 1
				}
			}
		}
		subscription http {
			function release
			method GET
			path /
		}`, more, old, failing, weight), 1)
		if status, body := s.Reload(config); status != 200 {
			t.Fatalf("reload: %d %s", status, body)
		}
	}
	reload(50, "")
	gatewaytest.Eventually(t, 2*patience, func() error {
		for range 20 {
			s.send(http.MethodGet, "/", "")
		}
		if got := retreats(s.Gateway); len(got) != 1 || got[0] != "release new errorRate" {
			return fmt.Errorf("the retreats are %q", got)
		}
		return nil
	})
	reload(50, "max_depth 7")
	for range 50 {
		s.send(http.MethodGet, "/", "").wants(t, 200, "old")
	}
	if got := retreats(s.Gateway); len(got) != 1 {
		t.Errorf("after a reload the retreats are %q", got)
	}
	reload(49, "max_depth 7")
	if got := retreats(s.Gateway); len(got) != 0 {
		t.Errorf("with new weights the retreats are %q", got)
	}
}
