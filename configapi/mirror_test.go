package configapi_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/providers"
)

// find returns the functions that a sync GET of path, or else an event on it, reaches.
func find(v *configapi.View, space, event, path string) string {
	q := matcher.Query{Space: space, Method: "GET", Path: path, Event: event}
	if event != "http" {
		q.Method = "POST"
	}
	var m matcher.Match
	v.Snapshot().Table.Find(&q, &m)
	if m.Sync.Subscription != nil {
		return m.Sync.Subscription.FunctionID
	}
	names := []string{}
	for _, target := range m.Async {
		names = append(names, target.Subscription.FunctionID)
	}
	return strings.Join(names, ",")
}

func handle(v *configapi.View, space, id string) *providers.Handle {
	h, _ := v.Snapshot().Functions.Get(eventgateway.FunctionKey{Space: space, ID: id})
	return h
}

func TestMirrorLoadsAndApplies(t *testing.T) {
	s := newStore(t)
	s.put(key("a", configapi.Functions, "f"), encode(testFunction("a", "f")))
	sub := testSubscription("a", "http", "f", "/x")
	s.put(key("a", configapi.Subscriptions, sub.ID), encode(sub))
	in := unloadedInstance(t, s, configapi.Static{})
	if snap := in.view.Snapshot(); snap.Loaded || snap.Revision != 0 || snap.Table.Len() != 0 {
		t.Fatalf("a new mirror has loaded=%v revision=%d", snap.Loaded, snap.Revision)
	}
	s.list(in.mirror)
	snap := in.view.Snapshot()
	if !snap.Loaded || snap.Revision != 2 || find(in.view, "a", "http", "/x") != "f" || handle(in.view, "a", "f") == nil {
		t.Fatalf("after a load: %+v", snap)
	}
	gone := []configapi.Change{
		{Entry: configapi.Entry{Key: key("a", configapi.Functions, "f")}, Deleted: true},
		{Entry: configapi.Entry{Key: key("a", configapi.Subscriptions, sub.ID)}, Deleted: true},
	}
	in.mirror.Apply(3, gone)
	if handle(in.view, "a", "f") != nil || in.view.Snapshot().Table.Len() != 0 || in.mirror.Revision() != 3 {
		t.Error("deleted resources are still there")
	}
	if find(in.view, "a", "http", "/x") != "" || snap.Table.Len() != 1 {
		t.Error("a snapshot taken before has changed")
	}
	in.mirror.Apply(9, nil)
	if in.mirror.Revision() != 9 || in.view.Snapshot().Revision != 9 {
		t.Error("a revision without changes is not seen")
	}
}

func TestHandlesAreOpenedAndClosedOnlyWhenAFunctionChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, lives := newStore(t), newLives("changing")
		for _, id := range []string{"same", "changed", "gone", "rewritten"} {
			s.put(key("changing", configapi.Functions, id), encode(testFunction("changing", id)))
		}
		in := unloadedInstance(t, s, configapi.Static{})
		s.list(in.mirror)
		before := map[string]*providers.Handle{}
		for _, id := range []string{"same", "changed", "gone", "rewritten"} {
			before[id] = handle(in.view, "changing", id)
		}
		changed := testFunction("changing", "changed")
		changed.Provider = []byte(`{"url":"v"}`)
		s.put(key("changing", configapi.Functions, "changed"), encode(changed))
		s.put(key("changing", configapi.Functions, "rewritten"), encode(testFunction("changing", "rewritten")))
		s.happen([]configapi.Change{{Entry: configapi.Entry{Key: key("changing", configapi.Functions, "gone")}, Deleted: true}})
		s.list(in.mirror)
		for id, want := range map[string]bool{"same": true, "rewritten": true, "changed": false, "gone": false} {
			if same := handle(in.view, "changing", id) == before[id]; same != want {
				t.Errorf("%s: handle kept %v, want %v", id, same, want)
			}
		}
		call := &providers.Call{}
		if _, err := before["changed"].Invoke(t.Context(), call); err != nil {
			t.Errorf("a handle looked up before the change fails at once: %v", err)
		}
		time.Sleep(5 * time.Second) // of the test's own clock
		synctest.Wait()
		if n := lives.closed.Load(); n != 2 {
			t.Errorf("%d handles were closed, want 2", n)
		}
		in.mirror.Close()
		synctest.Wait()
		if n := lives.closed.Load(); n != 5 {
			t.Errorf("%d handles were closed in the end, want 5", n)
		}
	})
}

// A load takes its time, and meanwhile a reload of the server may have all functions opened anew: what is closed then must not come
// back with the load.
func TestReopenDuringALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, lives := newStore(t), newLives("reopened")
		s.put(key("reopened", configapi.Functions, "f"), encode(testFunction("reopened", "f")))
		in := unloadedInstance(t, s, configapi.Static{})
		s.list(in.mirror)
		l := in.mirror.Load()
		l.Add(configapi.Change{Entry: s.entries[key("reopened", configapi.Functions, "f")]})
		in.mirror.Reopen(nil)
		l.Commit(2)
		time.Sleep(5 * time.Second) // of the test's own clock
		synctest.Wait()
		if _, err := handle(in.view, "reopened", "f").Invoke(t.Context(), &providers.Call{}); err != nil {
			t.Errorf("after the load: %v", err)
		}
		in.mirror.Close()
		synctest.Wait()
		if opened, closed := lives.opened.Load(), lives.closed.Load(); opened != 2 || closed != 2 {
			t.Errorf("%d handles were opened and %d closed, want 2 and 2", opened, closed)
		}
	})
}

func TestReopenOnlySome(t *testing.T) {
	s := newStore(t)
	for _, id := range []string{"one", "two"} {
		s.put(key("a", configapi.Functions, id), encode(testFunction("a", id)))
	}
	in := unloadedInstance(t, s, configapi.Static{})
	s.list(in.mirror)
	one, two := handle(in.view, "a", "one"), handle(in.view, "a", "two")
	in.mirror.Reopen(func(fn *eventgateway.Function) bool { return fn.ID == "two" })
	if handle(in.view, "a", "one") != one || handle(in.view, "a", "two") == two {
		t.Error("another function was opened anew than the one that was asked for")
	}
}

// A store restored from a backup hands out the same revisions again for other contents.
func TestLoadDoesNotTrustRevisionsAlone(t *testing.T) {
	before, after := newStore(t), newStore(t)
	fn := testFunction("a", "f")
	before.put(key("a", configapi.Functions, "f"), encode(fn))
	fn.Provider = []byte(`{"url":"restored"}`)
	after.put(key("a", configapi.Functions, "f"), encode(fn))
	in := unloadedInstance(t, before, configapi.Static{})
	before.list(in.mirror)
	after.list(in.mirror)
	if got := string(handle(in.view, "a", "f").Function.Provider); got != `{"url":"restored"}` {
		t.Errorf("provider is %s", got)
	}
}

func TestDroppedLoaderLeavesNoTrace(t *testing.T) {
	s := newStore(t)
	in, lives := unloadedInstance(t, s, configapi.Static{}), newLives("dropped")
	l := in.mirror.Load()
	l.Add(configapi.Change{Entry: configapi.Entry{
		Key: key("dropped", configapi.Functions, "f"), Value: []byte(encode(testFunction("dropped", "f"))), ModRevision: 1, CreateRevision: 1,
	}})
	if lives.opened.Load() != 0 || in.view.Snapshot().Functions.Len() != 0 {
		t.Error("a function was opened before the load was committed")
	}
}

func TestBrokenEntriesHarmNoOther(t *testing.T) {
	good := testSubscription("a", "user.created", "f", "/")
	other := testSubscription("b", "user.created", "g", "/")
	for name, entry := range map[string]configapi.Entry{
		"not JSON":            {Key: key("a", configapi.Functions, "x"), Value: []byte(`{"space":"a",`)},
		"another type":        {Key: key("a", configapi.Functions, "x"), Value: []byte(`[1]`)},
		"empty":               {Key: key("a", configapi.Subscriptions, "x")},
		"no provider":         {Key: key("a", configapi.Functions, "x"), Value: []byte(`{"space":"a","functionId":"x","type":"test"}`)},
		"another id":          {Key: key("a", configapi.Functions, "y"), Value: []byte(encode(testFunction("a", "x")))},
		"another space":       {Key: key("a", configapi.Subscriptions, other.ID), Value: []byte(encode(other))},
		"an id it cannot be":  {Key: key("a", configapi.Subscriptions, "mine"), Value: []byte(encode(good))},
		"metadata of numbers": {Key: key("a", configapi.Functions, "x"), Value: []byte(`{"space":"a","functionId":"x","type":"test","provider":{},"metadata":{"k":1}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.put(key("a", configapi.Subscriptions, good.ID), encode(good))
			in := unloadedInstance(t, s, configapi.Static{})
			s.put(entry.Key, string(entry.Value))
			s.list(in.mirror)
			s.list(in.mirror)
			if find(in.view, "a", "user.created", "/") != "f" || in.view.Snapshot().Functions.Len() != 0 {
				t.Error("the good entry is not served")
			}
			if in.mirror.Skipped() != 1 || strings.Count(in.log.String(), "cannot be used") != 1 {
				t.Errorf("skipped %d, log:\n%s", in.mirror.Skipped(), in.log)
			}
			in.mirror.Apply(99, []configapi.Change{{Entry: configapi.Entry{Key: entry.Key}, Deleted: true}})
			if in.mirror.Skipped() != 0 {
				t.Error("an entry that is gone still counts as skipped")
			}
		})
	}
}

func TestBrokenChangeCountsAsGone(t *testing.T) {
	s := newStore(t)
	in := unloadedInstance(t, s, configapi.Static{})
	s.put(key("a", configapi.Functions, "f"), encode(testFunction("a", "f")))
	s.list(in.mirror)
	entry := configapi.Entry{Key: key("a", configapi.Functions, "f"), Value: []byte(`{"secret":`), CreateRevision: 1, ModRevision: 2}
	in.mirror.Apply(2, []configapi.Change{{Entry: entry}})
	if handle(in.view, "a", "f") != nil {
		t.Error("the old function is still served: another instance that starts now would not")
	}
	if strings.Contains(in.log.String(), "secret") {
		t.Errorf("the value is in the log: %s", in.log)
	}
}

func TestWaitRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := unloadedInstance(t, newStore(t), configapi.Static{})
		woken := make(chan error)
		go func() { woken <- in.mirror.WaitRevision(t.Context(), 7) }()
		synctest.Wait()
		in.mirror.Apply(6, nil)
		synctest.Wait()
		select {
		case <-woken:
			t.Fatal("woken too early")
		default:
		}
		in.mirror.Apply(8, nil)
		if err := <-woken; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.mirror.WaitRevision(ctx, 9); err != context.DeadlineExceeded {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestEntriesRoundTrip(t *testing.T) {
	s := newStore(t)
	in := newInstance(t, s, configapi.Static{})
	fn := testFunction("a", "f")
	fn.Timeout, fn.Format, fn.Metadata = eventgateway.Duration(time.Second), eventgateway.FormatRaw, map[string]string{"k": "<&>"}
	in.wait(s.put(key("a", configapi.Functions, "f"), encode(fn)))
	in.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"http","method":"GET","path":"/ü","cors":{}}`)
	in.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"e"}`)
	in.must(201, "POST", "/v1/spaces/b/functions", `{"functionId":"g","type":"test","provider":{"url":"u"}}`)
	in.must(204, "DELETE", "/v1/spaces/b/functions/g", "")
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"https://example.com/é","authorizerId":"f","schema":{"pattern":"<&>"},"schemaMode":"off"}`)
	in.must(201, "POST", "/v1/spaces/a/cors", `{"method":"GET","path":"/ü"}`)

	revision, entries := in.mirror.Entries()
	copied := unloadedInstance(t, s, configapi.Static{})
	loader := copied.mirror.Load()
	got := map[configapi.Key]configapi.Entry{}
	for change := range entries {
		loader.Add(change)
		if change.SpaceVersion {
			if want := s.versions[change.Entry.Key.Space]; change.Entry.ModRevision != want {
				t.Errorf("version of %s is %d, want %d", change.Entry.Key.Space, change.Entry.ModRevision, want)
			}
			continue
		}
		got[change.Entry.Key] = change.Entry
	}
	loader.Commit(revision)
	if !maps.EqualFunc(got, s.entries, func(a, b configapi.Entry) bool {
		return string(a.Value) == string(b.Value) && a.CreateRevision == b.CreateRevision && a.ModRevision == b.ModRevision
	}) {
		t.Errorf("got  %+v\nwant %+v", got, s.entries)
	}
	again := func(in *instance) string { return in.must(200, "GET", "/v1/spaces/a/subscriptions", "").body }
	if revision != in.mirror.Revision() || again(copied) != again(in) {
		t.Error("the copy differs")
	}
}

// Readers see whole revisions only: here, always as many functions as subscriptions.
func TestRevisionsAreSeenWhole(t *testing.T) {
	in := unloadedInstance(t, newStore(t), configapi.Static{})
	in.mirror.Load().Commit(0)
	const revisions = 300
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := int64(0); last < revisions; {
				snap := in.view.Snapshot()
				if snap.Functions.Len() != snap.Table.Len() || int64(snap.Table.Len()) != snap.Revision || snap.Revision < last {
					t.Errorf("revision %d after %d: %d functions, %d subscriptions", snap.Revision, last, snap.Functions.Len(), snap.Table.Len())
					return
				}
				last = snap.Revision
			}
		})
	}
	for i := range int64(revisions) {
		id := fmt.Sprintf("f%d", i)
		sub := testSubscription("a", "e", id, "/")
		in.mirror.Apply(i+1, []configapi.Change{
			{Entry: configapi.Entry{Key: key("a", configapi.Subscriptions, sub.ID), Value: []byte(encode(sub)), CreateRevision: i + 1, ModRevision: i + 1}},
			{Entry: configapi.Entry{Key: key("a", configapi.Functions, id), Value: []byte(encode(testFunction("a", id))), CreateRevision: i + 1, ModRevision: i + 1}},
		})
	}
	readers.Wait()
}
