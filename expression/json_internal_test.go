package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// randomData returns what event data may be decoded to.
func randomData(r *rand.Rand, depth int) any {
	texts := []string{"", "a", "text", `"quoted\"`, "line\nbreak", "<tag> & more", "größer", "\x01", "日本語", strings.Repeat("long ", 50)}
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.Int64N(1<<60) - 1<<59
	case 3:
		return r.Uint64() | 1<<63
	case 4:
		return r.NormFloat64() * []float64{1, 1e-9, 1e30}[r.IntN(3)]
	case 5:
		return texts[r.IntN(len(texts))]
	case 6:
		list := make([]any, r.IntN(5))
		for i := range list {
			list[i] = randomData(r, depth-1)
		}
		return list
	}
	members := map[string]any{}
	for range r.IntN(6) {
		members[texts[r.IntN(len(texts))]+fmt.Sprint(r.IntN(3))] = randomData(r, depth-1)
	}
	return members
}

// made is the same value as an expression makes it of its parts: lists and maps of values of CEL.
func made(v any) ref.Val {
	adapter := types.DefaultTypeAdapter
	switch v := v.(type) {
	case []any:
		list := make([]ref.Val, len(v))
		for i, e := range v {
			list[i] = made(e)
		}
		if len(v) > 1 {
			half := len(v) / 2
			return types.NewRefValList(adapter, list[:half]).Add(types.NewRefValList(adapter, list[half:]))
		}
		return types.NewRefValList(adapter, list)
	case map[string]any:
		members := map[ref.Val]ref.Val{}
		for name, e := range v {
			members[types.String(name)] = made(e)
		}
		return types.NewRefValMap(adapter, members)
	}
	return types.OptionalOf(adapter.NativeToValue(v))
}

// TestJSONIsThatOfOthers writes random values as encoding/json does, whether they are an event's or made by an expression.
func TestJSONIsThatOfOthers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		data := randomData(r, 4)
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(data); err != nil {
			t.Fatal(err)
		}
		for _, v := range []ref.Val{types.DefaultTypeAdapter.NativeToValue(data), made(data)} {
			value, err := newValue(v, &meter{limit: MaxCost, breath: MaxCost})
			if err != nil {
				t.Fatalf("%s: %v", want.Bytes(), err)
			}
			if got := value.JSON(); string(got)+"\n" != want.String() {
				t.Fatalf("a %T:\n got %s\nwant %s", v, got, want.Bytes())
			}
		}
	}
}

// hostileEventData is an event of some KB of which much can be made.
var hostileEventData = func() string {
	var members, empty []string
	for i := range 60 {
		members = append(members, fmt.Sprintf(`"k%d":{"a":%d}`, i, i))
		empty = append(empty, "{}")
	}
	return `{"l":` + numbers(250) + `,"f":` + strings.ReplaceAll(numbers(250), ",", ".5,") + `,"m":{` + strings.Join(members, ",") +
		`},"e":[` + strings.Join(empty, ",") + `],"t":"` + strings.Repeat(`a`, 20_000) + `","u":"` + strings.Repeat(`a\u0001`, 200) + `","when":"2026-01-02T15:04:05Z"}`
}()

// multiplied are transforms whose values are 250 times as large as a part of the event, by what they are made of.
var multiplied = map[string]string{
	"numbers":    `data.l.map(a, data.l)`,
	"doubles":    `data.l.map(a, data.f)`,
	"objects":    `data.l.map(a, data.m)`,
	"empty":      `data.l.map(a, data.e)`,
	"texts":      `data.l.map(a, data.t)`,
	"escaped":    `data.l.map(a, data.u)`,
	"no loop":    "[" + strings.Repeat("data.m, ", 500) + "1]",
	"made lists": `data.l.map(a, [a, a, a, a])`,
	"made maps":  `data.l.map(a, {"a": a, "b": a})`,
	"sums":       `data.l.map(a, data.l + data.l)`,
	"events":     `data.l.map(a, event)`,
	"timestamps": `data.l.map(a, timestamp(data.when))`,
	"addresses":  `data.l.map(a, [ip("10.1.2.3"), cidr("10.0.0.0/8")])`,
	"bytes":      `data.l.map(a, bytes(data.t))`,
}

// TestValuesAreCharged checks that no value of a small event takes long to write: it is broken off.
func TestValuesAreCharged(t *testing.T) {
	for name, source := range multiplied {
		if name != "no loop" {
			source = "[" + source + "].map(x, [" + strings.Repeat("x,", 99) + "x])"
		}
		p, in := compiled(t, source), inputOf(hostileEventData)
		v, err := p.Value(in)
		if !errors.Is(err, errCost) && !errors.Is(err, errTime) && !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %d bytes, %v", name, len(v.JSON()), err)
		}
		if in.used.now.spent == 0 {
			t.Errorf("%s: it did not take its turn: %+v", name, in.used.now)
		}
	}
}

// TestOwnDataIsFree checks that an event may go as it came, however large it is, without a turn in the slow lane.
func TestOwnDataIsFree(t *testing.T) {
	for _, data := range []string{
		"[" + strings.Repeat("1,", 2_000_000) + "1]",
		"[" + strings.Repeat("{},", 1_000_000) + "1]",
		`{"a":[` + strings.Repeat(`{"sku":"A-1001","quantity":3},`, 100_000) + `{}]}`,
		`"` + strings.Repeat(`text `, 1_000_000) + `"`,
		`{"a":"` + strings.Repeat(`text `, 1_000_000) + `"}`,
		`{` + strings.TrimSuffix(fmt.Sprintf(strings.Repeat(`"%06d":1,`, 100_000), sequence(100_000)...), ",") + `}`,
	} {
		p, in := compiled(t, `data`), inputOf(data)
		v, err := p.Value(in)
		if err != nil {
			t.Errorf("%.40s: %v", data, err)
			continue
		}
		if got := v.JSON(); len(got) != len(data) {
			t.Errorf("%.40s: %d bytes of %d", data, len(got), len(data))
		}
		if used := in.used.now; used.spent != 0 || used.free >= quickCost {
			t.Errorf("%.40s: %+v", data, used)
		}
	}
}

// TestOwnAnswerIsFree does the same with a function's answer.
func TestOwnAnswerIsFree(t *testing.T) {
	in := inputOf("1")
	in.SetResponse(&Response{DataType: "application/json", Data: []byte(numbers(100_000))})
	p, err := Compile(ResponseTransform, "responseTransform", `response.data`, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Value(in); err != nil || in.used.now.spent != 0 {
		t.Errorf("used %+v, %v", in.used.now, err)
	}
}

// TestSmallValuesAreCharged has a value that no loop made and that is not the event's.
func TestSmallValuesAreCharged(t *testing.T) {
	in := inputOf("")
	if _, err := compiled(t, `[1, 2, 3]`).Value(in); err != nil || in.used.now.free < 3 {
		t.Errorf("used %+v, %v", in.used.now, err)
	}
}

// TestBoundsOfValues has values that are too large or too deep, though the event is as well.
func TestBoundsOfValues(t *testing.T) {
	text := `"` + strings.Repeat("a", MaxValueBytes*2/3) + `"`
	deep := strings.Repeat("[", maxValueDepth-1) + strings.Repeat("]", maxValueDepth-1)
	for _, test := range []struct {
		source, data string
		want         error
	}{
		{`[data]`, text, nil},
		{`[data, data]`, text, errTooLarge},
		{`[data, data, 1]`, text, errTooLarge},
		{`[data]`, deep, nil},
		{`[[[data]]]`, deep, errTooDeep},
		{`[[data]].map(a, [a])`, deep, errTooDeep},
	} {
		if _, err := compiled(t, test.source).Value(inputOf(test.data)); !errors.Is(err, test.want) {
			t.Errorf("%s of %.9s: got %v, want %v", test.source, test.data, err, test.want)
		}
	}
}

// TestTimeOfOwnData checks that a breath allows for the time of what is free.
func TestTimeOfOwnData(t *testing.T) {
	m := fullMeter(0)
	m.worked = time.Millisecond
	if err := m.breathe(); !errors.Is(err, overTime) {
		t.Errorf("got %v", err)
	}
	m.allow(uint64(time.Hour / slowestStep))
	if err := m.breathe(); err != nil {
		t.Error(err)
	}
}

// TestUsualTransformsAreQuick checks that what is made of each element of a usual list does not wait for a turn either.
func TestUsualTransformsAreQuick(t *testing.T) {
	data := `{"items":[` + strings.Repeat(`{"sku":"A-1001","quantity":3,"price":12.5,"tags":["a","b"]},`, 99) + `{"sku":"A-1002","quantity":1,"price":1,"tags":[]}]}`
	for _, source := range []string{
		`{"id": event.id, "skus": data.items.map(i, i.sku), "total": data.items.size()}`,
		`data.items.map(i, {"sku": i.sku, "n": i.quantity, "price": i.price, "tags": i.tags, "order": event.id})`,
		`{"event": event, "data": data, "again": data}`,
	} {
		in := inputOf(data)
		if _, err := compiled(t, source).Value(in); err != nil || in.used.now.spent != 0 {
			t.Errorf("%s: used %+v, %v", source, in.used.now, err)
		}
	}
}

func sequence(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// BenchmarkJSON tells how long a step of writing takes, which is to be slowestStep at most, and how fast it is.
func BenchmarkJSON(b *testing.B) {
	for name, source := range multiplied {
		v, _, err := compiled(b, source).program.Eval(inputWithTime(hostileEventData))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var m meter
			for b.Loop() {
				m = meter{limit: 1 << 60, breath: 1 << 60}
				value, err := newValue(v, &m)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(value.JSON())))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(m.used), "ns/step")
		})
	}
}

// inputWithTime is one in which an evaluation may cost what it wants.
func inputWithTime(data string) *Input {
	in := inputOf(data)
	in.meter = fullMeter(time.Hour)
	in.meter.limit, in.meter.breath = 1<<60, 1<<60
	return in
}
