package configapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	_ "github.com/eventgateway/eventgateway/providers/weighted"
)

const bothWeights = `{"functionId":"w","type":"weighted","provider":{"functions":[{"functionId":"old","weight":1},{"functionId":"new","weight":1}]}}`

func retreatOf(oldWeight, newWeight int) *eventgateway.Retreat {
	return &eventgateway.Retreat{
		Space: "a", FunctionID: "w", Member: "new", Reason: eventgateway.RetreatErrorRate,
		From: []eventgateway.Share{{FunctionID: "old", Weight: oldWeight}, {FunctionID: "new", Weight: newWeight}},
		To:   []eventgateway.Share{{FunctionID: "old", Weight: 1}, {FunctionID: "new"}},
	}
}

// TestRetreatIsWritten writes a retreat for all instances, once, and only of the weights that the function has.
func TestRetreatIsWritten(t *testing.T) {
	s := newStore(t)
	in, other := newInstance(t, s, configapi.Static{}), newInstance(t, s, configapi.Static{})
	const all = "/v1/spaces/a/functions"
	for _, id := range []string{"old", "new"} {
		in.must(201, "POST", all, `{"functionId":"`+id+`","type":"test","provider":{"url":"u"}}`)
	}
	in.must(201, "POST", all, bothWeights)
	retreat := func(r *eventgateway.Retreat, want bool) {
		t.Helper()
		if applied, err := in.handler.Retreat(t.Context(), r); applied != want || err != nil {
			t.Errorf("from %v: applied %v, %v", r.From, applied, err)
		}
	}
	retreat(retreatOf(1, 2), false)
	retreat(retreatOf(1, 1), true)
	retreat(retreatOf(1, 1), false)
	other.wait(in.mirror.Revision())
	for _, i := range []*instance{in, other} {
		made := i.view.Retreats()
		if len(made) != 1 || made[0].Key() != (eventgateway.FunctionKey{Space: "a", ID: "w"}) || made[0].Member != "new" ||
			encode(made[0].To) != `[{"functionId":"old","weight":1},{"functionId":"new","weight":0}]` {
			t.Errorf("the retreats are %s", encode(made))
		}
	}
	in.must(200, "PUT", all+"/w", bothWeights)
	if made := in.view.Retreats(); len(made) > 0 {
		t.Errorf("with new weights the retreats are %s", encode(made))
	}
	in.must(204, "DELETE", all+"/w", "")
	retreat(retreatOf(1, 1), false)
}

// TestStaticComposite counts the members that a Caddyfile's function has, and leaves it as it is.
func TestStaticComposite(t *testing.T) {
	static := &eventgateway.Function{Space: "a", ID: "w", Type: "weighted", Provider: json.RawMessage(
		`{"functions":[{"functionId":"old","weight":1},{"functionId":"new","weight":1}]}`)}
	in := newInstance(t, newStore(t), configapi.Static{Functions: []*eventgateway.Function{static}})
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"old","type":"test","provider":{"url":"u"}}`)
	a := in.must(409, "DELETE", "/v1/spaces/a/functions/old", "")
	if !strings.Contains(a.message(), "in use as a member by function w") {
		t.Errorf("the answer is %s", a.body)
	}
	if applied, err := in.handler.Retreat(t.Context(), retreatOf(1, 1)); applied || err != nil {
		t.Errorf("a static function was written: %v, %v", applied, err)
	}
	wrong := *static
	wrong.Format = eventgateway.FormatRaw
	if err := configapi.CheckStatic(configapi.Static{Functions: []*eventgateway.Function{&wrong}}); err == nil || !strings.Contains(err.Error(), "format") {
		t.Errorf("a format is accepted: %v", err)
	}
}
