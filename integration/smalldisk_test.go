package integration

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// smallDisk has the data of gateways in dir on a disk of so many bytes. Where that cannot be, the test is skipped, except
// where tests run in full or in CI.
func smallDisk(t *testing.T, dir string, size int64) (data string) {
	t.Helper()
	data = filepath.Join(dir, "data") // as gatewaytest names it
	unmount, err := mountSmall(data, size)
	if err != nil {
		if long() || os.Getenv("CI") != "" {
			t.Fatalf("a small disk is needed: %v; run as root on Linux, or without %s and CI", err, longVariable)
		}
		t.Skipf("a small disk is needed, for root on Linux: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Errorf("unmounting the small disk: %v", err)
		}
	})
	return data
}

// hog takes what is left of a disk until release is called.
func hog(t *testing.T, data string) (release func()) {
	t.Helper()
	path := filepath.Join(data, "foreign")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 20; size > 0; {
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	// diskSize is room for the embedded etcd, which takes 130 MiB at once, and a backlog; keepFree leaves it what it takes
	// more when it is started again on a disk in memory.
	diskSize = 320 << 20
	keepFree = "queue jetstream {\n reserve 40MiB\n}"
	// largeData is the size of an event that soon fills a disk.
	largeData = 256 << 10
)

// newLarge returns a publisher of large events.
func newLarge(t *testing.T) *publisher {
	p := newPublisher(t, "made")
	filling := strings.Repeat("x", largeData)
	p.data = func(n int) string { return fmt.Sprintf(`{"n":%d,"filling":"%s"}`, n, filling) }
	return p
}

// untilRefused publishes over some connections until each is refused, several times in a row.
func (p *publisher) untilRefused(url string) {
	p.t.Helper()
	var connections sync.WaitGroup
	for range 4 {
		connections.Go(func() {
			for refused := 0; refused < 5 && !p.t.Failed(); {
				refused++
				if p.send(url, p.number()) == http.StatusAccepted {
					refused = 0
				}
			}
		})
	}
	connections.Wait()
}

// untilAccepted publishes until an event is accepted.
func (p *publisher) untilAccepted(url string, within time.Duration) {
	p.t.Helper()
	gatewaytest.Eventually(p.t, within, func() error {
		if status := p.send(url, p.number()); status != http.StatusAccepted {
			return fmt.Errorf("events are answered with %d", status)
		}
		return nil
	})
}

// TestFullDisk has the backlog of a function that hangs fill the disk, then a foreign file take the rest, and kills the
// gateway on each. Events are refused while there is no room, those acknowledged arrive once the function answers, and once
// there is room events are accepted again.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	data, dir := smallDisk(t, root, diskSize), gatewaytest.Dir(root)
	app := gatewaytest.Extra("app", keepFree)
	s := newStage(t, dir, app)
	var g gate
	r := newReceiver(t)
	g.shut()
	t.Cleanup(g.open)
	s.function("hangs", g.hang(r), fields{"timeout": "15m"})
	s.subscribe("made POST / hangs", fields{"delivery": fields{"timeout": "15m", "attempts": 100}})
	p := newLarge(t)

	p.untilRefused(s.Events)
	backlog := p.acked.size()
	if backlog < 20 {
		t.Errorf("the disk takes %d events only", backlog)
	}
	s.Kill()
	s.Gateway = gatewaytest.Start(t, dir, app)
	p.untilRefused(s.Events)
	t.Logf("%d events waited when the disk was full, %d after the gateway was killed", backlog, p.acked.size())

	release := hog(t, data)
	p.untilRefused(s.Events)
	s.Kill()
	s.Gateway = gatewaytest.Start(t, dir, app, gatewaytest.Unloaded())
	p.untilRefused(s.Events)
	release()
	s.Kill()
	s.Gateway = gatewaytest.Start(t, dir, app)
	g.open()
	r.got.waitFor(t, "when the function answers", p.acked.all(), patienceWithLoad)
	p.untilAccepted(s.Events, patience)
	r.got.waitFor(t, "when there is room", p.acked.all(), patience)
	s.idle()
	t.Logf("%d events acknowledged, %d refused, %d arrived more than once",
		p.acked.size(), p.refused.Load(), r.got.duplicates())
}

// TestDiskFullOfForeignFiles has a foreign file take the disk away below a gateway at work, again and again, and give it
// back: it refuses events meanwhile, goes on by itself, and loses nothing.
func TestDiskFullOfForeignFiles(t *testing.T) {
	root := t.TempDir()
	data, dir := smallDisk(t, root, diskSize), gatewaytest.Dir(root)
	app := gatewaytest.Extra("app", keepFree)
	s := newStage(t, dir, app)
	r := newReceiver(t)
	s.function("f", flaky(0.3, r))
	s.subscribe("made POST / f", eager())
	p := newPublisher(t, "made")
	p.fragile, p.pause = true, 5*time.Millisecond
	to := aimAt(s.Events)
	stop := p.load(to, 8)
	for i := range sized(3, 10) {
		wait(t, "acknowledged events", p.acked.size, p.acked.size()+100)
		release := hog(t, data)
		refused := int(p.refused.Load())
		wait(t, "refused events", func() int { return int(p.refused.Load()) }, refused+50)
		if i%2 == 1 {
			s.Kill()
		}
		release()
		if i%2 == 1 {
			s.Gateway = gatewaytest.Start(t, dir, app)
			to.aim(s.Events)
		}
	}
	wait(t, "acknowledged events", p.acked.size, p.acked.size()+100)
	stop()
	r.got.waitFor(t, "at the function", p.acked.all(), patienceWithLoad)
	s.idle()
	t.Logf("%d events acknowledged, %d refused, %d arrived more than once",
		p.acked.size(), p.refused.Load(), r.got.duplicates())
}
