package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/matcher"
)

// longVariable has tests of chance run for a minute in place of seconds.
const longVariable = "EVENT_GATEWAY_LONG"

// racePaths are routes most of which cannot stand beside most others.
var racePaths = []string{"/", "/a", "/:x", "/:y", "/a/b", "/a/:p", "/a/:q", "/:x/b", "/*rest", "/a/*rest", "/a/b/c"}

// raceOutcomes are the statuses each operation may have; the first is success. 400 says that the function does not exist.
var raceOutcomes = map[string][]int{
	"create function":     {201, 409, 503},
	"delete function":     {204, 404, 409, 503},
	"create subscription": {201, 400, 409, 503},
	"delete subscription": {204, 404, 503},
}

// TestConfigRaces has eight clients on two instances create and delete functions and conflicting routes. etcd's own history
// is the judge: after every revision each subscription has its function and no two conflict, and what a client was told is
// what happened at the revision it was told.
func TestConfigRaces(t *testing.T) {
	duration := 5 * time.Second
	if os.Getenv(longVariable) == "1" {
		duration = time.Minute
	}
	cluster := etcdtest.Start(t, etcdtest.Options{})
	gateways := []*gatewaytest.Gateway{gatewaytest.Start(t, onCluster(cluster)), gatewaytest.Start(t, onCluster(cluster))}
	racers := make([]*racer, 8)
	var running sync.WaitGroup
	end := time.Now().Add(duration)
	for i := range racers {
		racers[i] = &racer{base: gateways[i%2].Config + "/v1/spaces/race/", outcomes: map[string]int{}, made: map[int64]string{}}
		running.Go(func() {
			for time.Now().Before(end) && racers[i].err == nil {
				racers[i].err = racers[i].step()
			}
		})
	}
	running.Wait()

	made, outcomes := map[int64]string{}, map[string]int{}
	for _, r := range racers {
		if r.err != nil {
			t.Error(r.err)
		}
		for outcome, n := range r.outcomes {
			outcomes[outcome] += n
		}
		for revision, what := range r.made {
			if made[revision] != "" {
				t.Errorf("two writes were told revision %d: %s, %s", revision, made[revision], what)
			}
			made[revision] = what
		}
	}
	refused := 0
	for operation, statuses := range raceOutcomes {
		for i, status := range statuses {
			n := outcomes[fmt.Sprint(operation, " ", status)]
			t.Logf("%s: %d answered with %d", operation, n, status)
			if status == 503 {
				refused += n
			} else if n == 0 && i < 2 {
				t.Errorf("no %s was answered with %d: the race proves nothing", operation, status)
			}
		}
	}
	final := replay(t, cluster, made, refused)
	for _, g := range gateways {
		waitRevision(t, g, final.revision)
		for _, kind := range []string{"functions", "subscriptions"} {
			if got, want := listIDs(t, g, kind), final.ids(kind); !slices.Equal(got, want) {
				t.Errorf("a gateway lists the %s %v, etcd holds %v", kind, got, want)
			}
		}
	}
}

// racer is one client. It does not know what the others do.
type racer struct {
	base     string
	outcomes map[string]int
	// made holds what succeeded, as "put <key>" or "delete <key>", by its revision.
	made map[int64]string
	err  error
}

// step makes one write by chance.
func (r *racer) step() error {
	fn := fmt.Sprintf("f%d", rand.IntN(4))
	sub := &eventgateway.Subscription{
		Space: "race", Event: "http", Method: "GET", FunctionID: fn, Path: racePaths[rand.IntN(len(racePaths))],
	}
	sub.Normalize() // the ID is known from what it is
	switch rand.IntN(4) {
	case 0:
		return r.write("create function", http.MethodPost, "functions", "functions/"+fn,
			fields{"functionId": fn, "type": "http", "provider": fields{"url": "http://127.0.0.1:1"}})
	case 1:
		return r.write("delete function", http.MethodDelete, "functions/"+fn, "functions/"+fn, nil)
	case 2:
		return r.write("create subscription", http.MethodPost, "subscriptions", "subscriptions/"+sub.ID,
			fields{"functionId": fn, "event": sub.Event, "method": sub.Method, "path": sub.Path})
	default:
		return r.write("delete subscription", http.MethodDelete, "subscriptions/"+sub.ID, "subscriptions/"+sub.ID, nil)
	}
}

func (r *racer) write(operation, method, path, key string, body any) error {
	a, err := ask(method, r.base+path, body)
	if err != nil {
		return err
	}
	r.outcomes[fmt.Sprint(operation, " ", a.status)]++
	switch allowed := raceOutcomes[operation]; {
	case !slices.Contains(allowed, a.status):
		return fmt.Errorf("%s %s: %d, want one of %v: %s", operation, key, a.status, allowed, a.body)
	case a.status == allowed[0] && a.revision() == 0:
		return fmt.Errorf("%s %s: %d without a revision", operation, key, a.status)
	case a.status == 201:
		r.made[a.revision()] = "put " + key
	case a.status == 204:
		r.made[a.revision()] = "delete " + key
	}
	return nil
}

// raceState is what etcd holds in the space at a revision.
type raceState struct {
	revision      int64
	functions     map[string]bool
	subscriptions map[string]*eventgateway.Subscription
	table         *matcher.Table
}

func (s *raceState) ids(kind string) (ids []string) {
	for id := range s.functions {
		if kind == "functions" {
			ids = append(ids, id)
		}
	}
	for id := range s.subscriptions {
		if kind == "subscriptions" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// replay follows etcd's history from its beginning, checks it revision by revision, and returns the last state. made is what
// clients were told; refused how many writes may have been made besides.
func replay(t *testing.T, cluster *etcdtest.Cluster, made map[int64]string, refused int) *raceState {
	t.Helper()
	const prefix = "/event-gateway/v1/race/"
	client := cluster.Client()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	now, err := client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for _, kv := range now.Kvs {
		last = max(last, kv.ModRevision) // at least the version of the space
	}
	s := &raceState{functions: map[string]bool{}, subscriptions: map[string]*eventgateway.Subscription{}}
	changes, untold := 0, 0
	for resp := range client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(1)) {
		if err := resp.Err(); err != nil {
			t.Fatal(err)
		}
		for _, ev := range resp.Events {
			key := strings.TrimPrefix(string(ev.Kv.Key), prefix)
			if key == "version" {
				continue
			}
			s.revision = ev.Kv.ModRevision
			changes++
			what := map[bool]string{false: "put ", true: "delete "}[ev.Type == clientv3.EventTypeDelete] + key
			if told, ok := made[s.revision]; !ok {
				untold++
			} else if told != what {
				t.Errorf("at revision %d etcd did %q, a client was told %q", s.revision, what, told)
			}
			delete(made, s.revision)
			if err := s.apply(ev, key); err != nil {
				t.Errorf("at revision %d, %s: %v", s.revision, what, err)
			}
		}
		if resp.Header.Revision >= last && s.revision >= last {
			break
		}
	}
	if s.revision < last {
		t.Fatalf("the history ended at %d, want %d", s.revision, last)
	}
	for revision, what := range made {
		t.Errorf("a client was told %q at revision %d, etcd has nothing there", what, revision)
	}
	if untold > refused {
		t.Errorf("%d changes in etcd were acknowledged to nobody, %d writes were refused", untold, refused)
	}
	t.Logf("%d changes looked at; %d functions and %d subscriptions at the end", changes, len(s.functions), len(s.subscriptions))
	return s
}

// apply makes one change and reports what is wrong with it.
func (s *raceState) apply(ev *clientv3.Event, key string) error {
	kind, id, _ := strings.Cut(key, "/")
	deleted := ev.Type == clientv3.EventTypeDelete
	if !deleted && !ev.IsCreate() {
		return errors.New("it replaced what was there")
	}
	switch {
	case kind == "functions" && deleted:
		delete(s.functions, id)
		for _, sub := range s.subscriptions {
			if sub.FunctionID == id {
				return fmt.Errorf("subscription %s %s is left without its function", sub.ID, sub.Path)
			}
		}
	case kind == "functions":
		s.functions[id] = true
	case deleted:
		s.table = s.table.Delete(s.subscriptions[id])
		delete(s.subscriptions, id)
	default:
		sub := &eventgateway.Subscription{}
		if err := json.Unmarshal(ev.Kv.Value, sub); err != nil {
			return err
		}
		sub.Normalize()
		sub.Space = "race"
		if sub.ID != id {
			return fmt.Errorf("the subscription is %s", sub.ID)
		}
		_, conflict := s.table.Conflict(sub)
		s.subscriptions[id], s.table = sub, s.table.Insert(sub)
		if !s.functions[sub.FunctionID] {
			return fmt.Errorf("function %s does not exist", sub.FunctionID)
		}
		if conflict != "" {
			return errors.New(conflict)
		}
	}
	return nil
}

func listIDs(t *testing.T, g *gatewaytest.Gateway, kind string) (ids []string) {
	t.Helper()
	var list map[string][]struct{ FunctionID, SubscriptionID string }
	if err := json.Unmarshal(g.Do(http.MethodGet, g.Config+"/v1/spaces/race/"+kind, nil, 200), &list); err != nil {
		t.Fatal(err)
	}
	for _, resource := range list[kind] {
		id := resource.FunctionID
		if kind == "subscriptions" {
			id = resource.SubscriptionID
		}
		ids = append(ids, id)
	}
	return ids
}
