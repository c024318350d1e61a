package configapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/eventgateway/eventgateway"
)

var errOtherKey = errors.New("key: the value is that of another resource")

// decodeFunction reads a stored function. Fields this version does not know are left out, so that instances of two
// versions can share a store. The provider's own fields are left to providers.Open.
func decodeFunction(e Entry) (*eventgateway.Function, error) {
	fn := new(eventgateway.Function)
	if err := json.Unmarshal(e.Value, fn); err != nil {
		return nil, err
	}
	fn.Normalize()
	if fn.Space != e.Key.Space || fn.ID != e.Key.ID {
		return nil, errOtherKey
	}
	return fn, fn.Validate()
}

// decodeSubscription reads a stored subscription into s; see decodeFunction.
func decodeSubscription(e Entry, s *eventgateway.Subscription, shared *interner) error {
	if !decodePlain(e.Value, s, shared) {
		*s = eventgateway.Subscription{}
		if err := json.Unmarshal(e.Value, s); err != nil {
			return err
		}
		s.Space, s.Event = shared.intern(s.Space), shared.intern(s.Event)
		s.FunctionID, s.Method = shared.intern(s.FunctionID), shared.intern(s.Method)
	}
	s.Normalize()
	if s.Space != e.Key.Space || s.ID != e.Key.ID {
		return errOtherKey
	}
	s.CreateRevision = e.CreateRevision
	return s.Validate()
}

// decodePlain reads the JSON most subscriptions are stored as: one object of strings, without white space and escapes,
// in ASCII. It reports false for anything else, which is for encoding/json; that takes seven times as long, and a store may
// hold a million.
func decodePlain(data []byte, s *eventgateway.Subscription, shared *interner) bool {
	if len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' {
		return false
	}
	for rest := data[1:]; ; {
		name, after, ok := plainString(rest, ':')
		if !ok {
			return false
		}
		value, after, ok := plainString(after, ',')
		if !ok {
			return false
		}
		switch string(name) {
		case "space":
			s.Space = shared.internBytes(value)
		case "subscriptionId": // the key has it
		case "type":
			s.Type = eventgateway.SubscriptionType(shared.internBytes(value))
		case "event":
			s.Event = shared.internBytes(value)
		case "functionId":
			s.FunctionID = shared.internBytes(value)
		case "method":
			s.Method = shared.internBytes(value)
		case "path":
			s.Path = string(value)
		case "filter":
			s.Filter = string(value)
		case "transform":
			s.Transform = string(value)
		default:
			return false
		}
		if len(after) == 0 {
			return true
		}
		rest = after
	}
}

// plainString splits a quoted string off data, and the byte that follows it: delimiter, or the object's end if that is a
// comma.
func plainString(data []byte, delimiter byte) (value, rest []byte, ok bool) {
	if len(data) < 3 || data[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(data[1:], '"') + 1
	if end == 0 || end+1 >= len(data) {
		return nil, nil, false
	}
	value = data[1:end]
	for _, c := range value {
		if c < ' ' || c >= 0x7f || c == '\\' {
			return nil, nil, false
		}
	}
	switch next := data[end+1]; {
	case next == delimiter:
		return value, data[end+2:], true
	case next == '}' && delimiter == ',' && end+2 == len(data):
		return value, nil, true
	}
	return nil, nil, false
}

// interner gives equal strings one memory. It forgets all when it is full, which costs sharing and nothing else.
type interner struct{ known map[string]string }

const maxInterned = 1 << 16

func (in *interner) internBytes(b []byte) string {
	if s, ok := in.known[string(b)]; ok {
		return s
	}
	return in.add(string(b))
}

func (in *interner) intern(s string) string {
	if known, ok := in.known[s]; ok {
		return known
	}
	return in.add(strings.Clone(s))
}

func (in *interner) add(s string) string {
	if in.known == nil || len(in.known) >= maxInterned {
		in.known = map[string]string{}
	}
	in.known[s] = s
	return s
}
