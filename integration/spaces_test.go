package integration

import (
	"fmt"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// boundSites are handlers that each are bound to a space: by name, and by the name of the host.
const boundSites = `
http://127.0.0.1:{{.Port1}} {
	event_gateway {
		space mine
	}
}
http://*.gateway.test:{{.Port2}} {
	event_gateway {
		space {labels.2}
	}
}
`

// in registers a resource of a space.
func (s *stage) in(space, kind string, f fields) {
	s.t.Helper()
	s.Do(http.MethodPost, s.Config+"/v1/spaces/"+space+"/"+kind, f, 201)
}

// functionIn registers a function of a space, and a subscription to it for each route, which is "type event method path".
func (s *stage) functionIn(space, id string, answer http.HandlerFunc, routes ...string) {
	s.t.Helper()
	s.in(space, "functions", fields{"functionId": id, "type": "http", "provider": fields{"url": s.serve(space+"-"+id, answer)}})
	for _, route := range routes {
		part := strings.Fields(route)
		s.in(space, "subscriptions", fields{"functionId": id, "type": part[0], "eventType": part[1], "method": part[2], "path": part[3]})
	}
}

// volatile is what differs between two answers to the same request.
var volatile = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// text is an answer without what differs each time.
func (a answer) text() string {
	var lines []string
	for name, values := range a.header {
		if name != "Date" {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	sort.Strings(lines)
	return volatile.ReplaceAllString(fmt.Sprintf("%d\n%s\n%s", a.status, strings.Join(lines, "\n"), a.body), "<id>")
}

// TestBoundHandlerReachesNothingElse asks a handler that is bound to a space for everything in every form, first where there
// is no other space, then where another has functions, subscriptions, event types, an authorizer and CORS resources under the
// same names and under its own: the answers are the same to the byte, and nobody of the other space is called.
func TestBoundHandlerReachesNothingElse(t *testing.T) {
	s := newStage(t, gatewaytest.Caddyfile(gatewaytest.DefaultCaddyfile+boundSites))
	s.functionIn("mine", "f", says(`{"body":"mine"}`), "sync http GET /mine", "sync asked POST /", "async made POST /", "sync invoke POST /")
	s.in("mine", "eventtypes", fields{"name": "checked", "schema": false})

	bound, byHost := s.Expand("http://127.0.0.1:{{.Port1}}"), s.Expand("http://127.0.0.1:{{.Port2}}")
	requests := []struct {
		name, method, path, body string
		headers                  []string
	}{
		{"its own http", "GET", "/mine", "", []string{"Origin", "http://other"}},
		{"http of the other", "GET", "/other/7", "", []string{"Origin", "http://other"}},
		{"http of nobody", "GET", "/nowhere", "", []string{"Origin", "http://other"}},
		{"event of both", "POST", "/", "{}", []string{"Event", "asked"}},
		{"queued event of both", "POST", "/", "{}", []string{"Event", "made"}},
		{"event of the other", "POST", "/", "{}", []string{"Event", "hidden"}},
		{"event with another schema", "POST", "/", "{}", []string{"Event", "checked", "Content-Type", jsonType}},
		{"event type of the other", "POST", "/", "{}", []string{"Event", "registered"}},
		{"invoke of both", "POST", "/", "{}", []string{"Event", "invoke", "Function-ID", "f"}},
		{"invoke of the other", "POST", "/", "{}", []string{"Event", "invoke", "Function-ID", "g"}},
		{"invoke of nobody", "POST", "/", "{}", []string{"Event", "invoke", "Function-ID", "h"}},
		{"batch", "POST", "/", "[" + structured("hidden", "1-ROUND") + "," + structured("asked", "2-ROUND") + "]", []string{"Content-Type", batchType}},
		{"named event", "POST", "/", "{}", []string{"Event", "hidden", "Space", "other"}},
		{"named http", "GET", "/other/7", "", []string{"Space", "other"}},
		{"named invoke", "POST", "/", "{}", []string{"Event", "invoke", "Function-ID", "g", "Space", "other"}},
		{"preflight of its own", "OPTIONS", "/mine", "", []string{"Origin", "http://other", "Access-Control-Request-Method", "GET"}},
		{"preflight of the other", "OPTIONS", "/other/7", "", []string{"Origin", "http://other", "Access-Control-Request-Method", "GET"}},
		{"preflight of its resource", "OPTIONS", "/free", "", []string{"Origin", "http://other", "Access-Control-Request-Method", "GET"}},
		{"too deep", "POST", "/", "{}", []string{"Event", "hidden", "Event-Gateway-Depth", "99"}},
	}
	ask := func(round string) map[string]string { // in which the ids of events are new
		answers := map[string]string{}
		for _, r := range requests {
			body := strings.ReplaceAll(r.body, "ROUND", round)
			answers[r.name] = s.sendTo(bound, r.method, r.path, body, r.headers...).text()
			headers := append([]string{"Host", "mine.gateway.test"}, r.headers...)
			answers[r.name+", by host"] = s.sendAs(byHost, r.method, r.path, strings.ReplaceAll(body, round, round+"h"), headers...).text()
		}
		return answers
	}
	alone := ask("first")

	record, calls := recorder(`{"body":"other"}`)
	s.functionIn("other", "f", record, "sync http GET /mine", "sync http GET /other/:id", "sync http OPTIONS /other/:id", "sync asked POST /",
		"async made POST /", "sync invoke POST /", "async checked POST /")
	s.functionIn("other", "g", record, "sync hidden POST /", "sync invoke POST /", "async registered POST /")
	for _, name := range []string{"asked", "made", "hidden", "registered", "http", "invoke"} {
		s.in("other", "eventtypes", fields{"name": name, "authorizerId": "g"})
	}
	for _, path := range []string{"/mine", "/other/:id", "/free"} {
		s.in("other", "cors", fields{"method": "GET", "path": path, "allowedOrigins": []string{"http://other"}})
	}
	for name, got := range ask("second") {
		if got != alone[name] {
			t.Errorf("%s: alone:\n%s\nbeside another space:\n%s", name, alone[name], got)
		}
	}
	s.idle()
	none(t, calls)
}

// sendAs is sendTo with a Host header of one's own, which comes first.
func (s *stage) sendAs(base, method, path, body string, headers ...string) answer {
	s.t.Helper()
	req, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Host = headers[1]
	for i := 2; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return read(s.t, res)
}

// TestOldestSpaceAnswers has three spaces claim the same routes on a handler that is not bound: the oldest subscription
// answers, whatever the names, until it goes or its space refuses.
func TestOldestSpaceAnswers(t *testing.T) {
	s := newStage(t)
	routes := []string{"sync http GET /r", "sync asked POST /r", "sync invoke POST /r"}
	for _, space := range []string{"second", "another", "third"} { // not in the order of their names
		s.functionIn(space, "f", says(`{"body":"`+space+`"}`), routes...)
	}
	expect := func(want string, headers ...string) {
		t.Helper()
		for _, a := range []answer{
			s.send("GET", "/r", "", headers...),
			s.send("POST", "/r", "{}", append(headers, "Event", "asked", "Content-Type", jsonType)...),
			s.send("POST", "/r", "{}", append(headers, "Event", "invoke", "Function-ID", "f", "Content-Type", jsonType)...),
		} {
			if a.status != 200 || !strings.Contains(a.body, want) {
				t.Errorf("got %d %s, want %s", a.status, a.body, want)
			}
		}
	}
	expect("second")
	expect("third", "Space", "third")
	expect("another", "Space", "another")
	for _, name := range []string{"http", "asked", "invoke"} {
		s.in("second", "eventtypes", fields{"name": name, "schema": false})
	}
	expect("another")
	if a := s.send("POST", "/r", "{}", "Event", "asked", "Content-Type", jsonType, "Space", "second"); a.status != 400 {
		t.Errorf("the space that refuses, named: got %d %s", a.status, a.body)
	}
	for _, name := range []string{"http", "asked", "invoke"} {
		s.Do(http.MethodPut, s.Config+"/v1/spaces/second/eventtypes/"+name, fields{"name": name}, 200)
	}
	expect("second")
}
