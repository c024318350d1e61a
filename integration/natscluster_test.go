package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

// pair are two gateways that share their configuration and their queue.
type pair struct {
	*stage
	first, second *gatewaytest.Gateway
	nats          *natstest.Cluster
	publisher     *publisher
	// toFirst and toSecond are where the publisher sends events.
	toFirst, toSecond *target
}

// newPair starts a NATS cluster of three members, and two gateways on it.
func newPair(t *testing.T) *pair {
	t.Helper()
	nats := natstest.Start(t, natstest.Options{Size: 3})
	etcd := etcdtest.Start(t, etcdtest.Options{})
	app := gatewaytest.Extra("app", fmt.Sprintf("etcd %s\nqueue jetstream {\n urls %s\n replicas 3\n}",
		strings.Join(etcd.Endpoints(), " "), strings.Join(nats.URLs(), " ")))
	p := &pair{stage: newStage(t, app), nats: nats, publisher: newPublisher(t, "made")}
	p.first, p.second = p.Gateway, gatewaytest.Start(t, app)
	p.toFirst, p.toSecond = aimAt(p.first.Events), aimAt(p.second.Events)
	p.publisher.fragile, p.publisher.pause = true, 10*time.Millisecond
	return p
}

// settled waits until the second gateway knows what was registered at the first.
func (p *pair) settled() { waitRevision(p.t, p.second, statusOf(p.t, p.first).Revision) }

// bothWork waits until both gateways have called functions.
func (p *pair) bothWork() {
	p.t.Helper()
	gatewaytest.Eventually(p.t, patienceWithLoad, func() error {
		first, second := p.calls(p.first), p.calls(p.second)
		if first == 0 || second == 0 {
			return fmt.Errorf("the first gateway made %v calls, the second %v", first, second)
		}
		return nil
	})
}

func (p *pair) calls(g *gatewaytest.Gateway) float64 {
	return metric(p.t, g, "eventgateway_function_invocations_total")
}

// TestMemberOfClusterKilled kills members of the NATS cluster, one after the other, under two gateways at work.
func TestMemberOfClusterKilled(t *testing.T) {
	p := newPair(t)
	f := newFanout(p.stage, "made", 0.3)
	p.settled()
	stopFirst, stopSecond := p.publisher.load(p.toFirst, 8), p.publisher.load(p.toSecond, 8)
	more := func(n int) { wait(t, "acknowledged events", p.publisher.acked.size, p.publisher.acked.size()+n) }
	more(100)
	p.bothWork()
	for member := range sized(2, 6) {
		p.nats.Kill(member % 3)
		more(100)
		p.nats.Restart(member % 3)
		more(100)
	}
	stopFirst()
	stopSecond()
	f.wants(t, p.publisher)
	t.Logf("the first gateway made %v calls, the second %v", p.calls(p.first), p.calls(p.second))
}

// TestSharedBacklog has two gateways share a backlog, and kills one: the other finishes it.
func TestSharedBacklog(t *testing.T) {
	p := newPair(t)
	var g gate
	r := newReceiver(t)
	p.function("f", g.hang(flaky(0.3, r)), fields{"timeout": "15m"})
	p.subscribe("made POST / f", fields{"delivery": eager()["delivery"].(fields).with(fields{"timeout": "15m"})})
	p.settled()
	t.Cleanup(g.open)
	stopFirst, stopSecond := p.publisher.load(p.toFirst, 8), p.publisher.load(p.toSecond, 8)
	p.bothWork()
	g.shut()
	wait(t, "acknowledged events", p.publisher.acked.size, p.publisher.acked.size()+sized(1000, 8000))
	stopFirst()
	stopSecond()
	waiting := p.publisher.acked.size() - r.got.size()
	first, second := p.calls(p.first), p.calls(p.second)
	g.open()
	gatewaytest.Eventually(t, patience, func() error {
		if p.calls(p.first) < first+10 || p.calls(p.second) < second+10 {
			return fmt.Errorf("the first gateway made %v calls, the second %v", p.calls(p.first), p.calls(p.second))
		}
		return nil
	})
	p.first.Kill()
	killed, left := time.Now(), p.publisher.acked.size()-r.got.size()
	r.got.waitFor(t, "at the function", p.publisher.acked.all(), patienceWithLoad)
	t.Logf("of %d events that waited %d were left when one gateway was killed; the other had delivered them after %s; %d "+
		"arrived more than once", waiting, left, time.Since(killed), r.got.duplicates())
}
