package schema

import (
	"encoding/json"
	"strconv"
	"strings"
)

// What data may have. Numbers are compared exactly, so an exponent is as many digits.
const (
	maxDepth         = 256
	maxDigits        = 128
	maxExponent      = 400
	acceptedNumbers  = "at most 128 digits and an exponent between -400 and 400"
	messageTooDeep   = "nested too deeply to be checked: want at most 256 levels"
	messageNotJSON   = "not valid JSON"
	messageBadNumber = "the number is not accepted: want " + acceptedNumbers
)

// shape is what is known of data before it is checked.
type shape struct{ bytes, depth int }

// decode decodes data, JSON or empty, and tells why it cannot be checked.
func decode(data []byte) (any, shape, *Violation) {
	if len(data) == 0 {
		return nil, shape{}, nil
	}
	value, err := decodeJSON(data)
	if err != nil {
		return nil, shape{}, &Violation{Message: messageNotJSON}
	}
	s := shape{bytes: len(data)}
	var at []string
	if message := s.look(value, 1, &at); message != "" {
		return nil, s, &Violation{pointer(at), message}
	}
	return value, s, nil
}

// look finds how deep v is, and what in it cannot be checked: why, and at the path to it, from its end to its beginning.
func (s *shape) look(v any, depth int, at *[]string) string {
	s.depth = max(s.depth, depth)
	switch v := v.(type) {
	case map[string]any:
		if depth > maxDepth {
			return messageTooDeep
		}
		for name, member := range v {
			if message := s.look(member, depth+1, at); message != "" {
				*at = append([]string{name}, *at...)
				return message
			}
		}
	case []any:
		if depth > maxDepth {
			return messageTooDeep
		}
		for i, element := range v {
			if message := s.look(element, depth+1, at); message != "" {
				*at = append([]string{itoa(i)}, *at...)
				return message
			}
		}
	case json.Number:
		if !plainNumber(v) {
			return messageBadNumber
		}
	}
	return ""
}

// plainNumber reports whether a number can be computed with.
func plainNumber(n json.Number) bool {
	if len(n) > maxDigits {
		return false
	}
	i := strings.IndexAny(string(n), "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(string(n[i+1:]))
	return err == nil && exponent >= -maxExponent && exponent <= maxExponent
}

func itoa(i int) string { return strconv.Itoa(i) }
