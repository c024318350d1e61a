package expression

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// TestTimeOfTexts checks that the texts of one event have a time of their own, together: neither does what filters took
// count towards it, nor the other way round.
func TestTimeOfTexts(t *testing.T) {
	const loop = `data.all(a, a == 1)`
	ev := &eventgateway.Event{DataType: "application/json", Data: []byte("[" + strings.Repeat("1,", 200) + "1]")}
	filter, err := Compile(Filter, "filter", loop, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	// succeeds reports whether evaluate ever succeeds after prepare: a single evaluation may be held up by others' work.
	succeeds := func(prepare func(*Input), evaluate func(*Input) error) bool {
		for range 100 {
			in := NewInput(ev)
			prepare(in)
			if evaluate(in) == nil {
				return true
			}
		}
		return false
	}
	text := func(in *Input) error { _, err := Text("key", loop, in); return err }
	match := func(in *Input) error { _, err := filter.Bool(in); return err }
	transform := func(in *Input) error { _, err := evaluate(Transform, "transform", loop, in); return err }
	exhaust := func(p purpose) func(*Input) {
		return func(in *Input) { *in.used.by(usageKey{purpose: p}) = usage{freeCost, TimePerEvent} }
	}
	if filters, texts := exhaust(filtering), exhaust(naming); !succeeds(filters, text) || !succeeds(filters, transform) || !succeeds(texts, match) {
		t.Error("what one kind took counts towards another")
	} else if succeeds(filters, match) || succeeds(texts, text) {
		t.Error("a kind goes on when its time is up")
	}
	if !succeeds(exhaust(transforming), transform) {
		t.Error("what one transform took counts towards another")
	}
	if !succeeds(func(in *Input) { exhaust(naming)(in); in.Reset(ev) }, text) {
		t.Error("the time of another event counts")
	}
	in := NewInput(ev)
	if err := transform(in); err != nil || in.purpose != filtering {
		t.Errorf("a transform left %d: %v", in.purpose, err)
	}
	if err := text(in); err != nil || in.used.by(usageKey{purpose: naming}).free == 0 || in.used.by(usageKey{}).free != 0 {
		t.Errorf("a text used %+v, and %+v of the filters: %v", in.used.by(usageKey{purpose: naming}), in.used.by(usageKey{}), err)
	}
}
