package etcdstore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

// writer counts a key of its own up, by one a write, and knows after every write whether it happened.
type writer struct {
	store *etcdstore.Store
	sink  *sink
	id    string
	n     int
	acked atomic.Int64
}

func (w *writer) run(t *testing.T, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		value, _, version := w.sink.get(w.id)
		if value != "" && value != strconv.Itoa(w.n) {
			t.Errorf("%s is %s, want %d", w.id, value, w.n)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		revision, err := w.store.Commit(ctx, configapi.Write{
			Space: "default", Version: version, Puts: []configapi.Put{put(w.id, strconv.Itoa(w.n+1))},
		})
		cancel()
		switch {
		case err == nil:
			w.n++
			w.acked.Add(1)
			w.sink.waitRevision(t, revision)
		case errors.Is(err, configapi.ErrVersion):
			w.sink.waitRevision(t, revision)
		case strings.Contains(err.Error(), "may have been written"):
			if !w.look(t) {
				return
			}
		case eventgateway.KindOf(err) != eventgateway.Unavailable:
			t.Errorf("%s: %v", w.id, err)
			return
		}
	}
}

// look reads whether a write happened that may have: once a later write has, no earlier one still can.
func (w *writer) look(t *testing.T) bool {
	commit(t, w.store, w.sink, []configapi.Put{put(w.id+".look", "")})
	value, _, _ := w.sink.get(w.id)
	got, _ := strconv.Atoi(value)
	if got != w.n && got != w.n+1 {
		t.Errorf("%s is %d, want %d or one more", w.id, got, w.n)
		return false
	}
	w.n = got
	return true
}

func TestMembersKilledUnderLoad(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Size: 3})
	dir := t.TempDir()
	a, intoA := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	intoB := newSink()
	b, err := etcdstore.Open(etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir}, intoB, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	waitReady(t, b)

	writers := []*writer{
		{store: a, sink: intoA, id: "w0"},
		{store: b, sink: intoB, id: "w1"},
		{store: a, sink: intoA, id: "w2"},
		{store: b, sink: intoB, id: "w3"},
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for _, w := range writers {
		running.Go(func() { w.run(t, stop) })
	}
	progress := func(what string) {
		t.Helper()
		var before [4]int64
		for i, w := range writers {
			before[i] = w.acked.Load()
		}
		for i, w := range writers {
			eventually(t, what, func() bool { return w.acked.Load() >= before[i]+5 || t.Failed() })
		}
	}
	progress("writes at first")
	for member := range 3 {
		cluster.Kill(member)
		progress(fmt.Sprint("writes without member ", member))
		cluster.Restart(member)
	}
	cluster.Kill()
	waitState(t, a, "disconnected")
	waitState(t, b, "disconnected")
	if intoA.count() < 4 || intoB.count() < 4 {
		t.Error("entries are gone while etcd is away")
	}
	cluster.Restart()
	progress("writes after all members were killed")
	cluster.Kill()
	close(stop)
	cluster.Restart()
	running.Wait()
	last := commit(t, a, intoA, []configapi.Put{put("last", "")})
	intoB.waitRevision(t, last)
	for _, w := range writers {
		for name, into := range map[string]*sink{"a": intoA, "b": intoB} {
			if value, _, _ := into.get(w.id); value != strconv.Itoa(w.n) {
				t.Errorf("%s has %s for %s, want %d", name, value, w.id, w.n)
			}
		}
	}
	intoB.check(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	// A gateway that starts while etcd is away serves what it knew.
	cluster.Kill()
	late := newSink()
	s := open(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir}, late)
	if late.Revision() != intoB.Revision() || late.count() != intoB.count() || late.version() != intoB.version() {
		t.Errorf("the saved copy has revision %d and %d entries, want %d and %d",
			late.Revision(), late.count(), intoB.Revision(), intoB.count())
	}
	if status := waitState(t, s, "disconnected"); !strings.Contains(status.Error, "serving the copy saved at 2") {
		t.Errorf("status %+v", status)
	}
	select {
	case <-s.Ready():
		t.Error("ready without etcd")
	default:
	}
	cluster.Restart()
	waitReady(t, s)
	if status := waitState(t, s, "connected"); status.Error != "" {
		t.Errorf("status %+v", status)
	}
	commit(t, s, late, []configapi.Put{put("late", "1")})
}
