package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// update changes a subscription.
func (s *stage) update(id string, with fields) {
	s.t.Helper()
	s.Do(http.MethodPut, s.Config+"/v1/spaces/default/subscriptions/"+id, with, 200)
}

// TestFilters sends events past filters and patterns, and changes them.
func TestFilters(t *testing.T) {
	s := newStage(t)
	calls := map[string]<-chan call{}
	for _, id := range []string{"large", "german", "all"} {
		record, c := recorder(`{}`)
		s.function(id, record)
		calls[id] = c
	}
	large := s.subscribe("made POST / large", fields{"filter": `data.total > 100`})
	s.subscribe("made POST / german", fields{"pattern": fields{"detail": fields{"country": []string{"DE"}}}})
	s.subscribe("made POST / all")
	send := func(data string, wanted ...string) {
		t.Helper()
		s.send("POST", "/", data, "Event", "made", "Content-Type", jsonType).expect(t, 202, "")
		s.idle()
		for id, c := range calls {
			if strings.Contains(strings.Join(wanted, " "), id) {
				if got := next(t, c).event(t); string(got.Data) != data {
					t.Errorf("%s got %s, want %s", id, got.Data, data)
				}
			}
			none(t, c)
		}
	}
	send(`{"total":101,"country":"DE"}`, "large", "german", "all")
	send(`{"total":101,"country":"AT"}`, "large", "all")
	send(`{"total":100.0,"country":"DE"}`, "german", "all")
	send(`{}`, "all")
	send(`[1]`, "all")
	s.update(large, fields{"filter": `data.total > 1000`})
	send(`{"total":101,"country":"AT"}`, "all")
	s.update(large, fields{})
	send(`{"total":1,"country":"AT"}`, "large", "all")
}

// TestFilteredRequests has an http subscription with a filter before another handler of the site, which gets what does not
// match with its body.
func TestFilteredRequests(t *testing.T) {
	s := newStage(t, gatewaytest.Caddyfile(gatewaytest.DefaultCaddyfile+`
http://127.0.0.1:{{.Port1}} {
	event_gateway
	respond /echo "next got {http.request.body}"
}`))
	s.function("f", says(`{"statusCode":201,"body":"function"}`))
	s.subscribe("http POST /echo f", fields{"filter": `data.n == 1 && request.headers["x-tenant"] == "acme"`})
	base := s.Expand("http://127.0.0.1:{{.Port1}}")
	s.sendTo(base, "POST", "/echo", `{"n":1}`, "Content-Type", jsonType, "X-Tenant", "acme").wants(t, 201, "function")
	s.sendTo(base, "POST", "/echo", `{"n":2}`, "Content-Type", jsonType, "X-Tenant", "acme").wants(t, 200, `next got {"n":2}`)
	s.sendTo(base, "POST", "/echo", `{"n":1}`, "Content-Type", jsonType).wants(t, 200, `next got {"n":1}`)
	s.send("POST", "/echo", `{"n":2}`, "Content-Type", jsonType).expect(t, 404, "no http subscription wants")
}

// TestTransforms follows a payload, headers and an answer through the gateway.
func TestTransforms(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{"items":[1,2,3]}`)
	s.function("f", record)
	s.subscribe("asked POST / f", fields{
		"type": "sync", "transform": `{"sku": data.sku, "by": event.source}`, "headers": fields{"X-Id": `event.id`},
		"responseTransform": `{"count": response.data.items.size(), "of": data.sku}`,
	})
	event := `{"specversion":"1.0","type":"asked","source":"/shop","id":"42","data":{"sku":"a-1"}}`
	s.send("POST", "/", event, "Content-Type", cloudEventType).wants(t, 200, `{"count":3,"of":"a-1"}`)
	got := next(t, calls)
	if got.body != `{"by":"/shop","sku":"a-1"}` || got.header.Get("X-Id") != "42" || got.header.Get("Content-Type") != jsonType {
		t.Errorf("the function got %s with %v", got.body, got.header)
	}
	s.send("POST", "/", `{"secret":"s3cret"}`, "Event", "asked", "Content-Type", jsonType).
		expect(t, 502, `it was not called: transform: no such key: sku`)
	none(t, calls)

	s.subscribe("made POST / f", fields{"transform": `data.missing`})
	s.send("POST", "/", `{"secret":"s3cret"}`, "Event", "made", "Content-Type", jsonType).expect(t, 202, "")
	s.idle()
	none(t, calls)
	metrics := string(s.Do(http.MethodGet, s.Config+"/metrics", nil, 200))
	if want := `eventgateway_events_dropped_total{reason="transform_failed",space="default",type="made"} 1`; !strings.Contains(metrics, want) {
		t.Errorf("the metrics do not have %s", want)
	}
	if log := s.Log(); !strings.Contains(log, "transform_failed") || strings.Contains(log, "s3cret") {
		t.Errorf("the log has no transform_failed, or the payload")
	}
}

// TestFilterErrorsAreCounted has a filter that cannot be evaluated.
func TestFilterErrorsAreCounted(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{}`)
	s.function("f", record)
	id := s.subscribe("made POST / f", fields{"filter": `data.n + 1 > 2`})
	for _, data := range []string{`{"n":"text"}`, `{}`, `{"n":7}`} {
		s.send("POST", "/", data, "Event", "made", "Content-Type", jsonType).expect(t, 202, "")
	}
	next(t, calls)
	s.idle()
	none(t, calls)
	want := fmt.Sprintf(`eventgateway_filter_errors_total{space="default",subscription="%s"} 2`, id)
	if metrics := string(s.Do(http.MethodGet, s.Config+"/metrics", nil, 200)); !strings.Contains(metrics, want) {
		t.Errorf("the metrics do not have %s", want)
	}
}

// TestOrderingKeyErrorsAreCounted has an ordering key that some events do not have.
func TestOrderingKeyErrorsAreCounted(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{}`)
	s.function("f", record)
	id := s.subscribe("made POST / f", fields{"delivery": fields{"orderingKey": "data.n"}})
	for _, data := range []string{`{"n":7}`, `{}`, `{"n":null}`} {
		s.send("POST", "/", data, "Event", "made", "Content-Type", jsonType).expect(t, 202, "")
		next(t, calls)
	}
	want := fmt.Sprintf(`eventgateway_ordering_key_errors_total{space="default",subscription="%s"} 1`, id)
	if metrics := string(s.Do(http.MethodGet, s.Config+"/metrics", nil, 200)); !strings.Contains(metrics, want) {
		t.Errorf("the metrics do not have %s", want)
	}
}

// TestTryFilters tries a filter over both mounts of the Configuration API, and on the command line.
func TestTryFilters(t *testing.T) {
	s := newStage(t)
	body := `{"filter":"data.n > 1","transform":"data.n","events":[{"event":"e","data":{"n":2}},{"event":"e","data":{"n":1}}]}`
	for _, base := range []string{s.Config, s.Admin + "/event_gateway"} {
		var got struct {
			Valid   bool
			Results []struct {
				Matches bool
				Value   json.RawMessage
			}
		}
		answer := s.Do(http.MethodPost, base+"/v1/spaces/default/filters/test", body, 200)
		if err := json.Unmarshal(answer, &got); err != nil || !got.Valid || len(got.Results) != 2 || !got.Results[0].Matches ||
			string(got.Results[0].Value) != "2" || got.Results[1].Matches {
			t.Errorf("%s answers %s, %v", base, answer, err)
		}
	}
	for _, test := range []struct {
		filter string
		status int
		out    string
	}{{"data.n > 1", 0, `{"event":"e","data":{"n":2}}` + "\n"}, {"data.n > 2", 1, ""}, {"data.n >", 2, ""}} {
		cmd := exec.Command(gatewaytest.Binary(t), "event-gateway", "filter", "--filter", test.filter)
		cmd.Stdin = strings.NewReader(`{"event":"e","data":{"n":2}}`)
		var out bytes.Buffer
		cmd.Stdout = &out
		_ = cmd.Run()
		if status := cmd.ProcessState.ExitCode(); status != test.status || out.String() != test.out {
			t.Errorf("%s: status %d, %q; want %d, %q", test.filter, status, out.String(), test.status, test.out)
		}
	}
}

// TestStaticFilters has a subscription with a filter and a transform in the Caddyfile.
func TestStaticFilters(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("app", "subscription made {\n function f\n filter `data.n > 1`\n transform `{\"twice\": data.n * 2}`\n header X-N data.n\n}"))
	record, calls := recorder(`{}`)
	s.function("f", record)
	for _, n := range []int{1, 2} {
		s.send("POST", "/", fmt.Sprintf(`{"n":%d}`, n), "Event", "made", "Content-Type", jsonType).expect(t, 202, "")
	}
	if got := next(t, calls); got.body != `{"twice":4}` || got.header.Get("X-N") != "2" {
		t.Errorf("the function got %s with %v", got.body, got.header)
	}
	s.idle()
	none(t, calls)
}
