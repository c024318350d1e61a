package jetstream

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// random makes values of all there is in a record.
type random struct{ *rand.Rand }

func (r random) text() string {
	b := make([]byte, r.IntN(40))
	for i := range b {
		b[i] = byte(r.Uint32()) // need not be UTF-8
	}
	return string(b)
}

func (r random) maybe(f func()) {
	if r.IntN(3) > 0 {
		f()
	}
}

// number is one of the lengths that integers have in CBOR.
func (r random) number() int { return int(r.Uint32()) >> r.IntN(32) }

func (r random) time() (t time.Time) {
	r.maybe(func() { t = time.Unix(0, 1+r.Int64()) })
	return t
}

func (r random) lists() (m map[string][]string) {
	r.maybe(func() {
		m = map[string][]string{}
		for range 1 + r.IntN(4) {
			list := make([]string, 1+r.IntN(3))
			for i := range list {
				list[i] = r.text()
			}
			m[r.text()] = list
		}
	})
	return m
}

func (r random) params() (params eventgateway.PathParams) {
	for range r.IntN(4) {
		params = append(params, eventgateway.PathParam{Name: r.text(), Value: r.text()})
	}
	return params
}

func (r random) event() *eventgateway.Event {
	ev := &eventgateway.Event{Type: r.text(), ID: r.text(), ReceivedAt: r.time(), DataType: r.text()}
	r.maybe(func() { ev.Data = []byte("x" + r.text()) })
	r.maybe(func() {
		ev.CloudEvent = &eventgateway.CloudEventAttributes{
			Source: r.text(), Subject: r.text(), Time: r.text(), DataSchema: r.text(),
		}
		r.maybe(func() {
			ev.CloudEvent.Extensions = map[string]any{
				"s" + r.text(): r.text(), "b": r.IntN(2) == 0, "i": int32(r.Uint32()), "min": int32(math.MinInt32),
				"max": int32(math.MaxInt32), "zero": int32(0),
			}
		})
	})
	r.maybe(func() {
		ev.HTTP = &eventgateway.HTTPRequest{
			Path: r.text(), Method: r.text(), Host: r.text(), Header: http.Header(r.lists()), Query: url.Values(r.lists()),
			RawPath: r.text(), RawQuery: r.text(), Protocol: r.text(), Scheme: r.text(), ClientIP: r.text(),
		}
	})
	r.maybe(func() { ev.Depth, ev.Cause = r.number(), r.text() })
	r.maybe(func() { ev.Trace = eventgateway.TraceContext{Parent: r.text(), State: r.text()} })
	r.maybe(func() { ev.Authorization, ev.SchemaViolation = json.RawMessage("x"+r.text()), r.text() })
	return ev
}

func (r random) work() *delivery.Work {
	w := &delivery.Work{Event: r.event(), Key: r.text()}
	for range r.IntN(4) {
		o := delivery.Owed{
			Target: delivery.Target{
				Space: r.text(), SubscriptionID: r.text(), FunctionID: r.text(), Params: r.params(), OrderingKey: r.text(),
			},
			Attempts: r.number(), NotBefore: r.time(), Order: uint64(r.Int64()),
		}
		r.maybe(func() {
			o.Dead = &delivery.DeadNote{Reason: r.text(), Error: r.text(), FunctionID: r.text(), Attempts: r.number()}
		})
		w.Owed = append(w.Owed, o)
	}
	return w
}

func TestRecordsRoundTrip(t *testing.T) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	for range 2000 {
		want := []*delivery.Work{r.work(), r.work(), r.work()}[:1+r.IntN(3)]
		data, err := encodeWorks(want)
		if err != nil {
			t.Fatal(err)
		}
		wantOrigin := origin{r.Uint64(), r.Uint64() >> r.IntN(64)}
		o, rest, err := readRecordHeader(append(appendRecordHeader(nil, wantOrigin), data...))
		if err != nil || o != wantOrigin {
			t.Fatalf("origin %v became %v, %v", wantOrigin, o, err)
		}
		got, err := decodeWorks(rest)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v became %+v", want, got)
		}
	}
}

func TestDeadLettersRoundTrip(t *testing.T) {
	r := random{rand.New(rand.NewPCG(3, 4))}
	for range 500 {
		want := &delivery.DeadLetter{
			Space: r.text(), SubscriptionID: r.text(), FunctionID: r.text(), Event: r.event(), Params: r.params(),
			OrderingKey: r.text(), Reason: r.text(), Error: r.text(), Status: r.number(), Attempts: r.number(), At: r.time(),
		}
		data, err := encodeLetter(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeLetter(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v became %+v", want, got)
		}
	}
}

// Every field of what is kept must be in the encoded form: a field that is added later fails here until it is.
func TestEveryFieldIsEncoded(t *testing.T) {
	for _, test := range []struct {
		name       string
		have, wire any
		without    int
	}{
		{"Event", eventgateway.Event{}, wireEvent{}, 0},
		{"CloudEventAttributes", eventgateway.CloudEventAttributes{}, wireCloudEvent{}, 0},
		{"HTTPRequest", eventgateway.HTTPRequest{}, wireRequest{}, 0},
		{"TraceContext", eventgateway.TraceContext{}, wireTrace{}, 0},
		{"PathParam", eventgateway.PathParam{}, wireParam{}, 0},
		{"Work", delivery.Work{}, wireWork{}, 0},
		// The fields of Target are next to the others.
		{"Owed", delivery.Owed{}, wireOwed{}, 1 - reflect.TypeFor[delivery.Target]().NumField()},
		{"DeadNote", delivery.DeadNote{}, wireNote{}, 0},
		// Its ID is its place.
		{"DeadLetter", delivery.DeadLetter{}, wireLetter{}, 1},
	} {
		exported := 0
		for field := range reflect.TypeOf(test.have).Fields() {
			if field.IsExported() {
				exported++
			}
		}
		if wire := reflect.TypeOf(test.wire).NumField(); exported-test.without != wire {
			t.Errorf("%s has %d exported fields, and %d are encoded", test.name, exported, wire)
		}
	}
}

func TestLaterFieldsAreTolerated(t *testing.T) {
	data, err := cbor.Marshal(map[int]any{
		1: map[int]any{2: "id", 99: []string{"later"}},
		3: []any{map[int]any{3: "f", 77: map[string]any{"x": 1.5}}},
		8: "later",
	})
	if err != nil {
		t.Fatal(err)
	}
	works, err := decodeWorks(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(works) != 1 || works[0].Event.ID != "id" || works[0].Owed[0].FunctionID != "f" {
		t.Errorf("got %+v", works[0])
	}
}

func TestUnreadableRecords(t *testing.T) {
	valid, err := encodeWorks(works("a"))
	if err != nil {
		t.Fatal(err)
	}
	marshal := func(v any) string {
		data, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	head := string(appendRecordHeader(nil, origin{1, 2}))
	for _, test := range []struct{ name, data, want string }{
		{"empty", "", "it is empty"},
		{"later", "\x02xxxxxxxxxxxxx", "later version"},
		{"cut header", head[:5], "cut off"},
		{"no number", head[:9], "cut off"},
		{"cut", head + string(valid[:len(valid)-3]), "cannot be decoded"},
		{"wrong kind", head + marshal(map[int]any{2: 7}), "stands where the field"},
		{"no map", head + marshal("secret"), "stands where"},
		{"attribute", head + marshal(map[int]any{1: map[int]any{6: map[int]any{5: map[string]any{"secret": 1.5}}}}), "float64"},
		{"large attribute", head + marshal(map[int]any{1: map[int]any{6: map[int]any{5: map[string]any{"secret": 1 << 40}}}}), "range"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, rest, err := readRecordHeader([]byte(test.data))
			if err == nil {
				_, err = decodeWorks(rest)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want one with %q", err, test.want)
			}
		})
	}
}

// FuzzDecode feeds what a damaged disk may hold: it is refused, or read, and then means the same once written again.
func FuzzDecode(f *testing.F) {
	r := random{rand.New(rand.NewPCG(5, 6))}
	for range 20 {
		data, err := encodeWorks([]*delivery.Work{r.work(), r.work()})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(appendRecordHeader(nil, origin{r.Uint64(), r.Uint64()}), data...))
	}
	letter, err := encodeLetter(&delivery.DeadLetter{Space: "s", Event: r.event()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(letter)
	f.Fuzz(func(t *testing.T, data []byte) {
		if letter, err := decodeLetter(data); err == nil {
			again, err := encodeLetter(letter)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decodeLetter(again); err != nil || !sameLetter(back, letter) {
				t.Errorf("%+v became %+v, %v", letter, back, err)
			}
		}
		_, rest, err := readRecordHeader(data)
		if err != nil {
			return
		}
		works, err := decodeWorks(rest)
		if err != nil {
			return
		}
		again, err := encodeWorks(works)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := decodeWorks(again)
		if err != nil {
			t.Fatal(err)
		}
		third, err := encodeWorks(twice)
		if err != nil || len(third) != len(again) {
			t.Errorf("%d bytes became %d, %v", len(again), len(third), err)
		}
	})
}

func sameLetter(a, b *delivery.DeadLetter) bool {
	x, errX := encodeLetter(a)
	y, errY := encodeLetter(b)
	return errX == nil && errY == nil && len(x) == len(y)
}
