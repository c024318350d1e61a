package eventsapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// TestBoundHandlerReachesOneSpace compares, on a handler bound to a space, answers where another space has everything that could be
// reached with those where there is no other space: they are the same to the byte, but for ids.
func TestBoundHandlerReachesOneSpace(t *testing.T) {
	alone := func() *gateway {
		return newGateway(t).function("mine/f", says(`{"body":"mine"}`)).
			subscribe(t, "sync http GET /mine mine/f").subscribe(t, "async e POST / mine/f").subscribe(t, "sync invoke POST / mine/f").
			eventType(t, "mine/checked", schemaOf(`false`, ""))
	}
	cors := &eventgateway.CORS{Origins: []string{"http://other"}, AllowCredentials: true}
	a := granting("")
	beside := func() *gateway {
		g := alone().function("other/f", says(`{"body":"other"}`)).function("other/auth", a.invoke)
		for _, subscription := range []string{
			"sync http GET /mine other/f", "sync http GET /other/:id other/f", "sync http OPTIONS /other/x other/f",
			"async e POST / other/f", "sync hidden POST / other/f", "sync invoke POST / other/f", "sync invoke POST /there other/f",
			"async checked POST / other/f",
		} {
			g.subscribeAs(t, subscription, func(s *eventgateway.Subscription) {
				s.CreateRevision = 1
				if s.Event == eventgateway.EventHTTP {
					s.CORS = cors
				}
			})
		}
		for _, name := range []string{"e", "hidden", "http", "invoke", "unheard"} {
			g.eventType(t, "other/"+name, authorizedBy("auth")).eventType(t, "other/checked", schemaOf(`{}`, ""))
		}
		return g.resource(t, "other", "GET", "/other/x", *cors).resource(t, "other", "GET", "/mine", *cors).
			resource(t, "other", "GET", "/free", *cors)
	}
	requests := map[string]func() *http.Request{}
	add := func(name, method, path, body string, header ...string) {
		requests[name] = func() *http.Request { return request(method, path, body, header...) }
	}
	add("http of both", "GET", "/mine", "", "Origin", "http://other")
	add("http of the other", "GET", "/other/x", "", "Origin", "http://other")
	add("http of neither", "GET", "/nowhere", "", "Origin", "http://other")
	add("event of both", "POST", "/", "{}", "Event", "e", "Content-Type", jsonType)
	add("event of the other", "POST", "/", "{}", "Event", "hidden", "Content-Type", jsonType)
	add("event with another schema", "POST", "/", "{}", "Event", "checked", "Content-Type", jsonType)
	add("event type of the other", "POST", "/", "{}", "Event", "unheard", "Content-Type", jsonType)
	add("invoke of both", "POST", "/", "{}", "Event", "invoke", "Function-ID", "f")
	add("invoke of the other", "POST", "/there", "{}", "Event", "invoke", "Function-ID", "f")
	add("named", "POST", "/", "{}", "Event", "e", "Space", "other")
	add("http, named", "GET", "/other/x", "", "Space", "other")
	add("invoke, named", "POST", "/", "{}", "Event", "invoke", "Function-ID", "f", "Space", "other")
	add("batch", "POST", "/", "["+structured("hidden")+","+structured("e")+"]", "Content-Type", batchType)
	add("preflight of both", "OPTIONS", "/mine", "", "Origin", "http://other", "Access-Control-Request-Method", "GET")
	add("preflight of the other", "OPTIONS", "/other/x", "", "Origin", "http://other", "Access-Control-Request-Method", "GET")
	add("preflight of its resource", "OPTIONS", "/free", "", "Origin", "http://other", "Access-Control-Request-Method", "GET")
	add("too deep", "POST", "/", "{}", "Event", "hidden", "Event-Gateway-Depth", "17")
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			var answers [2]string
			for i, g := range []*gateway{alone(), beside()} {
				g.Strict = func(space string) bool { return i == 1 && space == "other" }
				res := g.sendIn("mine", r())
				res.Header.Del("Event-Gateway-Event-Id")
				var text strings.Builder
				_ = res.Header.Write(&text)
				answers[i] = res.Status + "\n" + text.String() + bodyOf(t, res) + "\n" + g.queued() + "\n" + g.told()
				if strings.Contains(g.queued(), "other/") {
					t.Errorf("queued %q", g.queued())
				}
			}
			if answers[0] != answers[1] {
				t.Errorf("alone:\n%s\nbeside another space:\n%s", answers[0], answers[1])
			}
		})
	}
	if n := a.calls.Load(); n > 0 {
		t.Errorf("the other space's authorizer was asked %d times", n)
	}
}

// TestUnknownSpacesAreOne refuses the name of every other space alike, whether there is such a space or not.
func TestUnknownSpacesAreOne(t *testing.T) {
	g := newGateway(t).function("other/f", says(`{}`)).subscribe(t, "sync e POST / other/f").eventType(t, "other/e", authorizedBy("f"))
	answer := func(space string) string {
		return bodyOf(t, g.sendIn("mine", request("POST", "/", "", "Event", "e", "Space", space)))
	}
	if there, none := answer("other"), answer("xxxxx"); strings.Replace(there, "other", "xxxxx", 1) != none {
		t.Errorf("%s and %s", there, none)
	}
}

// TestOldestAnswersOnUnboundHandler has spaces claim one route: the oldest answers, until it refuses or goes.
func TestOldestAnswersOnUnboundHandler(t *testing.T) {
	for _, spec := range []string{"sync http POST /r", "sync e POST /r", "sync invoke POST /r"} {
		g := newGateway(t)
		spaces := []string{"young", "old", "between"}
		for i, revision := range []int64{30, 10, 20} {
			space := spaces[i]
			g.function(space+"/f", says(`{"body":"`+space+`"}`)).
				subscribeAs(t, spec+" "+space+"/f", func(s *eventgateway.Subscription) { s.CreateRevision = revision })
		}
		r := func(header ...string) *http.Request {
			switch {
			case strings.Contains(spec, "invoke"):
				header = append(header, "Event", "invoke", "Function-ID", "f")
			case strings.Contains(spec, " e "):
				header = append(header, "Event", "e")
			}
			return request("POST", "/r", "", header...)
		}
		expect := func(want string, r *http.Request) {
			t.Helper()
			if body := bodyOf(t, g.send(r)); !strings.Contains(body, want) {
				t.Errorf("%s: got %s, want %s", spec, body, want)
			}
		}
		expect("old", r())
		for _, space := range spaces {
			expect(space, r("Space", space))
		}
		event := strings.Fields(spec)[1]
		g.eventType(t, "old/"+event, schemaOf("false", ""))
		expect("between", r())
		g.eventType(t, "between/"+event, schemaOf("false", ""))
		expect("young", r())
		expect("schema", r("Space", "old"))
	}
}
