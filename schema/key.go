package schema

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// appendKey appends what is the same for two values if and only if JSON Schema takes them as equal: numbers by value, objects
// whatever the order of their members.
func appendKey(key []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(key, 'n')
	case bool:
		if v {
			return append(key, 't')
		}
		return append(key, 'f')
	case string:
		return appendTextKey(key, v)
	case json.Number:
		key = append(key, '#')
		key = append(key, canonicalNumber(string(v))...)
		return append(key, ';')
	case []any:
		key = append(key, '[')
		for _, element := range v {
			key = appendKey(key, element)
		}
		return append(key, ']')
	case map[string]any:
		key = append(key, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			key = appendTextKey(key, name)
			key = appendKey(key, v[name])
		}
		return append(key, '}')
	}
	return append(key, '?')
}

// appendTextKey appends the length too, so that no text can look like what comes after it.
func appendTextKey(key []byte, text string) []byte {
	key = append(key, '"')
	key = strconv.AppendInt(key, int64(len(text)), 10)
	key = append(key, ':')
	return append(key, text...)
}

// canonicalNumber returns a fraction in lowest terms, or the integer alone.
func canonicalNumber(n string) string {
	if n != "-0" && !strings.ContainsAny(n, ".eE") {
		return n
	}
	if rational, ok := new(big.Rat).SetString(n); ok {
		return rational.RatString()
	}
	return n
}
