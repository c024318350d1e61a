package configapi_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

const fullDelivery = `"delivery":{"attempts":7,"backoff":{"initial":"1.5s","factor":1.5,"maximum":"1m0s","jitter":0},"maxAge":"48h0m0s",` +
	`"timeout":"10s","retryOn":["503","4xx","timeout"],"deadLetter":"dead","orderingKey":"data.customer + '/' + string(data.n)"}`

func twoFunctions(t *testing.T, static configapi.Static) *instance {
	in := newInstance(t, newStore(t), static)
	in.must(200, "POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u"}}`)
	in.must(200, "POST", "/v1/functions", `{"functionId":"dead","provider":{"type":"test","url":"u"}}`)
	return in
}

func TestSubscriptionsWithDelivery(t *testing.T) {
	in := twoFunctions(t, configapi.Static{})
	sub := id("", "made", "f", "/")
	const path = "/v1/spaces/default/subscriptions"
	shown := func(more string) string {
		return fmt.Sprintf(`{"space":"default","subscriptionId":"%s","type":"async","event":"made","eventType":"made","functionId":"f",`+
			`"method":"POST","path":"/"%s}`, sub, more)
	}
	of := path + "/" + sub
	everything := shown("," + fullDelivery + `,"paused":true,"metadata":{"k":"v"}`)
	in.play([]step{
		{"POST", path, `{"functionId":"f","event":"made","metadata":{"k":"v"},"paused":true,` + fullDelivery + `}`, 201, everything},
		{"GET", of, "", 200, everything},
		{"GET", path, "", 200, `{"subscriptions":[` + everything + `]}`},
		{"PUT", of, everything, 200, everything},
		{
			"GET", "/v1/subscriptions/" + sub, "", 200,
			`{"subscriptionId":"` + sub + `","event":"made","functionId":"f","method":"POST","path":"/",` + fullDelivery +
				`,"paused":true,"metadata":{"k":"v"}}`,
		},
		{"PUT", of, `{"delivery":{"retryOn":[503,"5xx"]}}`, 200, shown(`,"delivery":{"retryOn":["503","5xx"]},"paused":true`)},
		{"PUT", of, `{"delivery":{},"paused":null}`, 200, shown(`,"paused":true`)},
		{"PUT", of, `{"delivery":{"attempts":null,"backoff":{},"retryOn":[],"deadLetter":""}}`, 200, shown(`,"paused":true`)},
		{"PUT", of, `{"delivery":null,"paused":false}`, 200, shown("")},
		{"PUT", of, `{` + fullDelivery + `,"paused":true}`, 200, shown("," + fullDelivery + `,"paused":true`)},
		{"PUT", of, `{}`, 200, shown(`,"paused":true`)},
		{"PUT", of, everything, 200, everything},
	})
	copied := newInstance(t, in.store, configapi.Static{}) // it reads what was stored
	if got := copied.must(200, "GET", of, ""); strings.TrimSpace(got.body) != everything {
		t.Errorf("another instance shows %s", got.body)
	}
}

func TestFunctionsWithConcurrency(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	const path, with = "/v1/spaces/a/functions", `{"space":"a","functionId":"f","type":"test","provider":{"url":"u"},"concurrency":3}`
	in.play([]step{
		{"POST", path, with, 201, with},
		{"GET", path + "/f", "", 200, with},
		{"PUT", path + "/f", `{"type":"test","provider":{"url":"u"},"concurrency":0}`, 200, strings.Replace(with, `,"concurrency":3`, "", 1)},
		{"PUT", path + "/f", with, 200, with},
	})
	if got := handle(in.view, "a", "f").Function.Concurrency; got != 3 {
		t.Errorf("the snapshot has %d", got)
	}
}

// Fields a later version adds are left alone; a policy this version does not accept is not guessed at.
func TestStoredDelivery(t *testing.T) {
	s := newStore(t)
	later, broken := testSubscription("a", "e", "f", "/"), testSubscription("a", "e", "g", "/")
	stored := func(sub *eventgateway.Subscription, delivery string) {
		value := strings.TrimSuffix(encode(sub), "}") + `,"delivery":` + delivery + `}`
		s.put(key("a", configapi.Subscriptions, sub.ID), value)
	}
	stored(later, `{"attempts":2,"backoff":{"initial":"2s","shape":"later"},"later":{"a":1}}`)
	stored(broken, `{"attempts":1000}`)
	in := newInstance(t, s, configapi.Static{})
	if got := in.view.Snapshot().Subscription("a", later.ID); got == nil || got.Delivery.Attempts != 2 ||
		time.Duration(got.Delivery.Backoff.Initial) != 2*time.Second {
		t.Errorf("got %+v", got)
	}
	if in.view.Snapshot().Subscription("a", broken.ID) != nil || in.mirror.Skipped() != 1 {
		t.Errorf("%d entries were skipped", in.mirror.Skipped())
	}
	if !strings.Contains(in.log.String(), "field=delivery.attempts") {
		t.Errorf("logged %s", in.log)
	}
}

func TestPauseAndResume(t *testing.T) {
	hidden := testSubscription("", "static", "f", "/")
	in := twoFunctions(t, static(nil, hidden))
	made := in.must(201, "POST", "/v1/spaces/default/subscriptions", `{"functionId":"f","event":"made",`+fullDelivery+`}`)
	sync := in.must(201, "POST", "/v1/spaces/default/subscriptions", `{"functionId":"f","event":"asked","type":"sync"}`)
	path := "/v1/spaces/default/subscriptions/" + made.field("subscriptionId").(string)
	resumed := made.body
	paused := strings.Replace(resumed, "}}\n", `},"paused":true}`+"\n", 1)
	tag := func() string { return in.must(200, "GET", path, "").Header().Get("ETag") }
	play := func(action, want string) answer {
		t.Helper()
		a := in.must(200, "POST", path+action, "")
		if a.body != want || a.Header().Get("ETag") != tag() || a.Header().Get("Event-Gateway-Revision") == "" {
			t.Errorf("%s: got %v %s, the ETag is %s", action, a.Header(), a.body, tag())
		}
		if got := in.must(200, "GET", path, ""); got.body != want {
			t.Errorf("%s: afterwards %s", action, got.body)
		}
		if id := made.field("subscriptionId").(string); in.view.Snapshot().Subscription("default", id).Paused != (want == paused) {
			t.Errorf("%s: not in the snapshot", action)
		}
		return a
	}
	play("/resume", resumed)
	before := tag()
	play("/pause", paused)
	once := tag()
	play("/pause", paused)
	if once == before || tag() != once {
		t.Errorf("the ETag goes from %s over %s to %s", before, once, tag())
	}
	play("/resume", resumed)

	in.must(412, "POST", path+"/pause", "", "If-Match", once)
	in.must(200, "POST", path+"/pause", "", "If-Match", tag())
	in.must(412, "POST", path+"/pause", "", "If-Match", once)
	first := strings.Replace(path, "/spaces/default", "", 1)
	if a := in.must(200, "POST", first+"/resume", ""); a.field("space") != nil || a.field("paused") != nil || a.field("delivery") == nil {
		t.Errorf("got %s", a.body)
	}
	for _, test := range []struct {
		status     int
		path, want string
	}{
		{404, "/v1/spaces/other/subscriptions/" + hidden.ID, `subscription "` + hidden.ID + `" does not exist in space "other"`},
		{
			400, "/v1/spaces/default/subscriptions/" + sync.field("subscriptionId").(string),
			`type: "sync" is not accepted: want an async subscription: only what nobody waits for can be paused and resumed`,
		},
		{
			409, "/v1/subscriptions/" + hidden.ID,
			`subscription "` + hidden.ID + `" comes from the server's own configuration and can only be changed there`,
		},
	} {
		for _, action := range []string{"/pause", "/resume"} {
			if got := in.must(test.status, "POST", test.path+action, "").message(); got != test.want {
				t.Errorf("%s: got %s", test.path+action, got)
			}
		}
	}
	in.must(405, "GET", path+"/pause", "")
	in.must(400, "POST", path+"/pause?for=1h", "")
	in.must(403, "POST", path+"/pause", "", "Origin", "https://evil.example")
}

// A subscription whose expressions this version cannot compile can be paused all the same.
func TestPauseOfALaterVersionsSubscription(t *testing.T) {
	s := newStore(t)
	sub := testSubscription("a", "made", "f", "/")
	sub.Filter = "data.n.helperOfALaterVersion()"
	s.put(key("a", configapi.Subscriptions, sub.ID), encode(sub))
	in := newInstance(t, s, configapi.Static{})
	a := in.must(200, "POST", "/v1/spaces/a/subscriptions/"+sub.ID+"/pause", "")
	if a.field("paused") != true || a.field("filter") != sub.Filter {
		t.Errorf("got %s", a.body)
	}
}

// An instance that has not yet seen that another one resumed a subscription does not take it for paused.
func TestPauseOnWhatHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		one := newInstance(t, s, configapi.Static{})
		one.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
		one.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"e","paused":true}`)
		slow := unloadedInstance(t, s, configapi.Static{})
		s.list(slow.mirror)
		path := "/v1/spaces/a/subscriptions/" + id("a", "e", "f", "/")
		one.must(200, "POST", path+"/resume", "")

		told := make(chan answer)
		go func() { told <- slow.do("POST", path+"/pause", "") }()
		synctest.Wait() // its write was refused, and it waits for what has changed
		s.follow(t, slow.mirror)
		if a := <-told; a.Code != 200 || a.field("paused") != true {
			t.Errorf("got %d %s", a.Code, a.body)
		}
		one.wait(4)
		if one.must(200, "GET", path, "").field("paused") != true {
			t.Error("it is not paused")
		}
		s.set(func() { s.closed = true })
	})
}

func TestDeadLetterFunctionIsInUse(t *testing.T) {
	in := twoFunctions(t, configapi.Static{})
	const subscriptions, dead = "/v1/spaces/default/subscriptions", "/v1/spaces/default/functions/dead"
	var ids []string
	for i := range 7 {
		a := in.must(201, "POST", subscriptions, fmt.Sprintf(`{"functionId":"f","event":"e%d","delivery":{"deadLetter":"dead"}}`, i))
		ids = append(ids, a.field("subscriptionId").(string))
	}
	refused := func(want string) {
		t.Helper()
		if got := in.must(409, "DELETE", dead, "").message(); !strings.HasPrefix(got, `function "dead" is in use by `+want) {
			t.Errorf("got %s", got)
		}
	}
	refused("7 subscriptions, among them ")
	in.must(409, "DELETE", "/v1/spaces/default/functions/f", "")
	for _, sub := range ids[:4] {
		in.must(204, "DELETE", subscriptions+"/"+sub, "")
	}
	refused("3 subscriptions: ")
	in.must(200, "PUT", subscriptions+"/"+ids[4], `{"delivery":{"attempts":1}}`)
	in.must(200, "POST", "/v1/functions", `{"functionId":"other","provider":{"type":"test","url":"u"}}`)
	in.must(200, "PUT", subscriptions+"/"+ids[5], `{"delivery":{"deadLetter":"other"}}`)
	refused("subscription " + ids[6] + ": delete what uses it first")
	in.must(201, "POST", subscriptions, `{"functionId":"dead","event":"e"}`)
	refused("2 subscriptions: ")
	in.must(204, "DELETE", subscriptions+"/"+id("", "e", "dead", "/"), "")
	in.must(204, "DELETE", subscriptions+"/"+ids[6], "")
	in.must(204, "DELETE", dead, "")
	want := `delivery.deadLetter: function "dead" does not exist in space "default": want a function that is registered`
	if got := in.must(400, "PUT", subscriptions+"/"+ids[5], `{"delivery":{"deadLetter":"dead"}}`).message(); got != want {
		t.Errorf("got %s", got)
	}
}

// A static subscription keeps the stored function it names for dead letters, and so does the stored subscription it hides.
func TestStaticDeadLetter(t *testing.T) {
	sub := testSubscription("default", "made", "f", "/")
	sub.Delivery = &eventgateway.Delivery{DeadLetter: "dead", Backoff: &eventgateway.Backoff{}}
	in := twoFunctions(t, static(nil, sub))
	if sub.Delivery.Backoff == nil {
		t.Error("the caller's subscription was changed")
	}
	for name, path := range map[string]string{"dead": "/v1/functions/dead", "f": "/v1/functions/f"} {
		if got := in.must(409, "DELETE", path, "").message(); !strings.Contains(got, "in use by subscription "+sub.ID+":") {
			t.Errorf("%s: %s", name, got)
		}
	}
	in.must(200, "POST", "/v1/functions", `{"functionId":"other","provider":{"type":"test","url":"u"}}`)
	stored := testSubscription("default", "made", "f", "/")
	stored.Delivery = &eventgateway.Delivery{DeadLetter: "other"}
	in.wait(in.store.put(key("default", configapi.Subscriptions, stored.ID), encode(stored)))
	for _, name := range []string{"dead", "f", "other"} {
		if got := in.must(409, "DELETE", "/v1/functions/"+name, "").message(); !strings.Contains(got, "in use by subscription "+sub.ID+":") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := in.view.Snapshot().Subscription("default", sub.ID); got.Delivery.DeadLetter != "dead" {
		t.Errorf("the snapshot has %+v", got.Delivery)
	}
}

func TestSnapshotSubscription(t *testing.T) {
	s := newStore(t)
	fixed, stored := testSubscription("a", "fixed", "f", "/"), testSubscription("a", "stored", "f", "/")
	in := unloadedInstance(t, s, static(nil, fixed))
	look := func(sub *eventgateway.Subscription) *eventgateway.Subscription {
		return in.view.Snapshot().Subscription("a", sub.ID)
	}
	if look(fixed) == nil || look(stored) != nil {
		t.Error("before the store is loaded there is not just the static one")
	}
	s.put(key("a", configapi.Subscriptions, stored.ID), encode(stored))
	s.follow(t, in.mirror)
	before := in.view.Snapshot()
	if got := look(stored); got == nil || got.Event != "stored" || got.CreateRevision != 1 {
		t.Errorf("got %+v", got)
	}
	if before.Subscription("b", stored.ID) != nil || before.Subscription("a", "none") != nil {
		t.Error("found what there is not")
	}
	stored.Paused = true
	in.wait(s.put(key("a", configapi.Subscriptions, stored.ID), encode(stored)))
	if !look(stored).Paused || before.Subscription("a", stored.ID).Paused {
		t.Error("a snapshot does not have the subscription of its revision")
	}
	if n := testing.AllocsPerRun(100, func() { look(stored); look(fixed) }); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
}
