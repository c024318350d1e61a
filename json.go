package eventgateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What passes through the gateway is read and written by hand: payloads are embedded as they came instead of being
// decoded and encoded again, and nothing is reflected upon per event. This file reads, json_append.go writes.

// ValidateJSON checks that data is one JSON value in valid UTF-8. The error names field and the byte where it goes wrong,
// and holds nothing of the data.
func ValidateJSON(field string, data []byte) error {
	if !utf8.Valid(data) {
		return Errorf(Invalid, "%s: not valid JSON: byte %d is not valid UTF-8", field, invalidUTF8(data)+1)
	}
	if json.Valid(data) {
		return nil
	}
	var syntax *json.SyntaxError
	var value json.RawMessage
	if err := json.Unmarshal(data, &value); !errors.As(err, &syntax) {
		return Errorf(Invalid, "%s: not valid JSON", field)
	}
	switch {
	case strings.Contains(syntax.Error(), "exceeded max depth"):
		return Errorf(Invalid, "%s: not accepted as JSON: nested too deeply at byte %d: want at most 10000 levels",
			field, syntax.Offset)
	case syntax.Error() == "unexpected end of JSON input":
		return Errorf(Invalid, "%s: not valid JSON: it ends too early, after byte %d", field, len(data))
	default:
		return Errorf(Invalid, "%s: not valid JSON at byte %d", field, syntax.Offset)
	}
}

// invalidUTF8 returns the index of the first byte that is not part of valid UTF-8.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// JSONMembers yields the members of an object as they stand: the name (a JSON string) and the value. object is a valid
// JSON value; one that is no object has no members.
func JSONMembers(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		i := skipSpace(object, 0)
		if i >= len(object) || object[i] != '{' {
			return
		}
		for i = skipSpace(object, i+1); i < len(object) && object[i] == '"'; i = skipSpace(object, i+1) {
			end := skipValue(object, i)
			name := object[i:end]
			i = skipSpace(object, skipSpace(object, end)+1)
			end = skipValue(object, i)
			if i >= end || !yield(name, object[i:end]) {
				return
			}
			i = skipSpace(object, end)
		}
	}
}

// JSONElements yields the elements of an array as they stand. array is a valid JSON value; one that is no array has none.
func JSONElements(array []byte) iter.Seq[[]byte] {
	return func(yield func(element []byte) bool) {
		i := skipSpace(array, 0)
		if i >= len(array) || array[i] != '[' {
			return
		}
		for i = skipSpace(array, i+1); i < len(array) && array[i] != ']'; i = skipSpace(array, i+1) {
			end := skipValue(array, i)
			if i >= end || !yield(array[i:end]) {
				return
			}
			i = skipSpace(array, end)
		}
	}
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns where the value that starts at i ends.
func skipValue(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			i = skipString(data, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
		default:
			for i < len(data) && !endsLiteral(data[i]) {
				i++
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return i
}

// endsLiteral reports whether a number, true, false or null ends before c.
func endsLiteral(c byte) bool {
	switch c {
	case ',', ':', ']', '}', ' ', '\n', '\t', '\r':
		return true
	}
	return false
}

// skipString returns where the string whose opening quote is at i ends.
func skipString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// JSONText returns what a JSON string says, and whether value is one. value is a valid JSON value; the text may share
// its memory. Halves of surrogate pairs become U+FFFD.
func JSONText(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	text := value[1 : len(value)-1]
	i := bytes.IndexByte(text, '\\')
	if i < 0 {
		return text, true
	}
	out := make([]byte, 0, len(text))
	for i >= 0 && i+1 < len(text) {
		out = append(out, text[:i]...)
		c := text[i+1]
		text = text[i+2:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, size := unescapeRune(text)
			out = utf8.AppendRune(out, r)
			text = text[size:]
		default:
			out = append(out, c)
		}
		i = bytes.IndexByte(text, '\\')
	}
	return append(out, text...), true
}

// unescapeRune reads what follows \u, and the \u after it when both make one character.
func unescapeRune(text []byte) (r rune, size int) {
	r = hexRune(text)
	if !utf16.IsSurrogate(r) {
		return r, min(4, len(text))
	}
	if len(text) >= 10 && text[4] == '\\' && text[5] == 'u' {
		if pair := utf16.DecodeRune(r, hexRune(text[6:])); pair != utf8.RuneError {
			return pair, 10
		}
	}
	return utf8.RuneError, min(4, len(text))
}

func hexRune(text []byte) rune {
	if len(text) < 4 {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(text[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
