package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestHardeningRequests sends what no honest sender does, one input at a time. Caddy is told to let more headers through
// than its 16 KiB, so that the gateway has to cope with them.
func TestHardeningRequests(t *testing.T) {
	f := newFortress(t, gatewaytest.Extra("global", "servers {\n\t\tmax_header_size 1MiB\n\t}"))
	record, calls := recorder(`{"body":"ok"}`)
	f.function("f", record)
	f.subscribe("http POST /f f")
	f.subscribe("http GET /w/*rest f")
	f.subscribe("http GET /p/:p f")
	f.subscribe("made POST / f")
	f.subscribe("made POST /w/*rest f")
	called := func(times int) {
		t.Helper()
		for range times {
			var ignored any
			if c := next(t, calls); json.Unmarshal([]byte(c.body), &ignored) != nil {
				t.Errorf("the function got what is no JSON: %.300q", c.body)
			}
		}
		f.idle()
		none(t, calls)
	}

	// A path is the sender's to choose. A long one costs no more than its length, whether something matches it or not.
	t.Run("64 KiB paths", func(t *testing.T) {
		for _, long := range []string{
			strings.Repeat("x", 64<<10), strings.Repeat("/", 64<<10), strings.Repeat("%2F", 20<<10), strings.Repeat("a/", 32<<10),
		} {
			f.send("GET", "/w/"+long, "").wants(t, 200, "ok")
			f.send("POST", "/w/"+long, "", "Event", "made").wants(t, 202, "")
			f.send("GET", "/n/"+long, "").expect(t, 404, "no http subscription wants")
			f.send("POST", "/n/"+long, "", "Event", "invoke", "Function-ID", "f").expect(t, 404, "cannot be invoked")
			called(2)
		}
	})
	// All headers reach the function as one JSON object: building it must not take time that grows with their square.
	t.Run("10,000 headers", func(t *testing.T) {
		lines := func(name string) string {
			var b strings.Builder
			for i := range 10_000 {
				fmt.Fprintf(&b, name, i)
			}
			return b.String()
		}
		raw(t, f.Events, "POST /f HTTP/1.1\r\nHost: HOST\r\n"+lines("X-%d: v\r\n")+"\r\n", false).wants(t, 200, "ok")
		raw(t, f.Events, "POST /f HTTP/1.1\r\nHost: HOST\r\n"+strings.Repeat("X-A: v\r\n", 10_000)+"\r\n", false).wants(t, 200, "ok")
		raw(t, f.Events, "POST / HTTP/1.1\r\nHost: HOST\r\nce-id: 1\r\nce-source: /\r\nce-type: made\r\nce-specversion: 1.0\r\n"+
			lines("ce-x%d: v\r\n")+"\r\n", false).wants(t, 202, "")
		called(3)
	})
	// What is over Caddy's limit never reaches the gateway.
	t.Run("headers over the limit", func(t *testing.T) {
		for _, head := range []string{
			"POST /f HTTP/1.1\r\nHost: HOST\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 1100),
			"POST /" + strings.Repeat("x", 1100<<10) + " HTTP/1.1\r\nHost: HOST\r\n",
		} {
			if a := raw(t, f.Events, head+"\r\n", false); a.status != 431 {
				t.Errorf("got %d", a.status)
			}
		}
		called(0)
	})
	// What is not UTF-8 cannot stand in JSON, and a function's JSON parser may choke on it: it never gets it.
	t.Run("invalid UTF-8", func(t *testing.T) {
		const bad = "\xff\xfe\xed\xa0\x80"
		f.send("GET", "/p/%ff%fe%ed%a0%80?%ff=%ff", "").wants(t, 200, "ok")
		f.send("POST", "/f", bad, "X-Bad", bad, "Content-Type", "text/plain; x="+bad).wants(t, 200, "ok")
		f.send("POST", "/f", bad, "Content-Type", "application/x-www-form-urlencoded").wants(t, 200, "ok")
		f.send("POST", "/", bad, "Event", "made").wants(t, 202, "")
		called(4)
		f.send("POST", "/f", `"`+bad+`"`, "Content-Type", jsonType).expect(t, 400, "not valid UTF-8")
		f.send("POST", "/", `"`+bad+`"`, "Event", "made", "Content-Type", jsonType).expect(t, 400, "not valid UTF-8")
		f.send("POST", "/", structured("made", bad), "Content-Type", cloudEventType).expect(t, 400, "not valid UTF-8")
		f.send("POST", "/", "", "Event", bad).expect(t, 400, "Event: ")
		f.send("POST", "/", "", "Event", "made", "Space", bad).expect(t, 400, "Space: ")
		f.send("POST", "/", "", "ce-specversion", "1.0", "ce-type", "made", "ce-source", "/", "ce-id", bad).expect(t, 400, "ce-id: ")
		called(0)
	})
	// Deep nesting exhausts the stack of recursive parsers, ours and those of functions.
	t.Run("deep JSON", func(t *testing.T) {
		deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
		event := strings.Replace(structured("made", "1"), `{"n":1}`, deep, 1)
		f.send("POST", "/f", deep, "Content-Type", jsonType).expect(t, 400, "nested too deeply")
		f.send("POST", "/", strings.Repeat("[", 1<<20), "Event", "made", "Content-Type", jsonType).expect(t, 400, "nested too deeply")
		f.send("POST", "/", event, "Content-Type", cloudEventType).expect(t, 400, "nested too deeply")
		f.send("POST", "/", "["+event+"]", "Content-Type", batchType).expect(t, 400, "nested too deeply")
		called(0)
	})
	// Half an event must not be delivered as if it were all of it.
	t.Run("truncated bodies", func(t *testing.T) {
		for _, rest := range []string{
			"Content-Length: 10\r\n\r\n{}",
			"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
			"Transfer-Encoding: chunked\r\n\r\n2\r\n{",
			"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
			"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}",
		} {
			for _, head := range []string{"/ HTTP/1.1\r\nHost: HOST\r\nEvent: made", "/f HTTP/1.1\r\nHost: HOST"} {
				raw(t, f.Events, "POST "+head+"\r\nContent-Type: text/plain\r\n"+rest, true).expect(t, 400, "body: ")
			}
		}
		called(0)
	})
	// A length may be a lie to make the gateway set memory aside, and a body may have no end.
	t.Run("over the limit", func(t *testing.T) {
		for _, rest := range []string{
			"Content-Length: 9223372036854775807\r\n\r\n",
			"Content-Length: 4000000\r\n\r\n" + strings.Repeat("x", 500_000),
			"Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 40),
		} {
			for _, head := range []string{"/ HTTP/1.1\r\nHost: HOST\r\nEvent: made", "/f HTTP/1.1\r\nHost: HOST"} {
				raw(t, f.Events, "POST "+head+"\r\n"+rest, false).expect(t, 413, "body: too large: want at most 1048576 bytes")
			}
		}
		called(0)
	})
	// Requests that two servers in a row may read differently are how one smuggles one past the first. net/http refuses them;
	// this holds the gateway to a server that does.
	t.Run("ambiguous requests", func(t *testing.T) {
		for _, request := range []string{
			"POST /f HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
			"POST /f HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n",
			"POST /f HTTP/1.1\r\nHost: HOST\r\nContent-Length: +1\r\n\r\nx",
			"POST /f HTTP/1.1\r\nHost: HOST\r\nX-A: \x00\r\n\r\n",
			"POST /f HTTP/1.1\r\nHost: HOST\r\nX A: b\r\n\r\n",
			"POST /f HTTP/1.1\r\nHost: HOST\r\n folded\r\n\r\n",
			"POST /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
			"POST /f HTTP/1.1\r\n\r\n",
			"POST /%zz HTTP/1.1\r\nHost: HOST\r\n\r\n",
			"PO ST /f HTTP/1.1\r\nHost: HOST\r\n\r\n",
			"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no TLS here\r\n\r\n",
		} {
			if a := raw(t, f.Events, request, false); a.status != 400 {
				t.Errorf("%q: got %d", request, a.status)
			}
		}
		if a := raw(t, f.Events, "POST /f HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip\r\n\r\n", false); a.status != 501 {
			t.Errorf("an unknown Transfer-Encoding: got %d", a.status)
		}
		called(0)
	})
	// Fields that are names get what are none.
	t.Run("names that are none", func(t *testing.T) {
		f.send(strings.Repeat("X", 32), "/n", "").expect(t, 404, "no http subscription")
		f.send("POST", "/", "", "Event", strings.Repeat("x", 100_000)).expect(t, 400, "Event: ")
		f.send("POST", "/", "", "Event", "invoke", "Function-ID", strings.Repeat("../", 10_000)).expect(t, 400, "Function-ID: ")
		f.send("POST", "/", "x", "Event", "made", "Content-Type", strings.Repeat("x", 100_000)).expect(t, 400, "Content-Type: ")
		f.send("POST", "/", "x", "Event", "made", "Content-Encoding", "gzip").expect(t, 415, "Content-Encoding: ")
		called(0)
	})
	t.Run("fields of a CloudEvent", func(t *testing.T) {
		hostileCloudEvents(t, f)
		called(0)
	})
	// The largest body is buffered twice and written into JSON as base64; all else is smaller.
	f.survived(128 << 20)
}

// hostileCloudEvents sends a value of every wrong type in every attribute, attributes there cannot be, and those given twice.
func hostileCloudEvents(t *testing.T, f *fortress) {
	for version, attributes := range map[string][]string{
		"1.0": {"specversion", "type", "source", "id", "subject", "time", "datacontenttype", "dataschema", "data_base64", "ext"},
		"0.1": {"cloudEventsVersion", "eventType", "source", "eventID", "eventTime", "contentType", "schemaURL", "eventTypeVersion"},
	} {
		valid := fields{"specversion": "1.0", "type": "made", "source": "/s", "id": "1"}
		if version == "0.1" {
			valid = fields{"cloudEventsVersion": "0.1", "eventType": "made", "source": "/s", "eventID": "1"}
		}
		for _, attribute := range attributes {
			for kind, value := range wrongTypes {
				isExtension := attribute == "ext" || attribute == "eventTypeVersion"
				if kind == "string" || isExtension && (kind == "number" || kind == "boolean") {
					continue
				}
				event := valid.with(fields{attribute: json.RawMessage(value)})
				body, _ := json.Marshal(event)
				f.send("POST", "/", string(body), "Content-Type", cloudEventType).expect(t, 400, "")
				f.send("POST", "/", "["+string(body)+"]", "Content-Type", batchType).expect(t, 400, "events[0]")
			}
		}
	}
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"specversion":"2.0","type":"made","source":"/","id":"1"}`,
		`{"specversion":"1.0","type":"made","source":"/","id":"1","Bad-Name":"x"}`,
		`{"specversion":"1.0","type":"made","source":"/","id":"1","id":"2"}`,
		`{"specversion":"1.0","type":"made","source":"/","id":""}`,
		`{"specversion":"1.0","type":"made","source":"/","id":"1","time":"yesterday"}`,
		`{"specversion":"1.0","type":"made","source":"/","id":"1","data":1,"data_base64":"AA=="}`,
		`{"specversion":"1.0","type":"made","source":"/","id":"1","data_base64":"!"}`,
		`{"specversion":"1.0","type":"made","source":"/","id":"1"}{}`,
	} {
		f.send("POST", "/", body, "Content-Type", cloudEventType).expect(t, 400, "")
	}
}

// A sender that lets its request trickle holds a connection. 200 of them, in their headers or their body, get no more than
// the time they are given, and harm nobody meanwhile. Every byte comes sooner than a timeout for idleness would strike.
func TestHardeningSlowLoris(t *testing.T) {
	const limit = time.Second
	f := newFortress(t, gatewaytest.Caddyfile(strings.NewReplacer(
		"\tevent_gateway\n", "\tevent_gateway {\n\t\tread_timeout 1s\n\t}\n",
		"{{.Extra.global}}", "servers {\n\t\ttimeouts {\n\t\t\tread_header 1s\n\t\t}\n\t}",
	).Replace(gatewaytest.DefaultCaddyfile)))
	f.subscribe("http POST /f alive")
	heads := []string{
		"POST /f HTTP/1.1\r\nHost: HOST\r\n",
		"POST /f HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100000\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: HOST\r\nEvent: made\r\nContent-Length: 100000\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: HOST\r\nEvent: a b\r\nContent-Length: 100000\r\n\r\n", // refused before its body
	}
	statuses := make(chan string, 200)
	n := scaled(200)
	for i := range n {
		conn := dial(t, f.Events)
		head := withHost(f.Events, heads[i%len(heads)])
		done := make(chan bool)
		go func() {
			defer close(done)
			status := "closed"
			if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				status = fmt.Sprint(res.StatusCode)
				res.Body.Close()
			}
			_, _ = io.Copy(io.Discard, conn) // until the gateway closes it
			statuses <- status
		}()
		go trickle(conn, head, done)
	}
	started := time.Now()
	got := map[string]int{}
	for range n {
		f.send("GET", "/alive", "").wants(t, 200, "alive")
		select {
		case status := <-statuses:
			got[status]++
		case <-time.After(patience):
			t.Fatalf("connections are still open after %s; so far: %v", time.Since(started), got)
		}
	}
	quarter := n / len(heads)
	// A header that is not complete in time is none: net/http answers that with 400 or, if it has not begun, with nothing.
	if got["408"] != 2*quarter || got["400"]+got["closed"] != n-2*quarter {
		t.Errorf("got %v", got)
	}
	t.Logf("%d slow senders were gone after %s with limits of %s", n, time.Since(started), limit)
	f.survived(64 << 20)
}

// trickle sends text and then a byte now and again.
func trickle(conn net.Conn, text string, done <-chan bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	_, err := io.WriteString(conn, text)
	for err == nil {
		select {
		case <-done:
			return
		case <-tick.C:
			_, err = io.WriteString(conn, "X")
		}
	}
}

// Many senders at once, each within its limit, make the most of what the gateway buffers: all bodies are there but for their
// last byte, and then all of them are whole at the same time. What was accepted is delivered, what was not never is.
func TestHardeningThousandBodies(t *testing.T) {
	f := newFortress(t)
	var delivered sync.Map
	var count atomic.Int64
	f.function("f", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		id, _, _ := strings.Cut(string(body[:20]), " ")
		if _, twice := delivered.LoadOrStore(id, true); twice {
			t.Errorf("event %s was delivered twice", id)
		}
		count.Add(1)
	}, fields{"format": "raw"})
	f.subscribe("made POST / f")
	const size = 1 << 20
	body := strings.Repeat("x", size)
	n := scaled(1000)
	conns := make([]net.Conn, n)
	var wait sync.WaitGroup
	for i := range conns {
		conns[i] = dial(t, f.Events)
		wait.Go(func() {
			id := fmt.Sprintf("%d ", i)
			head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: HOST\r\nEvent: made\r\nContent-Length: %d\r\n\r\n%s", size, id)
			_, err := io.WriteString(conns[i], withHost(f.Events, head))
			if err == nil {
				_, err = io.WriteString(conns[i], body[:size-len(id)-1])
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	var accepted atomic.Int64
	for i, conn := range conns {
		wait.Go(func() {
			if _, err := io.WriteString(conn, "x"); err != nil {
				t.Error(err)
				return
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			switch {
			case res.StatusCode == 202:
				accepted.Add(1)
			case res.StatusCode != 503 || res.Header.Get("Retry-After") == "":
				t.Errorf("sender %d got %d %v", i, res.StatusCode, res.Header)
			}
			conn.Close()
		})
	}
	wait.Wait()
	gatewaytest.Eventually(t, patienceWithLoad, func() error {
		if accepted.Load() == 0 || accepted.Load() != count.Load() {
			return fmt.Errorf("%d events accepted, %d delivered", accepted.Load(), count.Load())
		}
		return nil
	})
	f.idle()
	t.Logf("%d of %d events were accepted at once", accepted.Load(), n)
	// Every body once, at most once more in the half-sized buffer it grew out of, and the collector lets the heap double.
	f.survived(int64(n) * size * 3 / 2 * 2)
}
