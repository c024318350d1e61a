package matcher

import (
	"strings"
	"unsafe"

	"github.com/eventgateway/eventgateway"
)

// scanner reads valid JSON once, from front to end, and notes what is asked for. JSON that is not valid is read as
// something, without a panic.
type scanner struct {
	text  string
	found *found
}

// value reads the value of a node, which starts at i, and returns where it ends.
func (s *scanner) value(i int, n *fieldNode, object uint32, inList bool) int {
	i = s.space(i)
	if i >= len(s.text) {
		return i
	}
	at := s.found.add(n, object, inList)
	var (
		v   value
		end int
	)
	switch s.text[i] {
	case '{':
		s.found.entries[at].value.kind = isObject
		if n.children.none() {
			return s.skip(i)
		}
		end = s.object(i, n, inList)
		s.found.entries[at].end = int32(len(s.found.entries))
		return end
	case '[':
		s.found.entries[at].value.kind = isList
		if n.lists == 0 {
			return s.skip(i)
		}
		end = s.list(i, n)
		s.found.entries[at].end = int32(len(s.found.entries))
		return end
	case '"':
		end = s.skipString(i)
		v = value{kind: isString, text: unquote(s.text[i:end])}
	default:
		end = s.skipLiteral(i)
		if end == i {
			return i + 1 // not valid
		}
		v = scalarOf(s.text[i:end])
	}
	s.found.entries[at].value = v
	return end
}

// object reads the members of an object that n has children for.
func (s *scanner) object(i int, n *fieldNode, inList bool) int {
	s.found.objects++
	object := s.found.objects
	for i = s.space(i + 1); i < len(s.text) && s.text[i] == '"'; i = s.space(i + 1) {
		end := s.skipString(i)
		name := s.text[i+1 : max(end-1, i+1)]
		if strings.IndexByte(name, '\\') >= 0 {
			name = unquote(s.text[i:end])
		}
		child := n.children.get(name)
		i = s.space(end) + 1 // behind the colon
		if child != nil {
			i = s.value(i, child, object, inList)
		} else {
			i = s.skip(s.space(i))
		}
		if i = s.space(i); i >= len(s.text) || s.text[i] != ',' {
			break
		}
	}
	return i + 1
}

// list reads the elements of a list, each a value of n.
func (s *scanner) list(i int, n *fieldNode) int {
	for i = s.space(i + 1); i < len(s.text) && s.text[i] != ']'; i = s.space(i + 1) {
		if s.text[i] == '{' && !n.children.none() {
			s.found.lists = true
		}
		s.found.objects++
		i = s.space(s.value(i, n, s.found.objects, true))
		if i >= len(s.text) || s.text[i] != ',' {
			break
		}
	}
	return i + 1
}

func (s *scanner) space(i int) int {
	for i < len(s.text) && s.text[i] <= ' ' {
		i++
	}
	return i
}

// skip returns where the value that starts at i ends.
func (s *scanner) skip(i int) int {
	depth := 0
	for i < len(s.text) {
		switch s.text[i] {
		case '"':
			i = s.skipString(i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
		default:
			i = max(s.skipLiteral(i), i+1)
		}
		if depth <= 0 {
			return i
		}
	}
	return i
}

// skipString returns where the string whose opening quote is at i ends.
func (s *scanner) skipString(i int) int {
	i++
	for i < len(s.text) {
		end := strings.IndexByte(s.text[i:], '"')
		if end < 0 {
			break
		}
		if escape := strings.IndexByte(s.text[i:i+end], '\\'); escape >= 0 {
			i += escape + 2
			continue
		}
		return i + end + 1
	}
	return len(s.text)
}

// skipLiteral returns where a number, true, false or null ends.
func (s *scanner) skipLiteral(i int) int {
	for i < len(s.text) {
		if c := s.text[i]; c == ',' || c == ']' || c == '}' || c <= ' ' || c == ':' {
			return i
		}
		i++
	}
	return i
}

// unquote returns what a JSON string says; without a copy unless it has escapes.
func unquote(quoted string) string {
	if len(quoted) < 2 {
		return ""
	}
	text, _ := eventgateway.JSONText(unsafe.Slice(unsafe.StringData(quoted), len(quoted)))
	return textOf(text)
}
