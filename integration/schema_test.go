package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// eventType registers an event type of the default space, with further fields.
func (s *stage) eventType(name string, more ...fields) {
	s.t.Helper()
	s.Do(http.MethodPost, s.Config+"/v1/spaces/default/eventtypes", fields{"name": name}.with(more...), 201)
}

// userSchema wants a name that is a string.
var userSchema = fields{"type": "object", "required": []string{"name"}, "properties": fields{"name": fields{"type": "string"}}}

// TestSchema registers event types with a schema in every mode, and sends each of them data that fits and data that does not.
func TestSchema(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{"body":"answered"}`)
	s.function("f", record)
	s.eventType("rejected", fields{"schema": userSchema})
	s.eventType("flagged", fields{"schema": userSchema, "schemaMode": "flag"})
	s.eventType("unchecked", fields{"schema": userSchema, "schemaMode": "off"})
	s.eventType("http.request", fields{"schema": userSchema})
	for _, subscription := range []string{"rejected POST / f", "flagged POST / f", "unchecked POST / f", "http POST /users f"} {
		s.subscribe(subscription)
	}
	const fits, violates = `{"name":"Max"}`, `{"name":["hidden"]}`
	for _, test := range []struct {
		name, path, body string
		headers          []string
		status           int
		want             string // of the answer, or of what the function gets
	}{
		{"fits", "/", fits, []string{"Event", "rejected"}, 202, `"data":{"name":"Max"}`},
		{"violates", "/", violates, []string{"Event", "rejected"}, 400, `at \"/name\"`},
		{"not JSON", "/", "hidden", []string{"Event", "rejected", "Content-Type", "text/plain"}, 400, "it is not JSON"},
		{"flagged", "/", violates, []string{"Event", "flagged"}, 202, `at \"/name\"`},
		{"unchecked", "/", violates, []string{"Event", "unchecked"}, 202, "hidden"},
		{"http fits", "/users", fits, nil, 200, `"body":{"name":"Max"}`},
		{"http violates", "/users", violates, nil, 400, `schema of event type \"http\": at \"/name\"`},
		{
			"batch", "/", "[" + structured("unchecked", "1") + "," + structured("rejected", "2") + "]",
			[]string{"Content-Type", batchType},
			400, "events[1]: the data violates the schema",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := test.headers
			if !strings.Contains(strings.Join(headers, " "), "Content-Type") {
				headers = append(headers, "Content-Type", jsonType)
			}
			a := s.send("POST", test.path, test.body, headers...)
			if a.status != test.status {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			if a.status >= 400 {
				if !strings.Contains(a.body, test.want) || strings.Contains(a.body, "hidden") {
					t.Errorf("got %s", a.body)
				}
				none(t, calls)
				return
			}
			if got := next(t, calls).body; !strings.Contains(got, test.want) {
				t.Errorf("the function got %s", got)
			}
		})
	}
	if n := metric(t, s.Gateway, "eventgateway_schema_violations_total"); n != 1 {
		t.Errorf("eventgateway_schema_violations_total = %v", n)
	}
	if strings.Contains(s.Log(), "hidden") {
		t.Error("data is in the log")
	}
	s.Do(http.MethodPost, s.Config+"/v1/spaces/default/eventtypes", fields{"name": "broken", "schema": fields{"type": "nothing"}}, 400)
}

// TestSchemaChanges replaces the schema of a type: from the answer on the new one counts.
func TestSchemaChanges(t *testing.T) {
	s := newStage(t)
	s.function("f", says(""))
	s.eventType("made", fields{"schema": userSchema})
	s.subscribe("made POST / f")
	for _, schema := range []struct {
		fields fields
		status int
	}{
		{fields{"schema": userSchema}, 400},
		{fields{"schema": fields{"type": "object"}}, 202},
		{fields{"schema": userSchema, "schemaMode": "flag"}, 202},
		{fields{"schema": false}, 400},
		{fields{}, 202},
	} {
		s.Do(http.MethodPut, s.Config+"/v1/spaces/default/eventtypes/made", fields{"name": "made"}.with(schema.fields), 200)
		if a := s.send("POST", "/", `{}`, "Event", "made", "Content-Type", jsonType); a.status != schema.status {
			t.Errorf("%v: got %d %s", schema.fields, a.status, a.body)
		}
	}
}

// TestStrictSpace accepts only registered types in a space that is strict, and in every space behind a handler that is.
func TestStrictSpace(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("app", "space team {\n strict\n }"),
		gatewaytest.Caddyfile(gatewaytest.DefaultCaddyfile+"http://127.0.0.1:{{.Port1}} {\n event_gateway {\n strict\n }\n}\n"))
	strict := "http://127.0.0.1:" + s.Expand("{{.Port1}}")
	send := func(base, event string, headers ...string) answer {
		return s.sendTo(base, "POST", "/", `{}`, append(headers, "Event", event, "Content-Type", jsonType)...)
	}
	s.Do(http.MethodPost, s.Config+"/v1/spaces/team/eventtypes", fields{"name": "known"}, 201)
	s.eventType("known")
	for _, test := range []struct {
		base, event string
		headers     []string
		status      int
	}{
		{s.Events, "known", []string{"Space", "team"}, 202},
		{s.Events, "unknown", []string{"Space", "team"}, 400},
		{s.Events, "unknown", nil, 202},
		{s.Events, "unknown", []string{"Space", "default"}, 202},
		{strict, "unknown", []string{"Space", "default"}, 400},
		{strict, "known", []string{"Space", "default"}, 202},
	} {
		a := send(test.base, test.event, test.headers...)
		if a.status != test.status || a.status == 400 && !strings.Contains(a.body, `event type \"unknown\" is not registered`) {
			t.Errorf("%s %s %v: got %d %s", test.base, test.event, test.headers, a.status, a.body)
		}
	}
}
