package queuetest

import (
	"reflect"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway/delivery"
)

var backendTests = []test{
	{name: "module", run: (*suite).testModule},
	{name: "validates", run: (*suite).testValidate},
	{name: "identity", run: (*suite).testIdentity},
	{name: "hands over nothing before it is started", run: (*suite).testUnstarted},
	{name: "reconfigured", run: (*suite).testReconfigure},
}

// testModule checks that Caddy finds the queue, and that it can be configured in a Caddyfile.
func (s *suite) testModule() {
	info, err := caddy.GetModule(delivery.Namespace + "." + s.Name)
	if err != nil {
		s.Fatal(err)
	}
	module := info.New()
	if _, ok := module.(delivery.Backend); !ok {
		s.Errorf("the module %T is no delivery.Backend", module)
	}
	if _, ok := module.(caddyfile.Unmarshaler); !ok {
		s.Errorf("the module %T is no caddyfile.Unmarshaler", module)
	}
	if got, want := reflect.TypeOf(s.Backend()), reflect.TypeOf(module); got != want {
		s.Errorf("the backend under test is a %s, that of the module a %s", got, want)
	}
	if info.New() == info.New() {
		s.Error("the module is the same for all configurations")
	}
}

func (s *suite) testValidate() {
	for _, b := range []delivery.Backend{s.Backend(), s.Bounded(0, 0), s.Bounded(time.Second, 1<<20)} {
		for range 2 {
			if err := b.Validate(); err != nil {
				s.Errorf("a configuration is refused that should not be: %v", err)
			}
		}
	}
}

// testIdentity checks that settings of one queue do not make two of it.
func (s *suite) testIdentity() {
	id := s.Backend().Identity(s.Env)
	if id == "" {
		s.Fatal("the identity is empty")
	}
	for _, b := range []delivery.Backend{s.Backend(), s.Bounded(time.Hour, 2<<20)} {
		if got := b.Identity(s.Env); got != id {
			s.Errorf("got identity %q, want %q", got, id)
		}
	}
	l := s.Backend().Limits()
	if l.Deliveries < 0 || l.Bytes < 0 || l.PerFunction < 0 || l.Concurrency < 0 {
		s.Errorf("a limit is negative: %+v", l)
	}
}

// testUnstarted checks that an opened log waits for a receiver.
func (s *suite) testUnstarted() {
	q := s.open()
	q.append(work("a"))
	q.await("a")
	q.close()
	q = s.openUnstarted(s.Backend())
	q.Status()
	if count, _ := q.DeadLetters().Count(); count != 0 {
		s.Errorf("%d dead letters are there before there was one", count)
	}
	if n := len(q.all()); n > 0 {
		s.Errorf("%d records are handed over to nobody", n)
	}
	q.Start(q.receiver)
	q.caughtUp()
	if s.Durable {
		q.only("a")
	}
}

// testReconfigure has a log in use follow another configuration: what it has stays.
func (s *suite) testReconfigure() {
	q := s.open()
	q.append(work("a"))
	q.await("a")
	s.fill(q, 4)
	for _, b := range []delivery.Backend{s.Backend(), s.Bounded(0, 1<<20)} {
		if err := q.Reconfigure(b); err != nil {
			s.Fatalf("Reconfigure: %v", err)
		}
	}
	s.eventually("dead letters are bounded as configured now", func() bool {
		count, bytes := q.DeadLetters().Count()
		return bytes <= 1<<20 && count > 0
	})
	q.append(work("b"))
	q.await("a", "b")
	q.Finish(q.record("a"))
	s.eventually("one record is left", func() bool { return q.Status().Records == 1 })
}

var statusTests = []test{
	{name: "counts", run: (*suite).testStatus},
	{name: "when it is closed", run: (*suite).testStatusClosed},
}

func (s *suite) testStatus() {
	q := s.open()
	q.ready()
	status := q.Status()
	if status.Name != s.Name || status.Durable != s.Durable || status.Error != "" || status.Records != 0 {
		s.Errorf("got %+v", status)
	}
	empty := status.Bytes
	large := work("a")
	large.Event.Data = make([]byte, 100_000)
	for i := range large.Event.Data {
		large.Event.Data[i] = byte(i*i>>3 ^ i*31) // not too easy to compress
	}
	q.append(large)
	q.append(works("b", "c")...)
	q.await("a", "b", "c")
	s.eventually("two records are counted", func() bool { return q.Status().Records == 2 })
	s.eventually("their bytes are counted", func() bool { return q.Status().Bytes >= empty+1000 })
	q.Finish(q.record("a"))
	s.eventually("one record is left", func() bool { return q.Status().Records == 1 })
	s.eventually("its bytes are not counted", func() bool { return q.Status().Bytes < empty+100_000 })
	q.Finish(q.record("b"))
	s.eventually("no record is left", func() bool { return q.Status().Records == 0 })
	s.eventually("no bytes are counted", func() bool { return q.Status().Bytes <= empty })
	sorted := slices.Compact(slices.Sorted(slices.Values(q.Status().Partitions)))
	if partitions := q.Status().Partitions; !slices.Equal(partitions, sorted) {
		s.Errorf("the partitions are %v, want each once, in order", partitions)
	}
}

func (s *suite) testStatusClosed() {
	q := s.open()
	q.ready()
	q.close()
	if status := q.Status(); status.State != "unavailable" || status.Error == "" || status.Name != s.Name {
		s.Errorf("got %+v, want unavailable and why", status)
	}
}
