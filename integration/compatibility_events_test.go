package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestCompatibilityAllSubscribers emits to subscribers that take their time: the sender does not wait, and each gets the same.
func TestCompatibilityAllSubscribers(t *testing.T) {
	s := newStage(t)
	release := make(chan struct{})
	defer close(release)
	received := map[string]<-chan call{}
	for _, id := range []string{"sendEmail", "countUsers", "audit"} {
		record, calls := recorder("{}")
		received[id] = calls
		s.function(id, func(w http.ResponseWriter, r *http.Request) {
			record(w, r)
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})
		s.subscribe("user.created POST /myteam " + id)
	}
	elsewhere, others := recorder("{}")
	s.function("elsewhere", elsewhere)
	s.subscribe("user.created POST / elsewhere")
	s.subscribe("user.deleted POST /myteam elsewhere")

	s.send("POST", "/myteam", `{"name":"Max"}`, "Event", "user.created", "Content-Type", jsonType).wants(t, 202, "")
	ids := map[string]bool{}
	for id, calls := range received {
		ev := next(t, calls).event(t)
		if ev.Event != "user.created" || string(ev.Data) != `{"name":"Max"}` {
			t.Errorf("%s got %+v", id, ev)
		}
		ids[ev.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("the subscribers got events with the ids %v, want one", ids)
	}
	none(t, others)
}

// TestCompatibilityPathExamples has the paths of the documents' examples.
func TestCompatibilityPathExamples(t *testing.T) {
	s := newStage(t)
	record, calls := recorder("{}")
	s.function("f", record)
	s.subscribe("http GET /users/*userpath f")
	s.subscribe("http GET /teams/:id f")
	for path, want := range map[string]string{
		"/users/group1/user1": `"params":{"userpath":"group1/user1"}`,
		"/teams/7":            `"params":{"id":"7"}`,
	} {
		s.send("GET", path, "").wants(t, 200, "")
		if got := string(next(t, calls).event(t).Data); !strings.Contains(got, want) {
			t.Errorf("%s: the function got %s, want %s in it", path, got, want)
		}
	}
	create := s.Config + "/v1/spaces/default/subscriptions"
	for path, want := range map[string]string{
		"/teams/foo":   "a static segment beside a parameter",
		"/teams/:name": "two names for one parameter",
		"/x/*all/more": "nothing after the wildcard *all",
	} {
		status := 409
		if strings.HasPrefix(path, "/x") {
			status = 400
		}
		body := fmt.Sprintf(`{"event":"http","method":"GET","path":%q,"functionId":"f"}`, path)
		s.sendTo(create, "POST", "", body).expect(t, status, want)
	}
}

// TestCompatibilityFunctionTypes asks for all types of functions that the documents speak of, which the build has: the answer names
// the first field that each needs. Of a type that it has not, the answer names those it has.
func TestCompatibilityFunctionTypes(t *testing.T) {
	s := newStage(t)
	create := func(kind string) answer {
		return s.sendTo(s.Config, "POST", "/v1/spaces/default/functions", `{"functionId":"f","type":"`+kind+`","provider":{}}`)
	}
	for kind, field := range map[string]string{
		"http": "url", "awslambda": "arn", "awskinesis": "streamName", "awsfirehose": "deliveryStreamName", "awssqs": "queueUrl",
		"googlecloudfunctions": "url", "azurefunctions": "url", "openwhisk": "apiHost", "weighted": "functions",
	} {
		create(kind).expect(t, 400, "provider."+field+": missing")
	}
	unknown := create("pigeon")
	unknown.expect(t, 400, `type: "pigeon"`)
	unknown.expect(t, 400, "awslambda")
	unknown.expect(t, 400, "http")
}

// TestCompatibilityAtMostOnce has a queue in memory, as the documents' gateway had, and no second attempts.
func TestCompatibilityAtMostOnce(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("app", "queue memory\ndelivery {\n\tattempts 1\n}"))
	record, calls := recorder("{}")
	s.function("fails", func(w http.ResponseWriter, r *http.Request) {
		record(httptest.NewRecorder(), r)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	s.subscribe("made POST / fails")
	s.send("POST", "/", "x", "Event", "made").wants(t, 202, "")
	next(t, calls)
	s.idle()
	none(t, calls)
	dead := string(s.Do(http.MethodGet, s.Config+"/v1/spaces/default/deadletters", nil, 200))
	if !strings.Contains(dead, `"reason":"function_error"`) || !strings.Contains(dead, `"attempts":1`) {
		t.Errorf("the dead letters are %s", dead)
	}
}

// TestCompatibilitySpaces has two spaces with the same names in them: nothing of one is seen or used from the other, and both
// may use the same paths.
func TestCompatibilitySpaces(t *testing.T) {
	s := newStage(t)
	spaces := map[string]<-chan call{}
	for _, space := range []string{"red", "blue"} {
		record, calls := recorder(`"` + space + `"`)
		spaces[space] = calls
		base := s.Config + "/v1/spaces/" + space
		fn := fields{"functionId": "f", "type": "http", "provider": fields{"url": s.serve(space, record)}}
		s.Do(http.MethodPost, base+"/functions", fn, 201)
		s.Do(http.MethodPost, base+"/functions", fn.with(fields{"functionId": "only-" + space}), 201)
		s.Do(http.MethodPost, base+"/subscriptions", fields{"functionId": "f", "event": "made", "path": "/team"}, 201)
		s.Do(http.MethodPost, base+"/subscriptions", fields{"functionId": "f", "event": "invoke"}, 201)
	}
	red := s.Config + "/v1/spaces/red"
	s.sendTo(red, "GET", "/functions/only-blue", "").expect(t, 404, `function "only-blue" does not exist in space "red"`)
	s.sendTo(red, "DELETE", "/functions/only-blue", "").expect(t, 404, "does not exist in space")
	s.sendTo(red, "POST", "/subscriptions", `{"functionId":"only-blue","event":"made"}`).
		expect(t, 400, `functionId: function "only-blue" does not exist in space "red"`)
	if list := string(s.Do(http.MethodGet, red+"/functions", nil, 200)); strings.Contains(list, "blue") {
		t.Errorf("space red lists %s", list)
	}
	// The default space is the one of clients that name none.
	s.function("mine", says("{}"))
	for _, base := range []string{"/v1/functions", "/v1/spaces/default/functions"} {
		if list := string(s.Do(http.MethodGet, s.Config+base, nil, 200)); !strings.Contains(list, `"functionId":"mine"`) ||
			strings.Contains(list, `"functionId":"f"`) {
			t.Errorf("%s lists %s", base, list)
		}
	}

	// An event that names no space goes to all on its path; one that does, and an invocation, stay within it.
	s.send("POST", "/team", "x", "Event", "made").wants(t, 202, "")
	next(t, spaces["red"])
	next(t, spaces["blue"])
	s.send("POST", "/team", "x", "Event", "made", "Space", "red").wants(t, 202, "")
	next(t, spaces["red"])
	s.send("POST", "/", "x", "Event", "invoke", "Function-ID", "f", "Space", "blue").wants(t, 200, `"blue"`)
	next(t, spaces["blue"])
	s.idle()
	none(t, spaces["red"])
	none(t, spaces["blue"])
}

// TestCompatibilitySystemEvents handles failures of one function as they are handled best: by a subscription with a filter and a
// transform.
func TestCompatibilitySystemEvents(t *testing.T) {
	s := newStage(t)
	s.function("fails", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	s.subscribe("http GET /fails fails")
	s.subscribe("user.lost POST / fails", fields{"delivery": fields{"attempts": 1}})
	report, reported := recorder("{}")
	s.function("report", report)
	s.subscribe("gateway.function.invocationFailed POST / report", fields{
		"filter":    `data.functionId == "fails" && data.event.event == "http"`,
		"transform": `data.functionId + " on " + data.event.data.path`,
	})
	s.send("POST", "/", "x", "Event", "user.lost").wants(t, 202, "")
	s.idle()
	none(t, reported)
	s.send("GET", "/fails", "").expect(t, 502, "fails")
	if got := next(t, reported).body; got != "fails on /fails" {
		t.Errorf("the function got %s", got)
	}
}
