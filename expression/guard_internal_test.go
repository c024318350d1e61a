package expression

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/eventgateway/eventgateway"
)

func inputOf(data string) *Input {
	return NewInput(&eventgateway.Event{DataType: "application/json", Data: []byte(data)})
}

// numbers is a JSON list of so many numbers.
func numbers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return "[" + strings.Join(list, ",") + "]"
}

func compiled(t testing.TB, source string) *Program {
	t.Helper()
	p, err := Compile(Transform, "transform", source, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// full evaluates with all that an evaluation may cost, and returns what it did cost.
func full(p *Program, in *Input) (text string, used uint64, err error) {
	in.meter = fullMeter(time.Hour)
	in.meter.breath = MaxCost + 1 // no need to rest
	v, _, err := p.program.Eval(in)
	if err == nil {
		text = textOfResult(v)
	}
	return text, in.meter.used, err
}

// textOfResult is a value with its type; maps are ordered.
func textOfResult(v ref.Val) string {
	value, err := newValue(v, nil)
	if err != nil {
		return fmt.Sprint(v.Type(), err)
	}
	return fmt.Sprint(v.Type(), string(value.JSON()))
}

// TestUsualLoopsFit checks that two loops over usual lists in each other fit, whatever the data.
func TestUsualLoopsFit(t *testing.T) {
	list := make([]string, 100)
	for i := range list {
		list[i] = fmt.Sprintf(`{"id":%d,"n":%d}`, i+1000, i)
	}
	data := "[" + strings.Join(list, ",") + "]"
	for _, source := range []string{
		`data.a.all(x, data.b.exists(y, x.id == y.id && y.n > 3))`,
		`data.a.all(x, !data.b.exists(y, x.id == y.n && y.n > 3))`,
	} {
		if _, used, err := full(compiled(t, source), inputOf(`{"a":`+data+`,"b":`+data+`}`)); err != nil {
			t.Errorf("%s cost %d: %v", source, used, err)
		}
	}
}

// TestHeavyWorkIsBounded checks that whatever can take long in an expression is charged before it is done: the evaluation is
// broken off, or the call is an error.
func TestHeavyWorkIsBounded(t *testing.T) {
	text, long := `"`+strings.Repeat("a", 2000)+`"`, `"`+strings.Repeat("a", 900_000)+`"`
	large := `{"l":` + numbers(60_000) + `,"m":` + numbers(60_000) + `,"s":` + long + `,"t":` + long + `,"u":` + text +
		`,"map":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}}`
	for _, source := range []string{
		`data.l.all(a, data.l.all(b, true))`, `data.l.map(a, data.l.map(b, b))`, `data.l.all(a, [a, a, a, a] != [data.l])`,
		`data.l.transformMap(i, v, data.l.transformList(j, w, w))`,
		`data.l.all(a, data.l == data.m)`, `data.l == data.m`, `-1 in data.l`, `data.l.all(a, -1 in data.m)`, `[data.l] == [data.m]`,
		`data.u.matches("(a?){60}b$")`, `data.l.all(a, data.u.matches("a+$"))`, `data.s.matches("a")`,
		`data.s.replace("a", data.u)`, `data.s.replace("", "b")`, `data.s.split("")`, `data.l.map(x, string(x)).join(data.u)`,
		`data.s.indexOf(data.u)`, `data.s.lastIndexOf(data.u)`, `data.s.lowerAscii()`, `data.s.charAt(7)`, `data.s.substring(1)`,
		`strings.quote(data.s)`, `base64.encode(bytes(data.s))`, `base64.decode(data.s)`, `data.s.reverse()`, `int(data.s)`,
		`"%s".format([data.l])`, `"%s%s".format([data.l, data.s])`, `ip(data.s)`, `timestamp(data.s)`, `duration(data.s)`,
		`data.l.distinct()`, `data.l.sort()`, `data.l.sortBy(x, -x)`, `data.l.flatten()`, `data.l.reverse()`, `data.l.slice(0, 50000)`,
		`sets.contains(data.l, data.m)`, `sets.equivalent(data.l, data.m)`, `sets.intersects(data.l, [[1]])`,
		`math.greatest(data.l)`, `data.l.all(a, (data.l + data.m).size() > 0)`,
		`data.l.all(a, timestamp("2026-01-01T00:00:00Z").getHours("Europe/Vienna") >= 0)`,
		strings.TrimSuffix(strings.Repeat(`data.s == data.t && `, 200), "&& "),
		strings.TrimSuffix(strings.Repeat(`data.s <= data.t && `, 200), "&& "),
		strings.TrimSuffix(strings.Repeat(`data.s.size() > 1 && `, 100), "&& "),
		strings.TrimSuffix(strings.Repeat(`(data.s + data.t).size() > 1 && `, 100), "&& "),
		strings.TrimSuffix(strings.Repeat(`!data.s.contains("ab") && `, 100), "&& "),
		strings.TrimSuffix(strings.Repeat(`!(data.s in data.map) && `, 100), "&& "),
		strings.TrimSuffix(strings.Repeat(`data.map[data.s] == 1 || `, 100), "|| "),
		strings.TrimSuffix(strings.Repeat(`{data.s: 1} != {} && `, 100), "&& "),
	} {
		p := compiled(t, source)
		if !p.costly {
			t.Errorf("%s is not taken for costly", source)
		}
		_, used, err := full(p, inputOf(large))
		if err == nil || used > MaxCost+callCost {
			t.Errorf("%.80s: cost %d, error %v", source, used, err)
		}
	}
}

// TestSumsAreFlat checks that the elements of a list that is added up of many are found at once: a walk through it is charged as
// any other, and the addition for what it copies.
func TestSumsAreFlat(t *testing.T) {
	const terms = 40
	source := "data" + strings.Repeat(" + data", terms-1)
	p, in := compiled(t, source), inputOf(numbers(10))
	in.meter = fullMeter(time.Hour)
	v, _, err := p.program.Eval(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := 10 * terms * terms / 2; in.meter.used < uint64(want) {
		t.Errorf("cost %d, want at least the %d elements that are copied", in.meter.used, want)
	}
	list := v.(traits.Lister)
	for i := range 10 * terms {
		if got := list.Get(types.Int(i)); got != types.Int(i%10) {
			t.Fatalf("element %d is %v", i, got)
		}
	}
	// A sum of sums keeps both: the one that is added to is in the one that comes of it.
	if inner := reflect.ValueOf(v).Elem().FieldByName("prevList").Elem().Type(); !isSum(v) || inner == sumType {
		t.Errorf("the sum is a %T of %s", v, inner)
	}
}

// TestRefusedCallsSayWhy checks that a call that is refused tells what is too large, and nothing of the event.
func TestRefusedCallsSayWhy(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`data.matches("^[a-z]{20}$")`, "too large: a text of 9000 bytes for matches: want at most 6666 with this regular expression"},
		{`sets.contains(data.split(""), data.split(""))`, "too large: the arguments of sets.contains: want what takes at most 100000 steps"},
	} {
		_, err := compiled(t, test.source).Value(inputOf(`"` + strings.Repeat("SECRET", 1500) + `"`))
		if err == nil || err.Error() != test.want || WithoutData(test.source, err).Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.source, err, test.want)
		}
	}
}

// TestSpacesHaveTheirOwnTime checks that what the expressions of one space used is not missing to those of another.
func TestSpacesHaveTheirOwnTime(t *testing.T) {
	p, in := compiled(t, `data.all(a, a >= 0)`), inputOf(numbers(200))
	in.SetSpace("hostile")
	*in.used.by(usageKey{space: "hostile"}) = usage{freeCost, TimePerEvent}
	if _, err := p.Value(in); !errors.Is(err, errTime) {
		t.Errorf("a space whose time is up goes on: %v", err)
	}
	in.SetSpace("other")
	if _, err := p.Value(in); err != nil || in.used.now.free == 0 || in.used.now.spent != 0 {
		t.Errorf("another space used %+v: %v", in.used.now, err)
	}
	in.SetSpace("hostile")
	if _, err := p.Value(in); !errors.Is(err, errTime) {
		t.Errorf("a space goes on that used up its time before another's turn: %v", err)
	}
}

// TestSharedEventsAreHeldUpBriefly checks that costly filters fail once they have held up an event for several spaces. The clock
// is the test's own: evaluations take no time.
func TestSharedEventsAreHeldUpBriefly(t *testing.T) {
	const source = `data.all(a, data.exists(b, b == a))`
	costly, light := compiled(t, source), compiled(t, `data.exists(a, a == 1)`)
	waitForEmptyLane(t)
	synctest.Test(t, func(t *testing.T) {
		// busy has the lane closed for so long.
		busy := func(d time.Duration) {
			for range slowLane.places() {
				_ = slowLane.run("another", unbounded, func() time.Duration { return d })
			}
		}
		const most = SharedWait * 3 / 5
		in := inputOf(numbers(80))
		in.SetShared(true)
		busy(most)
		if _, err := costly.Value(in); err != nil || in.held != most {
			t.Errorf("the event was held up for %s: %v", in.held, err)
		}
		busy(most)
		other := in.For(in.event) // the same event, as a space has it
		if _, err := costly.Value(other); !errors.Is(err, ErrCrowded) || in.held != SharedWait {
			t.Errorf("then it was held up for %s: %v", in.held, err)
		}
		if _, err := costly.Value(other.For(in.event)); !errors.Is(err, errShared) {
			t.Errorf("another form of the event gave %v", err)
		}
		_, err := costly.Value(in)
		if !errors.Is(err, errShared) || !errors.Is(WithoutData(source, err), errShared) {
			t.Errorf("the next one gave %v", err)
		}
		if _, err := light.Value(in); err != nil {
			t.Errorf("what is quick gave %v", err)
		}
		if _, err := evaluate(Transform, "transform", source, in); err != nil || !in.shared {
			t.Errorf("a transform gave %v", err)
		}
		if in.held != SharedWait {
			t.Errorf("a transform, which holds up nobody else, is counted: %s", in.held)
		}
		in.SetShared(false)
		if _, err := costly.Value(in); err != nil {
			t.Errorf("in an event for one space it gave %v", err)
		}
		time.Sleep(SharedWait) // the lane is everybody's: it opens again by the test's clock
	})
}

// waitForEmptyLane waits until the places have opened again that other tests used, by a clock that is not this test's.
func waitForEmptyLane(t *testing.T) {
	t.Helper()
	taken := func() int {
		slowLane.mu.Lock()
		defer slowLane.mu.Unlock()
		return slowLane.taken
	}
	for start := time.Now(); taken() > 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal("a place of the slow lane is closed")
		}
	}
}

// inTime evaluates as a filter until that was not too slow: a busy machine may hold up a single evaluation.
func inTime(p *Program, in *Input) (err error) {
	for range 100 {
		if _, err = p.Value(in); !errors.Is(err, errTime) {
			break
		}
		in.used.by(usageKey{space: in.space}).spent = 0
	}
	return err
}

// TestFreeCostIsUsedUp checks which evaluations wait for their turn.
func TestFreeCostIsUsedUp(t *testing.T) {
	p, in := compiled(t, `data.all(a, a >= 0)`), inputOf(numbers(200))
	used := in.used.by(usageKey{})
	for used.free < freeCost {
		if _, err := p.Value(in); err != nil || used.spent != 0 {
			t.Fatalf("%+v is used: %v", used, err)
		}
	}
	if err := inTime(p, in); err != nil || used.spent == 0 {
		t.Errorf("what is beyond the free cost does not wait for its turn: %v", err)
	}
	if err := inTime(compiled(t, `data.all(a, data.exists(b, b == a))`), inputOf(numbers(80))); err != nil {
		t.Errorf("what costs more than what is quick: %v", err)
	}
}

// TestGuardChangesNothing evaluates random expressions as CEL alone does, in the quick way and in full: where the guard does
// not break one off, all give the same.
func TestGuardChangesNothing(t *testing.T) {
	// Maps have one entry, as they have no order.
	const data = `{"a":1,"b":2.5,"s":"text","t":"text text","l":[3,1,2,1],"m":{"text":[1]},"o":[{"a":1},{"a":2},{"s":"text"}],"n":null,
		"when":"2026-01-02T15:04:05Z","ip":"10.1.2.3"}`
	r := rand.New(rand.NewPCG(1, 2))
	env, compiledOf, failures, quick := environment(Transform), 0, 0, 0
	for compiledOf < 2000 {
		source := randomExpression(r, 3)
		ast, err := parse(Transform, "transform", source)
		if err != nil {
			continue
		}
		p, err := plan(Transform, "transform", source, ast)
		if err != nil {
			continue
		}
		compiledOf++
		alone, err := env.Program(ast)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		in := inputOf(data)
		v, _, wantErr := alone.Eval(in)
		want := ""
		if wantErr == nil {
			want = textOfResult(v)
		} else {
			failures++
		}
		got, _, err := full(p, in)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%s:\nwith the guard %s, %v\nwithout        %s, %v", source, got, err, want, wantErr)
		}
		if err != nil && WithoutData(source, err).Error() != WithoutData(source, wantErr).Error() {
			t.Errorf("%s:\nwith the guard %v\nwithout        %v", source, err, wantErr)
		}
		in.meter = quickMeter()
		if v, _, err := p.program.Eval(in); err == nil && textOfResult(v) != want {
			t.Fatalf("%s: quickly %v, else %s", source, v, want)
		} else if !errors.As(err, new(interpreter.EvalCancelledError)) {
			quick++
		}
	}
	t.Logf("%d expressions, %d of them failed, %d were quick", compiledOf, failures, quick)
	if failures > compiledOf*9/10 || quick < compiledOf/2 {
		t.Error("the expressions do not say much")
	}
}

// randomExpression returns an expression that may not compile.
func randomExpression(r *rand.Rand, depth int) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	if depth == 0 || r.IntN(6) == 0 {
		return pick("data.a", "data.b", "data.s", "data.t", "data.l", "data.l", "data.m", "data.o", "data.n", "data.none", "1", "2.0",
			`"text"`, `"t"`, "[1, 2]", `["text"]`, `{"a": 1}`, "true", "data.when", "data.ip", "data.o[0]", "data.m[data.s]",
			"timestamp(data.when)", "dyn(timestamp(data.when))", `duration("1h")`, `dyn(duration("1h"))`, `cidr("10.0.0.0/8")`, `b"\x01"`)
	}
	sub := func() string { return randomExpression(r, depth-1) }
	switch r.IntN(4) {
	case 0:
		return "(" + sub() + pick(" == ", " != ", " < ", " >= ", " + ", " + ", " in ", " && ", " || ", " - ", " * ") + sub() + ")"
	case 1:
		return sub() + pick(".all(x, ", ".exists(x, ", ".map(x, ", ".filter(x, ", ".exists_one(x, ", ".sortBy(x, ") +
			pick("x", "x == ", "x.a == ", "x > ", "x in ", "x + ")[0:] + pick(sub(), "1", "") + ")"
	case 2:
		return pick("size(", "string(", "int(", "double(", "type(", "timestamp(", "ip(", "base64.encode(bytes(data.s) + ", "!(", "math.greatest(",
			"sets.contains(data.l, ", "sets.intersects(data.o, ", "lists.range(", "strings.quote(", "base64.decode(", "duration(") + sub() + ")"
	}
	return sub() + pick(".size()", ".distinct()", ".sort()", ".reverse()", ".flatten()", ".join()", `.join(",")`, `.split("e")`, `.replace("t", "u")`,
		`.startsWith("te")`, `.contains("x")`, `.matches("^te.t")`, ".lowerAscii()", ".indexOf(data.s)", ".charAt(0)", ".slice(0, 1)", "[0]", ".a",
		"[data.s]", ".?a.orValue(1)", ".getHours()", `.getHours("01:00")`, ".getSeconds()", `.getDate("Europe/Vienna")`, ".containsIP(data.ip)",
		".substring(1, 3)", ".upperAscii()", ".lastIndexOf(data.s)", ".?b.hasValue()", ".transformList(i, v, v)", ".optMap(o, o)", ".trim()", `.format([data.a])`, `.endsWith(data.s)`)
}

func BenchmarkCostlyFilterThatIsLight(b *testing.B) {
	p := compiled(b, `data.items.exists(i, i.sku == "A-1001")`)
	ev := &eventgateway.Event{DataType: "application/json", Data: []byte(`{"items":[{"sku":"A-1000"},{"sku":"A-1002"},{"sku":"A-1001"}]}`)}
	in := NewInput(ev)
	in.Data()
	options := map[string][]cel.ProgramOption{
		"CEL alone": nil,
		"CEL with cost and interrupt": {
			cel.CostTracking(nil), cel.CostLimit(MaxCost), cel.InterruptCheckFrequency(64),
		},
	}
	ast, err := parse(Transform, "transform", p.source)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"CEL alone", "CEL with cost and interrupt"} {
		program, err := environment(Transform).Program(ast, options[name]...)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := program.Eval(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("guarded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			in.used = usages{}
			if _, err := p.Bool(in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
