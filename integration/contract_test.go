package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

const (
	cloudEventType = "application/cloudevents+json"
	batchType      = "application/cloudevents-batch+json"
	jsonType       = "application/json"
)

// structured is a CloudEvent in structured mode.
func structured(eventType, id string) string {
	return `{"specversion":"1.0","type":"` + eventType + `","source":"/s","id":"` + id + `","data":{"n":1}}`
}

// TestContractForms has a row for every way in which a request is an event.
func TestContractForms(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{"body":"answered"}`)
	s.function("f", record)
	s.subscribe("made POST / f")
	s.subscribe("invoke POST /call f")
	s.subscribe("http POST /old f")
	s.subscribe("http.request PUT /new f")
	batch := func(events ...string) string { return "[" + strings.Join(events, ",") + "]" }

	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		events                   string // what the function gets: type and id, or "-" for one the gateway gave
	}{
		{"structured", "POST", "/", structured("made", "1"), []string{"Content-Type", cloudEventType}, 202, "made 1"},
		{
			"structured, with a charset", "POST", "/", structured("made", "2"),
			[]string{"Content-Type", cloudEventType + "; charset=utf-8"},
			202, "made 2",
		},
		{
			"structured 0.1", "POST", "/", `{"cloudEventsVersion":"0.1","eventType":"made","source":"/s","eventID":"3","data":{}}`,
			[]string{"Content-Type", cloudEventType},
			202, "made 3",
		},
		{
			"batch", "POST", "/", batch(structured("made", "4"), structured("other", "x"), structured("made", "5")),
			[]string{"Content-Type", batchType},
			202, "made 4, made 5",
		},
		{"empty batch", "POST", "/", batch(), []string{"Content-Type", batchType}, 202, ""},
		{
			"batch with one bad event", "POST", "/", batch(structured("made", "6"), `{"specversion":"1.0"}`),
			[]string{"Content-Type", batchType},
			400, "",
		},
		{
			"binary", "POST", "/", `{}`,
			[]string{"ce-specversion", "1.0", "ce-type", "made", "ce-source", "/s", "ce-id", "7"},
			202,
			"made 7",
		},
		{
			"binary 0.1", "POST", "/", `{}`,
			[]string{"ce-cloudeventsversion", "0.1", "ce-eventtype", "made", "ce-source", "/s", "ce-eventid", "8"},
			202, "made 8",
		},
		{"Event header", "POST", "/", `x`, []string{"Event", "made"}, 202, "made -"},
		{"invoke", "POST", "/call", `x`, []string{"Event", "invoke", "Function-ID", "f"}, 200, "invoke -"},
		{
			"invoke in a space", "POST", "/call", `x`,
			[]string{"Event", "invoke", "Function-ID", "f", "Space", "default"},
			200,
			"invoke -",
		},
		{
			"invoke in another space", "POST", "/call", `x`,
			[]string{"Event", "invoke", "Function-ID", "f", "Space", "other"},
			404,
			"",
		},
		{"none of these: http", "POST", "/old", `x`, nil, 200, "http -"},
		{"none of these: subscribed to as http.request", "PUT", "/new", `x`, nil, 200, "http -"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			a := s.send(test.method, test.path, test.body, test.headers...)
			if a.status != test.status {
				t.Fatalf("got %d %s, want %d", a.status, a.body, test.status)
			}
			var got []string
			for range strings.Count(test.events, ",") + min(1, len(test.events)) {
				ev := next(t, calls).event(t)
				if len(ev.ID) == 36 {
					ev.ID = "-"
				}
				got = append(got, ev.Event+" "+ev.ID)
			}
			if len(got) == 2 && got[0] > got[1] { // deliveries run beside each other
				got[0], got[1] = got[1], got[0]
			}
			if strings.Join(got, ", ") != test.events {
				t.Errorf("the function got %v, want %s", got, test.events)
			}
			s.idle()
			none(t, calls)
		})
	}

	t.Run("system events come only from the gateway", func(t *testing.T) {
		s.t = t
		for _, eventType := range []string{"gateway.event.received", "eventgateway.x", "gateway."} {
			s.send("POST", "/", "", "Event", eventType).expect(t, 400, eventType)
			s.send("POST", "/", structured(eventType, "1"), "Content-Type", cloudEventType).expect(t, 400, eventType)
			s.send("POST", "/", batch(structured(eventType, "1")), "Content-Type", batchType).expect(t, 400, eventType)
			s.send("POST", "/", "", "ce-specversion", "1.0", "ce-type", eventType, "ce-source", "/", "ce-id", "1").
				expect(t, 400, eventType)
		}
	})
}

// TestContractAnswers has a row for every answer of the Events API, but for the full queue: see TestQueueOverload.
func TestContractAnswers(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("app", `
			subscription http {
				method POST
				path /gone
				function gone
			}`),
		gatewaytest.Caddyfile(gatewaytest.DefaultCaddyfile+`
http://127.0.0.1:{{.Port1}} {
	event_gateway {
		max_body_size 10B
	}
	respond "next" 418
}`))
	record, calls := recorder(`{"statusCode":200}`)
	s.function("record", record)
	s.subscribe("recorded POST / record")
	s.subscribe("http POST /async record", fields{"type": "async"})
	for id, payload := range map[string]string{
		"full":     `{"statusCode":201,"headers":{"X-A":"b","Set-Cookie":["a=1","b=2"]},"body":"hé"}`,
		"binary":   `{"statusCode":200,"headers":{"Content-Type":"image/x"},"body":"AAEC/w==","isBase64Encoded":true}`,
		"empty":    `{}`,
		"nonsense": `hello`,
	} {
		s.function(id, says(payload))
		s.subscribe("http POST /" + id + " " + id)
	}
	s.subscribe("asked POST / full", fields{"type": "sync"})
	s.subscribe("asked POST / record")
	s.subscribe("invoke POST / full")
	s.function("fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the payload", 500) })
	s.subscribe("http POST /fails fails")
	s.function("hangs", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}, fields{"timeout": "50ms"})
	s.subscribe("http POST /hangs hangs")
	s.register("unreachable", "http://"+gatewaytest.FreeAddrs(t, 1)[0])
	s.subscribe("http POST /unreachable unreachable")

	s.send("POST", "/", "x", "Event", "recorded").wants(t, 202, "")
	if got := next(t, calls).event(t).Event; got != "recorded" {
		t.Errorf("the subscriber got %s", got)
	}
	s.send("POST", "/", "x", "Event", "nobody.listens").wants(t, 202, "")
	s.send("POST", "/anywhere", structured("nobody.listens", "1"), "Content-Type", cloudEventType).wants(t, 202, "")
	s.send("POST", "/async", "x").wants(t, 202, "")
	if got := next(t, calls).event(t).Event; got != "http" {
		t.Errorf("the subscriber got %s", got)
	}

	full := s.send("POST", "/full", "")
	full.wants(t, 201, "hé")
	if full.header.Get("X-A") != "b" || strings.Join(full.header.Values("Set-Cookie"), "|") != "a=1|b=2" {
		t.Errorf("headers of the answer: %v", full.header)
	}
	binary := s.send("POST", "/binary", "")
	binary.wants(t, 200, "\x00\x01\x02\xff")
	if binary.header.Get("Content-Type") != "image/x" {
		t.Errorf("headers of the answer: %v", binary.header)
	}
	s.send("POST", "/empty", "").wants(t, 200, "")
	s.send("POST", "/nothing", "").expect(t, 404, `no http subscription wants POST "/nothing"`)
	withNext := s.Expand("http://127.0.0.1:{{.Port1}}")
	s.sendTo(withNext, "POST", "/nothing", "").wants(t, 418, "next")
	s.sendTo(withNext, "POST", "/full", "").wants(t, 201, "hé")

	const payload = `{"statusCode":201,"headers":{"X-A":"b","Set-Cookie":["a=1","b=2"]},"body":"hé"}`
	s.send("POST", "/", "x", "Event", "invoke", "Function-ID", "full").wants(t, 200, payload)
	s.send("POST", "/elsewhere", "x", "Event", "invoke", "Function-ID", "full").expect(t, 404, "want a subscription")
	s.send("POST", "/", "x", "Event", "invoke", "Function-ID", "empty").
		expect(t, 404, "want a subscription of it to the event invoke")
	s.send("POST", "/", "x", "Event", "invoke").expect(t, 400, "Function-ID")

	// What describes an HTTP answer is one also for a custom event, but not for an invocation, which is a call.
	asked := s.send("POST", "/", "x", "Event", "asked")
	asked.wants(t, 201, "hé")
	if got := asked.header.Get("X-A"); got != "b" {
		t.Errorf("the answer to a custom event has the header X-A %q, want b", got)
	}
	if got := next(t, calls).event(t).Event; got != "asked" {
		t.Errorf("beside the sync subscriber the async one got %s", got)
	}

	s.send("POST", "/fails", "").expect(t, 502, `function "fails" did not answer`)
	s.send("POST", "/nonsense", "").expect(t, 502, `function "nonsense" did not answer`)
	s.send("POST", "/hangs", "").expect(t, 504, `function "hangs" did not answer`)
	s.send("POST", "/unreachable", "").expect(t, 502, "connection refused")
	s.send("POST", "/gone", "").expect(t, 502, "it is gone")
	for _, path := range []string{"/fails", "/nonsense"} {
		if body := s.send("POST", path, "").body; strings.Contains(body, "payload") || strings.Contains(body, "hello") {
			t.Errorf("the error shows what the function said: %s", body)
		}
	}

	s.send("POST", "/", `{"a"`, "Event", "recorded", "Content-Type", jsonType).expect(t, 400, "body: not valid JSON")
	s.send("POST", "/full", `{"a"`, "Content-Type", "application/vnd.x+json").expect(t, 400, "body: not valid JSON")
	s.send("POST", "/", `{"id":"1"}`, "Content-Type", cloudEventType).expect(t, 400, "specversion: missing")
	s.send("POST", "/", "", "ce-specversion", "1.0", "ce-type", "a").expect(t, 400, "ce-id: missing")
	s.send("POST", "/", strings.Repeat("x", 1<<20), "Event", "nobody.listens").wants(t, 202, "")
	s.send("POST", "/", strings.Repeat("x", 1<<20+1), "Event", "recorded").expect(t, 413, "at most 1048576 bytes")
	s.sendTo(withNext, "POST", "/", strings.Repeat("x", 11), "Event", "recorded").expect(t, 413, "at most 10 bytes")
	s.idle()
	none(t, calls)
}

// TestContractDraining sends the end of a request when the gateway has already begun to drain its queue.
func TestContractDraining(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("global", "grace_period 100ms"))
	record, calls := recorder("{}")
	recovered := make(chan struct{})
	s.function("slow", func(w http.ResponseWriter, r *http.Request) {
		record(w, r)
		select {
		case <-recovered:
		case <-r.Context().Done():
		}
	})
	s.subscribe("made POST / slow")
	s.send("POST", "/", "x", "Event", "made").wants(t, 202, "")
	next(t, calls)
	late := make([]net.Conn, 300)
	for i := range late {
		late[i] = dial(t, s.Events)
		head := "POST / HTTP/1.1\r\nHost: HOST\r\nEvent: made\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
		if _, err := io.WriteString(late[i], withHost(s.Events, head)); err != nil {
			t.Fatal(err)
		}
		const goOn = "HTTP/1.1 100 Continue\r\n\r\n" // the gateway says so when it reads the body
		if got, err := io.ReadAll(io.LimitReader(late[i], int64(len(goOn)))); err != nil || string(got) != goOn {
			t.Fatalf("got %q: %v", got, err)
		}
	}
	s.Signal(syscall.SIGTERM)
	// Nothing tells when the draining begins, so one request after the other is ended until the first is refused.
	accepted := 0
	gatewaytest.Eventually(t, patience, func() error {
		if accepted == len(late) {
			t.Fatal("all late events were accepted")
		}
		if _, err := io.WriteString(late[accepted], "x"); err != nil {
			t.Fatal(err)
		}
		a := readFrom(t, late[accepted])
		if a.status == 202 {
			accepted++
			return fmt.Errorf("%d late events are accepted", accepted)
		}
		a.expect(t, 503, "shutting down")
		if a.header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
		return nil
	})
	t.Logf("%d late events were accepted before one was refused", accepted)
	close(recovered)
	<-s.Exited()
	for range accepted {
		next(t, calls)
	}
	none(t, calls)
	if strings.Contains(s.Log(), "deliveries_lost") {
		t.Error("events accepted before are lost")
	}
}

// TestContractErrorForm checks that errors of the Events API have the form of generations B and C alone.
func TestContractErrorForm(t *testing.T) {
	s := newStage(t)
	a := s.send("GET", "/v1/functions", "")
	a.expect(t, 404, "no http subscription wants")
	var e map[string]any
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || len(e) != 1 || e["errors"] == nil {
		t.Errorf("got %s: %v", a.body, err)
	}
}
