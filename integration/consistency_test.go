package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// writes is how many subscriptions the consistency of reads is measured with.
const writes = 1000

// ledger is a function that counts how often it got each event, by its type, or by its path if it is an http event.
type ledger struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]int
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{got: map[string]int{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ev struct {
			Event string
			Data  struct{ Path string }
		}
		if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
			t.Errorf("the function got no event: %v", err)
		}
		name := ev.Event
		if name == "http" {
			name = ev.Data.Path
		}
		l.mu.Lock()
		l.got[name]++
		l.mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"statusCode":200,"body":%q}`, name)
	}))
	t.Cleanup(l.Close)
	return l
}

// exactlyOnce waits until every event has arrived, and checks that none did twice.
func (l *ledger) exactlyOnce(t *testing.T, names []string) {
	t.Helper()
	gatewaytest.Eventually(t, patience, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, name := range names {
			if l.got[name] == 0 {
				return fmt.Errorf("%d of %d events arrived, %s did not", len(l.got), len(names), name)
			}
		}
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, n := range l.got {
		if n != 1 {
			t.Errorf("%s arrived %d times", name, n)
		}
	}
}

// TestReadYourWrites sends an event right after the 201 for its subscription, to the instance that answered: every one
// must find its subscriber.
func TestReadYourWrites(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { readYourWrites(t, gatewaytest.Start(t)) })
	t.Run("cluster", func(t *testing.T) {
		cluster := etcdtest.Start(t, etcdtest.Options{})
		readYourWrites(t, gatewaytest.Start(t, onCluster(cluster)))
	})
}

func readYourWrites(t *testing.T, g *gatewaytest.Gateway) {
	t.Helper()
	fn := newLedger(t)
	mustAsk(t, 201, http.MethodPost, g.Config+"/v1/spaces/default/functions",
		fields{"functionId": "ledger", "type": "http", "provider": fields{"url": fn.URL}})
	subscriptions := g.Config + "/v1/spaces/default/subscriptions"
	var names []string
	var took []time.Duration
	for i := range writes {
		// Half of the events are custom ones, and half are requests.
		name := fmt.Sprintf("written.%d", i)
		sub := fields{"functionId": "ledger", "event": name}
		if i%2 == 1 {
			name = fmt.Sprintf("/written/%d", i)
			sub = fields{"functionId": "ledger", "event": "http", "method": "GET", "path": name}
		}
		names = append(names, name)
		start := time.Now()
		mustAsk(t, 201, http.MethodPost, subscriptions, sub)
		took = append(took, time.Since(start))
		if i%2 == 1 {
			if a := mustAsk(t, 200, http.MethodGet, g.Events+name, nil); a.body != name {
				t.Fatalf("%s was answered with %q", name, a.body)
			}
		} else {
			mustAsk(t, 202, http.MethodPost, g.Events+"/", fields{"n": i}, "Event", name)
		}
	}
	fn.exactlyOnce(t, names)
	t.Logf("%d of %d events sent right after the 201 found their subscription; a 201 took %s", len(names), writes, spread(took))
}

// TestSecondInstanceFollows measures how long after a 201 of one instance an event sent to another finds the subscription.
func TestSecondInstanceFollows(t *testing.T) {
	limit := 100 * time.Millisecond
	if gatewaytest.RaceEnabled {
		limit *= 3
	}
	cluster := etcdtest.Start(t, etcdtest.Options{})
	one, two := gatewaytest.Start(t, onCluster(cluster)), gatewaytest.Start(t, onCluster(cluster))
	fn := newLedger(t)
	mustAsk(t, 201, http.MethodPost, one.Config+"/v1/spaces/default/functions",
		fields{"functionId": "ledger", "type": "http", "provider": fields{"url": fn.URL}})
	var names []string
	var late []time.Duration
	for i := range writes {
		name := fmt.Sprintf("/seen/%d", i)
		names = append(names, name)
		mustAsk(t, 201, http.MethodPost, one.Config+"/v1/spaces/default/subscriptions",
			fields{"functionId": "ledger", "event": "http", "method": "GET", "path": name})
		// The time includes the call of the function: the subscription was found earlier than that.
		late = append(late, untilFound(t, two.Events+name))
	}
	fn.exactlyOnce(t, names)
	p99 := percentile(late, 99)
	t.Logf("after a 201 of one instance, an answer of the other took %s", spread(late))
	if p99 > limit {
		t.Errorf("p99 is %s, want at most %s", p99, limit)
	}
}

// untilFound asks again and again until the answer is no 404, and returns how long that took.
func untilFound(t *testing.T, url string) time.Duration {
	t.Helper()
	for start := time.Now(); ; {
		a, err := ask(http.MethodGet, url, nil)
		took := time.Since(start)
		switch {
		case err != nil:
			t.Fatal(err)
		case a.status == 200:
			return took
		case a.status != 404 || took > patience:
			t.Fatalf("%s: %d after %s: %s", url, a.status, took, a.body)
		}
	}
}

// percentile sorts the times and returns the one that p percent do not exceed.
func percentile(times []time.Duration, p int) time.Duration {
	slices.Sort(times)
	return times[(len(times)*p+99)/100-1]
}

func spread(times []time.Duration) string {
	round := func(p int) time.Duration { return percentile(times, p).Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %s, p99 %s, at most %s (%d times)", round(50), round(99), round(100), len(times))
}

// TestRevisionsGrow writes through two instances in turn: every answer has a higher revision than the one before, and no
// instance ever shows an older one than it has shown.
func TestRevisionsGrow(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	gateways := []*gatewaytest.Gateway{gatewaytest.Start(t, onCluster(cluster)), gatewaytest.Start(t, onCluster(cluster))}
	fn := func(n int) fields {
		return fields{
			"functionId": "fn", "type": "http", "provider": fields{"url": "http://127.0.0.1:1"},
			"metadata": fields{"n": fmt.Sprint(n)},
		}
	}
	const path = "/v1/spaces/default/functions"
	last := mustAsk(t, 201, http.MethodPost, gateways[0].Config+path, fn(0)).revision()
	waitRevision(t, gateways[1], last)

	var readers sync.WaitGroup
	done := make(chan struct{})
	for _, g := range gateways {
		readers.Go(func() {
			for seen := int64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				a, err := ask(http.MethodGet, g.Config+path, nil)
				if err != nil || a.status != 200 || a.revision() < seen || seen == 0 && a.revision() == 0 {
					t.Errorf("a list after revision %d: %d at revision %d, %v", seen, a.status, a.revision(), err)
					return
				}
				seen = a.revision()
			}
		})
	}
	for i := range 200 {
		a := mustAsk(t, 200, http.MethodPut, gateways[i%2].Config+path+"/fn", fn(i))
		if a.revision() <= last {
			t.Errorf("write %d was made at revision %d, the one before at %d", i, a.revision(), last)
		}
		last = a.revision()
		if etag := fmt.Sprintf(`"%d"`, last); a.header.Get("ETag") != etag {
			t.Errorf("ETag %s, want %s", a.header.Get("ETag"), etag)
		}
	}
	close(done)
	readers.Wait()
}

// TestConditionalWritesAcrossInstances lets two instances write with If-Match: a change made through one is never lost to
// a write through the other that did not know it.
func TestConditionalWritesAcrossInstances(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	one, two := gatewaytest.Start(t, onCluster(cluster)), gatewaytest.Start(t, onCluster(cluster))
	const path = "/v1/spaces/default/functions"
	fn := fields{"functionId": "fn", "type": "http", "provider": fields{"url": "http://127.0.0.1:1"}}
	created := mustAsk(t, 201, http.MethodPost, one.Config+path, fn)
	waitRevision(t, two, created.revision())
	tag := created.header.Get("ETag")
	if got := mustAsk(t, 200, http.MethodGet, two.Config+path+"/fn", nil).header.Get("ETag"); got != tag {
		t.Fatalf("the other instance shows the ETag %s, want %s", got, tag)
	}
	// Right after a write the other instance may not have seen it yet, and must refuse the old tag all the same.
	for i := range 100 {
		writer, other := one, two
		if i%2 == 1 {
			writer, other = two, one
		}
		a := mustAsk(t, 200, http.MethodPut, writer.Config+path+"/fn", fn, "If-Match", tag)
		mustAsk(t, 412, http.MethodPut, other.Config+path+"/fn", fn, "If-Match", tag)
		mustAsk(t, 412, http.MethodDelete, other.Config+path+"/fn", nil, "If-Match", tag)
		tag = a.header.Get("ETag")
	}
	// Of two writes at once with one tag, one is made.
	for i := range 50 {
		var answers [2]answer
		var errs [2]error
		var both sync.WaitGroup
		for n, g := range []*gatewaytest.Gateway{one, two} {
			waitRevision(t, g, created.revision())
			both.Go(func() {
				body := fn.with(fields{"metadata": fields{"by": fmt.Sprint(n), "round": fmt.Sprint(i)}})
				answers[n], errs[n] = ask(http.MethodPut, g.Config+path+"/fn", body, "If-Match", tag)
			})
		}
		both.Wait()
		made := slices.IndexFunc(answers[:], func(a answer) bool { return a.status == 200 })
		if made < 0 || answers[1-made].status != 412 {
			t.Fatalf("answers %v, errors %v, want 200 and 412", answers, errs)
		}
		tag, created = answers[made].header.Get("ETag"), answers[made]
		for _, g := range []*gatewaytest.Gateway{one, two} {
			waitRevision(t, g, created.revision())
			stored := mustAsk(t, 200, http.MethodGet, g.Config+path+"/fn", nil)
			var shown struct{ Metadata map[string]string }
			if err := json.Unmarshal([]byte(stored.body), &shown); err != nil || shown.Metadata["by"] != fmt.Sprint(made) ||
				stored.header.Get("ETag") != tag {
				t.Fatalf("round %d: instance %d wrote %s; stored is %s %s", i, made, tag, stored.header.Get("ETag"), stored.body)
			}
		}
	}
}
