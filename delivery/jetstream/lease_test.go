package jetstream

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

const (
	// shortTTL is one that is waited for; longTTL one that does not pass in a test.
	shortTTL = 2 * time.Second
	longTTL  = 5 * time.Minute
)

func keys(t *testing.T, i *instance) []string {
	t.Helper()
	lister, err := i.leases.kv.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for key := range lister.Keys() {
		all = append(all, key)
	}
	return all
}

func TestLeasesAreSharedEvenly(t *testing.T) {
	ref, url := newReferee(t), natsServer(t).ClientURL()
	a := ref.join("a", url, longTTL)
	ref.await(map[*instance]int{a: 7})
	b := ref.join("b", url, longTTL)
	awaitEven(ref, a, b)
	c := ref.join("c", url, longTTL)
	awaitEven(ref, a, b, c)
	// An instance that leaves gives up everything at once: the TTL does not pass here.
	began := time.Now()
	b.leave()
	awaitEven(ref, a, c)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("taking over after a farewell took %s", took)
	}
	a.leave()
	ref.await(map[*instance]int{c: 7})
	if all := keys(t, c); len(all) != 8 {
		t.Errorf("keys %v, want one of an instance and seven of partitions", all)
	}
	c.leave()
	<-c.done
	d := ref.join("d", url, longTTL)
	ref.await(map[*instance]int{d: 7})
}

// awaitEven waits until every one of the instances has its share and all partitions are worked on.
func awaitEven(ref *referee, instances ...*instance) {
	ref.t.Helper()
	low := testPartitions / len(instances)
	eventually(ref.t, "an even share", func() bool {
		ref.mu.Lock()
		defer ref.mu.Unlock()
		have := map[*instance]int{}
		for _, i := range ref.holders {
			have[i]++
		}
		for _, i := range instances {
			if have[i] < low || have[i] > low+1 {
				return false
			}
		}
		return len(ref.holders) == testPartitions
	})
}

func TestMoreInstancesThanPartitions(t *testing.T) {
	ref, url := newReferee(t), natsServer(t).ClientURL()
	var all []*instance
	for _, name := range strings.Split("abcdefghi", "") {
		all = append(all, ref.join(name, url, longTTL))
	}
	awaitEven(ref, all...)
}

func TestLeasesOfACrashedInstance(t *testing.T) {
	ref, url := newReferee(t), natsServer(t).ClientURL()
	a, b := ref.join("a", url, shortTTL), ref.join("b", url, shortTTL)
	awaitEven(ref, a, b)
	a.crash()
	ref.await(map[*instance]int{b: 7})
	if a.err == nil {
		t.Error("an instance without a connection went on")
	}
	b.crash()
	// Nobody is left who would remove what b had.
	c := ref.join("c", url, shortTTL)
	ref.await(map[*instance]int{c: 7})
	eventually(t, "the dead instances' keys to go", func() bool { return len(keys(t, c)) == 8 })
}

func TestAnInstanceThatIsCutOff(t *testing.T) {
	for name, cut := range map[string]func(interface{ Cut() }, interface{ Silence() }){
		"cut":     func(p interface{ Cut() }, _ interface{ Silence() }) { p.Cut() },
		"silence": func(_ interface{ Cut() }, p interface{ Silence() }) { p.Silence() },
	} {
		t.Run(name, func(t *testing.T) {
			ref, srv := newReferee(t), natsServer(t)
			proxy, url := behind(t, srv)
			a, b := ref.join("a", url, shortTTL), ref.join("b", srv.ClientURL(), shortTTL)
			awaitEven(ref, a, b)
			for range 2 {
				cut(proxy, proxy)
				// The referee sees to it that a gave up before b took over.
				ref.await(map[*instance]int{a: 0, b: 7})
				proxy.Cut()
				proxy.Mend()
				awaitEven(ref, a, b)
			}
		})
	}
}

func TestLeasesOutliveAShortOutage(t *testing.T) {
	ref, srv := newReferee(t), natsServer(t)
	proxy, url := behind(t, srv)
	// An answer that gets lost is waited for a sixth of the TTL, so it may not be a long one.
	a, b := ref.join("a", url, leaseTTL), ref.join("b", url, leaseTTL)
	awaitEven(ref, a, b)
	proxy.Cut()
	proxy.Mend()
	c := ref.join("c", srv.ClientURL(), leaseTTL)
	awaitEven(ref, a, b, c)
}

func TestAnOperatorRemovesLeases(t *testing.T) {
	ref, url := newReferee(t), natsServer(t).ClientURL()
	a := ref.join("a", url, shortTTL)
	ref.await(map[*instance]int{a: 7})
	dropped := make(chan struct{}, testPartitions)
	ref.change(func() {
		drop := a.leases.drop
		a.leases.drop = func(ctx context.Context, partitions []int) {
			drop(ctx, partitions)
			for range partitions {
				dropped <- struct{}{}
			}
		}
	})
	for _, key := range []string{partitionKey(3), partitionKey(5)} {
		if err := a.leases.kv.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		<-dropped
		ref.await(map[*instance]int{a: 7})
	}
	// Without its own key the instance begins anew.
	for _, key := range keys(t, a) {
		if strings.HasPrefix(key, memberPrefix) {
			if err := a.leases.kv.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range testPartitions {
		<-dropped
	}
	ref.await(map[*instance]int{a: 7})
}

func TestTheBucketIsRemoved(t *testing.T) {
	ref, srv := newReferee(t), natsServer(t)
	a := ref.join("a", srv.ClientURL(), shortTTL)
	ref.await(map[*instance]int{a: 7})
	js, err := jetstream.New(a.nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteKeyValue(t.Context(), a.leases.kv.Bucket()); err != nil {
		t.Fatal(err)
	}
	<-a.done
	if a.err == nil {
		t.Error("went on without a bucket")
	}
	ref.await(map[*instance]int{a: 0})
}

// TestAHolderThatNobodyKnows has partitions held by instances whose keys are gone, and so are the traces of their going.
func TestAHolderThatNobodyKnows(t *testing.T) {
	ref, srv := newReferee(t), natsServer(t)
	first := ref.join("first", srv.ClientURL(), longTTL)
	ref.await(map[*instance]int{first: 7})
	first.leave()
	<-first.done
	kv := first.leases.kv
	put := func(key, value string) {
		t.Helper()
		if _, err := kv.PutString(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	put(partitionKey(0), "forgotten")
	put(partitionKey(1), "buried-halfway")
	put(memberKey("buried-halfway"), "")
	put(partitionKey(2), "silent")
	put(memberKey("silent"), string(sightingOf("host", shortTTL)))
	put("something.else", "x")
	put(partitionPrefix+"x", "x")
	a := ref.join("a", srv.ClientURL(), shortTTL)
	b := ref.join("b", srv.ClientURL(), shortTTL)
	awaitEven(ref, a, b)
}

// TestOnlyASilentInstanceIsEvicted has an instance whose view of the others is out of date.
func TestOnlyASilentInstanceIsEvicted(t *testing.T) {
	ref, srv := newReferee(t), natsServer(t)
	a := ref.join("a", srv.ClientURL(), longTTL)
	ref.await(map[*instance]int{a: 7})
	var id string
	var revision uint64
	for _, key := range keys(t, a) {
		if name, ok := strings.CutPrefix(key, memberPrefix); ok {
			id = name
		}
	}
	standing := func() uint64 {
		t.Helper()
		e, err := a.leases.kv.Get(t.Context(), memberKey(id))
		if err != nil {
			t.Fatal(err)
		}
		return e.Revision()
	}
	revision = standing()
	behind := &member{
		leases: &leases{kv: a.leases.kv, partitions: testPartitions, ttl: longTTL, logger: testLogger(t)},
		id:     "behind", table: newTable(longTTL), own: map[int]uint64{}, sent: time.Now(),
	}
	long := time.Now().Add(-2 * longTTL)
	behind.table.members[id] = sighting{revision: revision + 1000, at: long, ttl: longTTL}
	if err := behind.evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen := behind.table.members[id]; seen.revision != revision || time.Since(seen.at) > patience {
		t.Errorf("it was not looked up: %+v", seen)
	}
	delete(behind.table.members, id)
	behind.table.leases[0] = lease{holder: id, revision: 1}
	behind.table.missing[id] = long
	if err := behind.evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if standing() != revision || behind.table.leases[0].orphaned {
		t.Error("an instance that lives was buried")
	}
	// One that has gone without a trace in the table is taken out of it, but its partitions are not free at once.
	behind.table.members["gone"] = sighting{revision: revision, at: long, ttl: longTTL}
	behind.table.leases[1] = lease{holder: "gone", revision: 1}
	if err := behind.evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := behind.table.missing["gone"]; !ok || behind.table.leases[1].orphaned {
		t.Errorf("table %+v", behind.table)
	}
	behind.table.missing["gone"] = long
	if err := behind.evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !behind.table.leases[1].orphaned {
		t.Error("an instance that has gone was not buried")
	}
}

// TestLeasesUnderTrouble joins, leaves, crashes and cuts off instances at random.
func TestLeasesUnderTrouble(t *testing.T) {
	steps := 25
	if long() {
		steps = 200
	}
	ref, srv := newReferee(t), natsServer(t)

	steady := ref.join("steady", srv.ClientURL(), shortTTL)
	var alive []*shaky
	for step := range steps {
		switch n := rand.IntN(5); {
		case n <= 1 && len(alive) < 4:
			proxy, url := behind(t, srv)
			alive = append(alive, &shaky{instance: ref.join("i"+string(rune('a'+step%26)), url, shortTTL), proxy: proxy})
		case len(alive) == 0:
		case n == 2:
			alive[0].leave()
			alive = alive[1:]
		case n == 3:
			alive[0].crash()
			alive = alive[1:]
		default:
			alive[len(alive)-1].toggle()
		}
		// Some of the time it settles before the next step.
		if rand.IntN(3) == 0 {
			all := []*instance{steady}
			for _, s := range alive {
				if !s.cut {
					all = append(all, s.instance)
				}
			}
			awaitEven(ref, all...)
		}
	}
	for _, s := range alive {
		s.leave()
	}
	ref.await(map[*instance]int{steady: 7})
}

// shaky is an instance with a bad connection.
type shaky struct {
	*instance
	proxy *etcdtest.Proxy
	cut   bool
}

func (s *shaky) toggle() {
	if s.cut = !s.cut; s.cut {
		s.proxy.Cut()
	} else {
		s.proxy.Mend()
	}
}
