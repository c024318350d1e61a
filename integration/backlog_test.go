package integration

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

const (
	// soon is how long a gateway may take to serve requests when it starts on a backlog.
	soon = 10 * time.Second
	// backlogMemory is how much memory it may take for a backlog: some 400 bytes for each delivery and 256 MiB of events, which
	// the collector lets double, and what the log and the store take. backlogPatience is how long until all has arrived.
	backlogMemory   = 2 << 30
	backlogPatience = 15 * time.Minute
)

// crowd is one function that many events wait for, and many functions that one event each waits for.
type crowd struct {
	*stage
	functions int
	// gate is shut while none of them takes events.
	gate      gate
	one, many *receiver
}

// newCrowd registers the functions. Each of the many has a subscription to an event type of its own.
func newCrowd(t *testing.T, functions int, opts ...gatewaytest.Option) *crowd {
	t.Helper()
	c := &crowd{stage: newStage(t, opts...), functions: functions, one: newReceiver(t), many: newReceiver(t)}
	c.gate.shut()
	t.Cleanup(c.gate.open)
	c.function("alive", says(`{"body":"alive"}`))
	c.subscribe("http GET /alive alive")
	policy := fields{"delivery": fields{"attempts": maxAttempts, "backoff": fields{"initial": "1s", "maximum": "10s"}}}
	c.function("one", c.gate.refuse(c.one))
	c.subscribe("one POST / one", policy)
	url := c.serve("many", c.gate.refuse(c.many))
	create := func(resource string, body fields) {
		if a, err := ask(http.MethodPost, c.Config+"/v1/spaces/default/"+resource, body); err != nil || a.status != 201 {
			t.Errorf("creating one of %s: %d %s %v", resource, a.status, a.body, err)
		}
	}
	var registering sync.WaitGroup
	for connection := range 16 {
		registering.Go(func() {
			for n := connection; n < functions && !t.Failed(); n += 16 {
				id := "many-" + strconv.Itoa(n)
				create("functions", fields{"functionId": id, "type": "http", "provider": fields{"url": url}})
				create("subscriptions", policy.with(fields{"functionId": id, "event": "many." + strconv.Itoa(n)}))
			}
		})
	}
	registering.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return c
}

// TestStartOnBacklog kills the gateway while one function has a great many events waiting and each of many functions one,
// and starts it again on all of that: it soon serves requests, takes no memory without bounds, and delivers everything once
// the functions answer.
func TestStartOnBacklog(t *testing.T) {
	functions, events := sized(300, scaled(10_000)), sized(20_000, scaled(1_000_000))
	dir := gatewaytest.Dir(t.TempDir())
	app := gatewaytest.Extra("app", "queue jetstream {\n max_deliveries 4000000\n max_bytes 4GiB\n}")
	c := newCrowd(t, functions, dir, app)
	one, many := newPublisher(t, "one"), newPublisher(t, "")
	many.typeOf = func(n int) string { return "many." + strconv.Itoa(n) }
	start := time.Now()
	one.fill(c.Events, events, 500)
	t.Logf("%d events accepted in %s", events, time.Since(start))
	many.fill(c.Events, functions, 100)
	waiting := func() int {
		q := c.queue()
		return int(q.Waiting + q.Running)
	}
	wait(t, "deliveries in the queue", waiting, events+functions)
	accepting := peakMemory(t, c.Gateway)

	c.Kill()
	start = time.Now()
	c.Gateway = gatewaytest.Start(t, dir, app)
	c.send("GET", "/alive", "").wants(t, 200, "alive")
	served := time.Since(start)
	if served > soon {
		t.Errorf("a request was served %s after the start on a backlog, want at most %s", served, soon)
	}
	wait(t, "deliveries in the queue after the start", waiting, events+functions)
	recovered, recovering := time.Since(start), peakMemory(t, c.Gateway)
	c.gate.open()
	start = time.Now()
	c.many.got.waitFor(t, "at the many functions", many.acked.all(), backlogPatience)
	c.one.got.waitFor(t, "at the one function", one.acked.all(), backlogPatience)
	delivered := time.Since(start)
	c.idle()
	c.send("GET", "/alive", "").wants(t, 200, "alive")
	delivering := peakMemory(t, c.Gateway)
	t.Logf("on %d waiting events and %d functions with one: a request served after %s, all known again after %s, all "+
		"delivered in %s; memory at most %d MiB while accepting, %d MiB after the start, %d MiB while delivering; arrived more "+
		"than once: %d", events, functions, served, recovered, delivered, accepting>>20, recovering>>20, delivering>>20,
		c.one.got.duplicates()+c.many.got.duplicates())
	if peak, limit := max(accepting, delivering), int64(backlogMemory); peak > limit && !gatewaytest.RaceEnabled {
		t.Errorf("the process took %d MiB, want at most %d MiB", peak>>20, limit>>20)
	}
}
