package expression

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"sync"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/eventgateway/eventgateway"
)

// maxValueDepth is how deep a transform's value may be nested; event data may be as deep.
const maxValueDepth = 10_000

var (
	errTooLarge = valueErrorf("the value is too large: want at most %d bytes of JSON", MaxValueBytes)
	errTooDeep  = valueErrorf("the value is nested too deeply for JSON")
	errNaN      = valueErrorf("a double that is no finite number has no JSON")
)

// jsonWriter writes values as JSON. It fails for what JSON does not have (infinities, types, two members of one name), for more
// than MaxValueBytes, and where that is too costly: a small event can have a value in which it stands a thousand times.
type jsonWriter struct {
	out []byte
	// meter is charged; nil means that nobody counts.
	meter *meter
	// owed is what is still to be charged.
	owed uint64
	// names are the members' of the objects that are being written.
	names []string
}

// writers are those that were used, with their memory: a value that is broken off for its size leaves nothing to collect.
var writers = sync.Pool{New: func() any { return new(jsonWriter) }}

// writeJSON returns a value as JSON.
func writeJSON(v ref.Val, m *meter) ([]byte, error) {
	w := writers.Get().(*jsonWriter)
	defer func() {
		clear(w.names)
		*w = jsonWriter{out: w.out[:0], names: w.names[:0]}
		writers.Put(w)
	}()
	w.meter = m
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	if len(w.out) > MaxValueBytes {
		return nil, errTooLarge
	}
	return bytes.Clone(w.out), w.settle()
}

// What values cost in steps, beside their texts.
const (
	slowStep   = 3
	listStep   = 1
	memberStep = 4
	doubleStep = 8
	timeStep   = 12
	objectStep = 30
)

// charge counts what is about to be done.
func (w *jsonWriter) charge(steps uint64) error {
	if w.owed += steps; w.owed < quickCost/20 {
		return nil
	}
	return w.settle()
}

func (w *jsonWriter) settle() error {
	steps := w.owed
	if w.owed = 0; w.meter == nil {
		return nil
	}
	return w.meter.take(steps)
}

func (w *jsonWriter) begin(steps uint64, depth int) error {
	if len(w.out) > MaxValueBytes {
		return errTooLarge
	}
	if depth > maxValueDepth {
		return errTooDeep
	}
	return w.charge(steps)
}

// value writes a value of CEL.
func (w *jsonWriter) value(v ref.Val, depth int) error {
	if err := w.begin(slowStep, depth); err != nil {
		return err
	}
	switch v := present(v).(type) {
	case types.Null:
		return w.native(nil, depth)
	case types.Bool:
		return w.native(bool(v), depth)
	case types.Int:
		return w.native(int64(v), depth)
	case types.Uint:
		return w.native(uint64(v), depth)
	case types.Double:
		return w.native(float64(v), depth)
	case types.String:
		return w.text(string(v))
	case types.Bytes:
		return w.native([]byte(v), depth)
	case types.Timestamp:
		return w.native(v.Time, depth)
	case types.Duration:
		return w.short(v.ConvertToType(types.StringType).Value().(string))
	case object:
		return w.object(v, depth)
	case traits.Mapper:
		return w.mapper(v, depth)
	case traits.Lister:
		return w.lister(v, depth)
	case *types.Type:
		return valueErrorf("a type has no JSON")
	default:
		if text, ok := v.ConvertToType(types.StringType).(types.String); ok { // an IP address, a CIDR
			return w.short(string(text))
		}
		return valueErrorf("a value of type %s has no JSON", v.Type().TypeName())
	}
}

// native writes what event data is decoded to, which needs no value of CEL for each element.
func (w *jsonWriter) native(v any, depth int) error {
	if err := w.begin(1, depth); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		w.out = append(w.out, "null"...)
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case int64:
		w.out = strconv.AppendInt(w.out, v, 10)
	case uint64:
		w.out = strconv.AppendUint(w.out, v, 10)
	case float64:
		return w.double(v)
	case string:
		return w.text(v)
	case []byte:
		if err := w.charge(uint64(len(v)) / bytesPerStep); err != nil {
			return err
		}
		return w.text(base64.StdEncoding.EncodeToString(v))
	case time.Time:
		return w.short(v.UTC().Format(time.RFC3339Nano))
	case []any:
		return w.list(v, depth)
	case map[string]any:
		return writeMap(w, v, depth)
	case map[string]string:
		return writeMap(w, v, depth)
	default:
		return w.value(types.DefaultTypeAdapter.NativeToValue(v), depth)
	}
	return nil
}

func (w *jsonWriter) text(s string) error {
	if len(s) > MaxValueBytes {
		return errTooLarge
	}
	if err := w.charge(uint64(len(s)) / bytesPerStep); err != nil {
		return err
	}
	before := len(w.out)
	w.out = eventgateway.AppendJSONString(w.out, s)
	return w.charge(uint64(len(w.out) - before - len(`""`) - len(s))) // what is escaped takes longer
}

// short writes a text that takes longer to make than to write.
func (w *jsonWriter) short(s string) error {
	w.out = eventgateway.AppendJSONString(w.out, s)
	return w.charge(timeStep)
}

func (w *jsonWriter) double(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errNaN
	}
	text, err := json.Marshal(f)
	w.out = append(w.out, text...)
	if err != nil {
		return err
	}
	return w.charge(doubleStep)
}

func (w *jsonWriter) list(elements []any, depth int) error {
	if err := w.charge(listStep); err != nil {
		return err
	}
	w.out = append(w.out, '[')
	for i, e := range elements {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.native(e, depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *jsonWriter) lister(list traits.Lister, depth int) error {
	if !isSum(list) { // whose Value would copy it
		if elements, ok := list.Value().([]any); ok {
			return w.list(elements, depth)
		}
	}
	w.out = append(w.out, '[')
	for i, it := 0, list.Iterator(); it.HasNext() == types.True; i++ {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.value(it.Next(), depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}
