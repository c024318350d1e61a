package integration

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// slowly has each call take a while, as a function does that waits for something itself.
func slowly(while time.Duration, next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		select {
		case <-time.After(while):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// TestSustainedOverload publishes twice what a function can take, and as much as goes, for a while: what is accepted is
// delivered, each event once, the rest is refused, memory stays bounded, and soon after there is room again.
func TestSustainedOverload(t *testing.T) {
	const (
		while       = 20 * time.Millisecond
		concurrency = 4
		perSecond   = concurrency * int(time.Second/while)
		connections = 32
	)
	for _, queue := range []string{"jetstream", "memory"} {
		for name, pause := range map[string]time.Duration{
			"twice the load": connections * time.Second / time.Duration(2*perSecond),
			"without a stop": 0,
		} {
			t.Run(queue+", "+name, func(t *testing.T) {
				f := newFortress(t, gatewaytest.Extra("app",
					fmt.Sprintf("concurrency %d\nqueue %s {\n max_per_function 100\n}", concurrency, queue)))
				r := newReceiver(t)
				f.function("f", slowly(while, r))
				f.subscribe("made POST / f")
				p := newPublisher(t, "made")
				p.pause = pause
				start := time.Now()
				stop := p.load(aimAt(f.Events), connections)
				wait(t, "refused events", func() int { return int(p.refused.Load()) }, 50)
				wait(t, "acknowledged events", p.acked.size, sized(400, 3000))
				stop()
				took := time.Since(start)
				recovering := time.Now()
				p.untilAccepted(f.Events, patience)
				recovered := time.Since(recovering)
				if recovered > 5*time.Second {
					t.Errorf("an event was accepted again only after %s", recovered)
				}
				f.idle()
				if err := r.got.checkExact(p.acked.all()); err != nil {
					t.Error(err)
				}
				t.Logf("in %s %d events were acknowledged and %d refused; the function can take %d; room again after %s",
					took, p.acked.size(), p.refused.Load(), int(took.Seconds()*float64(perSecond)), recovered)
				p.client.CloseIdleConnections()
				f.survived(64 << 20)
			})
		}
	}
}
