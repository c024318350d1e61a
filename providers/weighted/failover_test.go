package weighted

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// TestFailover calls another member where the one chosen cannot be called, and only there: what a member may have worked on
// goes to no other.
func TestFailover(t *testing.T) {
	for _, test := range []struct {
		failure providers.Failure
		fields  string
		want    string
	}{
		{providers.Unreachable, `"failover":true`, "b"},
		{providers.Throttled, `"failover":true`, "b"},
		{providers.Unreachable, `"failover":["standby","b"]`, "standby"},
		{providers.Unreachable, `"failover":["b"]`, "b"},
		{providers.Unreachable, `"failover":false`, ""},
		{providers.Unreachable, `"failover":[]`, ""},
		{providers.FunctionFailed, `"failover":true`, ""},
		{providers.TimedOut, `"failover":true`, ""},
		{providers.BadAnswer, `"failover":true`, ""},
		{providers.Canceled, `"failover":true`, ""},
	} {
		r := newRig(t)
		r.member("a", fails(test.failure))
		r.member("b", nil)
		r.member("standby", nil)
		h := r.weighted(`{"functions":[{"functionId":"a","weight":1000000},{"functionId":"b","weight":1},{"functionId":"standby","weight":0}],` +
			test.fields + `}`)
		// With the key k all calls are for a: see that they are.
		answer, err := call(t, h, "k")
		if answer != test.want || r.called("a") != 1 || (err == nil) != (test.want != "") {
			t.Errorf("%s with %s: got %q, %v after %d calls of a", test.failure, test.fields, answer, err, r.called("a"))
		}
		if err != nil && providers.FailureOf(err) != test.failure {
			t.Errorf("%s: failed with %v", test.failure, err)
		}
	}
}

// TestFailoverToNobody fails as the last member did.
func TestFailoverToNobody(t *testing.T) {
	r := newRig(t)
	r.member("a", fails(providers.Unreachable))
	r.member("b", fails(providers.Throttled))
	h := r.weighted(`{"functions":[{"functionId":"a","weight":1000000},{"functionId":"b","weight":1}],"failover":true}`)
	if _, err := call(t, h, "k"); providers.FailureOf(err) != providers.Throttled || r.called("a") != 1 || r.called("b") != 1 {
		t.Errorf("got %v after %d and %d calls", err, r.called("a"), r.called("b"))
	}
}

// TestMemberMissing says which member there is not, and fails over to one that there is.
func TestMemberMissing(t *testing.T) {
	r := newRig(t)
	h := r.weighted(`{"functions":[{"functionId":"gone","weight":1}]}`)
	if _, err := call(t, h, ""); providers.FailureOf(err) != providers.Unreachable || !strings.Contains(err.Error(), `"gone" does not exist`) {
		t.Errorf("got %v", err)
	}
	r.member("b", nil)
	h = r.weighted(`{"functions":[{"functionId":"gone","weight":1000000},{"functionId":"b","weight":1}],"failover":true}`)
	if answer, err := call(t, h, "k"); answer != "b" {
		t.Errorf("got %q, %v", answer, err)
	}
	r.open("inner", "weighted", `{"functions":[{"functionId":"b","weight":1}]}`)
	h = r.weighted(`{"functions":[{"functionId":"inner","weight":1}]}`)
	if _, err := call(t, h, ""); err == nil || !strings.Contains(err.Error(), `"inner" is weighted itself`) {
		t.Errorf("got %v", err)
	}
}

// TestMemberRests leaves out a member that cannot be called, lets one call through after a while to see, and comes back to it
// when that succeeds.
func TestMemberRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, broken := newRig(t), true
		r.member("a", func(ctx context.Context) error {
			if broken {
				return fails(providers.Unreachable)(ctx)
			}
			return nil
		})
		r.member("b", nil)
		h := r.weighted(`{"functions":[{"functionId":"a","weight":1000000},{"functionId":"b","weight":1}],"failover":true}`)
		calls := func(n int, want string, attempts int) {
			t.Helper()
			before := r.called("a")
			for range n {
				if answer, err := call(t, h, "k"); answer != want {
					t.Fatalf("got %q, %v, want %q", answer, err, want)
				}
			}
			if got := r.called("a") - before; got != attempts {
				t.Errorf("%d calls of a, want %d", got, attempts)
			}
		}
		calls(10, "b", restAfter)
		time.Sleep(firstRest)
		calls(10, "b", 1)
		time.Sleep(firstRest)
		calls(10, "b", 0) // the second rest is longer
		time.Sleep(firstRest)
		calls(10, "b", 1)
		broken = false
		time.Sleep(longestRest)
		calls(10, "a", 10)
	})
}

// TestMemberChanged calls what a member is now if it was changed between the look-up and the call.
func TestMemberChanged(t *testing.T) {
	r := newRig(t)
	old := r.member("a", nil)
	h := r.weighted(`{"functions":[{"functionId":"a","weight":1}]}`)
	route := h.Router().Route(nil, "")
	member, err := route.Next()
	if err != nil || member != old {
		t.Fatal(member, err)
	}
	old.Close()
	_, err = old.Invoke(t.Context(), &providers.Call{})
	now := r.member("a", nil)
	if !route.Done(nil, err, 0) {
		t.Fatalf("%v ended the route", err)
	}
	if member, err = route.Next(); err != nil || member != now {
		t.Errorf("got %v, %v", member, err)
	}
	now.Close()
	if _, err = now.Invoke(t.Context(), &providers.Call{}); route.Done(nil, err, 0) {
		t.Error("a member that is closed and no other is called again")
	}
}
