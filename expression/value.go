package expression

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// MaxValueBytes is how large the JSON of a transform's value may be.
const MaxValueBytes = 8 << 20

// maxValueDepth is how deep it may be nested; event data may be as deep.
const maxValueDepth = 10_000

// Value is what a transform evaluated to.
type Value struct{ v ref.Val }

// Text returns the value if it is a string.
func (v Value) Text() (string, bool) {
	s, ok := v.v.(types.String)
	return string(s), ok
}

// Bytes returns the value if it is bytes.
func (v Value) Bytes() ([]byte, bool) {
	b, ok := v.v.(types.Bytes)
	return b, ok
}

// Strings returns the value if it is a map from strings to strings or lists of strings, as transforms for headers are. An
// entry that is null or an empty optional is left out. The error names the key whose value is something else.
func (v Value) Strings() (map[string][]string, error) {
	m, ok := v.v.(traits.Mapper)
	if !ok {
		return nil, fmt.Errorf("the value is %s: want a map of strings", v.v.Type().TypeName())
	}
	out := map[string][]string{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return nil, fmt.Errorf("a key is %s: want a string", key.Type().TypeName())
		}
		list, err := stringsOf(present(m.Get(key)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shorten(strconv.Quote(string(name))), err)
		}
		if list != nil {
			out[string(name)] = list
		}
	}
	return out, nil
}

func stringsOf(v ref.Val) ([]string, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.String:
		return []string{string(v)}, nil
	case traits.Lister:
		list := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			element := it.Next()
			s, ok := element.(types.String)
			if !ok {
				return nil, fmt.Errorf("an element is %s: want a string", element.Type().TypeName())
			}
			list = append(list, string(s))
		}
		return list, nil
	}
	return nil, fmt.Errorf("the value is %s: want a string or a list of strings", v.Type().TypeName())
}

// present returns what an optional holds, null if nothing; any other value as it is.
func present(v ref.Val) ref.Val {
	if o, ok := v.(*types.Optional); ok {
		if !o.HasValue() {
			return types.NullValue
		}
		return present(o.GetValue())
	}
	return v
}

// JSON returns the value as JSON: timestamps in RFC 3339, durations as in "1.5s", bytes in base64, an empty optional as
// null, members ordered by name. It fails for what JSON does not have (infinities, types, two members of one name), and for
// more than MaxValueBytes.
func (v Value) JSON() ([]byte, error) { return appendJSON(nil, v.v, 0) }

var errTooLarge = fmt.Errorf("the value is too large: want at most %d bytes of JSON", MaxValueBytes)

func appendJSON(out []byte, v ref.Val, depth int) ([]byte, error) {
	if len(out) > MaxValueBytes {
		return nil, errTooLarge
	}
	if depth > maxValueDepth {
		return nil, errors.New("the value is nested too deeply for JSON")
	}
	switch v := present(v).(type) {
	case types.Null:
		return append(out, "null"...), nil
	case types.Bool:
		return strconv.AppendBool(out, bool(v)), nil
	case types.Int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case types.Uint:
		return strconv.AppendUint(out, uint64(v), 10), nil
	case types.Double:
		return appendDouble(out, float64(v))
	case types.String:
		return appendString(out, string(v))
	case types.Bytes:
		return appendString(out, base64.StdEncoding.EncodeToString(v))
	case types.Timestamp:
		return appendString(out, v.UTC().Format(time.RFC3339Nano))
	case types.Duration:
		return appendString(out, v.ConvertToType(types.StringType).Value().(string))
	case object:
		return appendObject(out, v, depth)
	case traits.Mapper:
		return appendMap(out, v, depth)
	case traits.Lister:
		return appendList(out, v, depth)
	case *types.Type:
		return nil, errors.New("a type has no JSON")
	default:
		if text, ok := v.ConvertToType(types.StringType).(types.String); ok { // an IP address, a CIDR
			return appendString(out, string(text))
		}
		return nil, fmt.Errorf("a value of type %s has no JSON", v.Type().TypeName())
	}
}

func appendList(out []byte, list traits.Lister, depth int) ([]byte, error) {
	out = append(out, '[')
	for i, it := 0, list.Iterator(); it.HasNext() == types.True; i++ {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendJSON(out, it.Next(), depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendString(out []byte, s string) ([]byte, error) {
	if len(s) > MaxValueBytes {
		return nil, errTooLarge
	}
	quoted, err := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	return append(out, quoted...), err
}

func appendDouble(out []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("a double that is no finite number has no JSON")
	}
	text, err := json.Marshal(f)
	return append(out, text...), err
}

func appendObject(out []byte, o object, depth int) ([]byte, error) {
	members := map[string]ref.Val{}
	for name, a := range objects[o.typ.TypeName()] {
		if a.set == nil || a.set(o.in) {
			members[name] = types.DefaultTypeAdapter.NativeToValue(a.get(o.in))
		}
	}
	return appendMembers(out, members, depth)
}

func appendMap(out []byte, m traits.Mapper, depth int) ([]byte, error) {
	members := map[string]ref.Val{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.ConvertToType(types.StringType).(types.String)
		if !ok {
			return nil, fmt.Errorf("a key of type %s has no JSON", key.Type().TypeName())
		}
		if _, twice := members[string(name)]; twice {
			return nil, fmt.Errorf("two keys of a map are both %s in JSON", shorten(strconv.Quote(string(name))))
		}
		members[string(name)] = m.Get(key)
	}
	return appendMembers(out, members, depth)
}

func appendMembers(out []byte, members map[string]ref.Val, depth int) ([]byte, error) {
	out = append(out, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendString(out, name); err != nil {
			return nil, err
		}
		if out, err = appendJSON(append(out, ':'), members[name], depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}
