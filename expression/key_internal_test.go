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
	exhaust := func(text bool) func(*Input) {
		return func(in *Input) { *in.used.by(usageKey{text: text}) = usage{freeCost, TimePerEvent} }
	}
	if exhaustFilters, exhaustTexts := exhaust(false), exhaust(true); !succeeds(exhaustFilters, text) || !succeeds(exhaustTexts, match) {
		t.Error("what one kind took counts towards the other")
	} else if succeeds(exhaustFilters, match) || succeeds(exhaustTexts, text) {
		t.Error("a kind goes on when its time is up")
	}
	if !succeeds(func(in *Input) { exhaust(true)(in); in.Reset(ev) }, text) {
		t.Error("the time of another event counts")
	}
	in := NewInput(ev)
	if err := text(in); err != nil || in.used.by(usageKey{text: true}).free == 0 || in.used.by(usageKey{}).free != 0 {
		t.Errorf("a text used %+v, and %+v of the filters: %v", in.used.by(usageKey{text: true}), in.used.by(usageKey{}), err)
	}
}
