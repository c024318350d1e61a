package configapi_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

func TestReadYourWrites(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
	for i := range 1000 {
		path := fmt.Sprintf("/p%d", i)
		a := in.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"http","method":"GET","path":"`+path+`"}`)
		if find(in.view, "a", "http", path) != "f" {
			t.Fatalf("subscription %d of 1000 is not there after its 201", i)
		}
		if a.Header().Get("Event-Gateway-Revision") != fmt.Sprint(i+2) {
			t.Fatalf("revision %s, want %d", a.Header().Get("Event-Gateway-Revision"), i+2)
		}
	}
}

// Writers of two instances create and delete functions and routes that exclude each other. Whatever they are told, the
// store never holds a subscription without its functions nor two conflicting routes.
func TestConcurrentWritersBreakNoRule(t *testing.T) {
	s := newStore(t)
	instances := []*instance{newInstance(t, s, configapi.Static{}), newInstance(t, s, configapi.Static{})}
	paths := []string{"/users/:id", "/users/me", "/users/:name", "/:a/:b", "/users/*rest"}
	var writers sync.WaitGroup
	for n := range 8 {
		in, random := instances[n%2], rand.New(rand.NewPCG(uint64(n), 7))
		writers.Go(func() {
			for range 150 {
				f := fmt.Sprintf("f%d", random.IntN(3))
				sub := testSubscription("a", "http", f, paths[random.IntN(len(paths))])
				var a answer
				switch random.IntN(10) {
				case 0:
					a = in.do("POST", "/v1/spaces/a/functions", `{"functionId":"`+f+`","type":"test","provider":{"url":"u"}}`)
				case 1:
					a = in.do("DELETE", "/v1/spaces/a/functions/"+f, "")
				case 2:
					a = in.do("DELETE", "/v1/spaces/a/subscriptions/"+sub.ID, "")
				case 3:
					a = in.do("POST", "/v1/spaces/a/subscriptions",
						fmt.Sprintf(`{"functionId":%q,"event":"http","method":"GET","path":%q}`, f, sub.Path))
				case 4:
					a = in.do("POST", "/v1/spaces/a/subscriptions", fmt.Sprintf(`{"functionId":%q,"event":"e",%s}`, f, deadLetterTo(random)))
				case 5:
					a = in.do("PUT", "/v1/spaces/a/subscriptions/"+id("a", "e", f, "/"), `{`+deadLetterTo(random)+`}`)
				case 6:
					a = in.do("DELETE", "/v1/spaces/a/subscriptions/"+id("a", "e", f, "/"), "")
				case 7:
					a = in.do("POST", "/v1/spaces/a/eventtypes", `{"name":"e","authorizerId":"`+f+`"}`)
				case 8:
					a = in.do("PUT", "/v1/spaces/a/eventtypes/e", `{"authorizerId":"`+f+`"}`)
				case 9:
					a = in.do("DELETE", "/v1/spaces/a/eventtypes/e", "")
				}
				if a.Code >= 500 {
					t.Errorf("got %d %s", a.Code, a.body)
					return
				}
			}
		})
	}
	writers.Wait()
	checkRules(t, s)
}

func deadLetterTo(random *rand.Rand) string {
	return fmt.Sprintf(`"delivery":{"deadLetter":"f%d"}`, random.IntN(3))
}

// checkRules replays everything that ever happened and checks the rules after each revision.
func checkRules(t *testing.T, s *store) {
	t.Helper()
	in := unloadedInstance(t, newStore(t), configapi.Static{})
	registered, deleted := false, 0
	for i, changes := range s.log {
		in.mirror.Apply(int64(i+1), changes)
		_, entries := in.mirror.Entries()
		table := in.view.Snapshot().Table
		et := in.view.Snapshot().EventType("a", "e")
		if et != nil && handle(in.view, "a", et.AuthorizerID) == nil {
			t.Fatalf("revision %d: event type e has no authorizer %s", i+1, et.AuthorizerID)
		}
		if registered && et == nil {
			deleted++
			if _, listeners := configapi.Listeners(in.view, "a", "e"); len(listeners) > 0 {
				t.Fatalf("revision %d: event type e was deleted, though %v are to it", i+1, listeners)
			}
		}
		registered = et != nil
		for change := range entries {
			if change.SpaceVersion || change.Entry.Key.Kind != configapi.Subscriptions {
				continue
			}
			sub := decode[eventgateway.Subscription](t, change.Entry.Value)
			if handle(in.view, sub.Space, sub.FunctionID) == nil {
				t.Fatalf("revision %d: subscription %s has no function %s", i+1, sub.ID, sub.FunctionID)
			}
			if sub.Delivery != nil && handle(in.view, sub.Space, sub.Delivery.DeadLetter) == nil {
				t.Fatalf("revision %d: subscription %s has no dead letter function %s", i+1, sub.ID, sub.Delivery.DeadLetter)
			}
			if other, reason := table.Conflict(sub); other != nil {
				t.Fatalf("revision %d: %s", i+1, reason)
			}
		}
	}
	if len(s.log) < 50 || deleted == 0 {
		t.Errorf("only %d revisions, %d of them deleted the event type: the writers did nothing", len(s.log), deleted)
	}
}

// A write decided on what has changed since is decided again, on what the mirror shows then.
func TestOvertakenWriteIsDecidedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		one, two := newInstance(t, s, configapi.Static{}), newInstance(t, s, configapi.Static{})
		one.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
		two.wait(1)
		slow := unloadedInstance(t, s, configapi.Static{})
		s.list(slow.mirror)
		one.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"e"}`)

		told := make(chan answer)
		go func() { told <- slow.do("DELETE", "/v1/spaces/a/functions/f", "") }()
		synctest.Wait()
		select {
		case a := <-told:
			t.Fatalf("decided without what it has not seen: %d %s", a.Code, a.body)
		default:
		}
		slow.mirror.Apply(2, s.log[1])
		if a := <-told; a.Code != 409 || !strings.Contains(a.message(), "in use by subscription") {
			t.Errorf("got %d %s", a.Code, a.body)
		}
		s.set(func() { s.closed = true })
	})
}

func TestWriteThatIsNotSeenSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		in := unloadedInstance(t, s, configapi.Static{})
		s.list(in.mirror)
		a := in.must(503, "POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u"}}`)
		if !strings.HasPrefix(a.message(), "the change was made, at revision 1, but") || a.Header().Get("Retry-After") != "1" {
			t.Errorf("got %s", a.body)
		}
		a = in.must(503, "POST", "/v1/functions", `{"functionId":"g","provider":{"type":"test","url":"u"}}`)
		if !strings.HasPrefix(a.message(), `nothing was changed: others are changing space "default"`) {
			t.Errorf("got %s", a.body)
		}
	})
}

func TestStoreOutOfReach(t *testing.T) {
	s := newStore(t)
	in := unloadedInstance(t, s, configapi.Static{})
	for _, request := range [][2]string{
		{"GET", "/v1/functions"}, {"GET", "/v1/spaces/a/subscriptions/x"}, {"DELETE", "/v1/functions/f"},
	} {
		a := in.must(503, request[0], request[1], "")
		if !strings.Contains(a.message(), "has not been loaded") || a.Header().Get("Retry-After") != "1" {
			t.Errorf("%v: %s", request, a.body)
		}
	}
	s.list(in.mirror)
	s.set(func() { s.down = true })
	in.must(200, "GET", "/v1/functions", "")
	a := in.must(503, "POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u"}}`)
	if a.message() != "the store is out of reach: nothing was changed" {
		t.Errorf("got %s", a.body)
	}
	if a := in.must(200, "GET", "/v1/status", ""); a.field("store").(map[string]any)["state"] != "disconnected" {
		t.Errorf("got %s", a.body)
	}
}

// Writers of one instance queue up for their space instead of overtaking each other.
func TestWritersOfOneInstanceDoNotCollide(t *testing.T) {
	s := newStore(t)
	in := newInstance(t, s, configapi.Static{})
	var writers sync.WaitGroup
	for n := range 20 {
		writers.Go(func() {
			body := fmt.Sprintf(`{"functionId":"f%d","provider":{"type":"test","url":"u"}}`, n)
			if a := in.do("POST", "/v1/functions", body); a.Code != 200 {
				t.Errorf("got %d %s", a.Code, a.body)
			}
		})
	}
	writers.Wait()
	if s.commits != 20 {
		t.Errorf("%d commits for 20 writes", s.commits)
	}
}

func TestFunctionInUse(t *testing.T) {
	fixed := testSubscription("a", "e", "f", "/static")
	in := newInstance(t, newStore(t), static(nil, fixed))
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
	message := in.must(409, "DELETE", "/v1/spaces/a/functions/f", "").message()
	if want := `function "f" is in use by subscription ` + fixed.ID + `: delete what uses it first`; message != want {
		t.Errorf("got %s", message)
	}
	for i := range 6 {
		in.must(201, "POST", "/v1/spaces/a/subscriptions", fmt.Sprintf(`{"functionId":"f","event":"e%d"}`, i))
	}
	message = in.must(409, "DELETE", "/v1/spaces/a/functions/f", "").message()
	if !strings.Contains(message, "in use by 7 subscriptions, among them ") || strings.Count(message, ", ") != 5 {
		t.Errorf("got %s", message)
	}
}
