package matcher

import (
	"net/netip"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// operator reads an object such as {"prefix": "a"} in a leaf.
func (p *patternParser) operator(at string, source []byte, out *pattern) {
	n := 0
	for raw, value := range eventgateway.JSONMembers(source) {
		if n++; n > 1 {
			break
		}
		text, _ := eventgateway.JSONText(raw)
		name := string(text)
		inner := at + "." + clip(name)
		switch name {
		case "exists":
			switch string(value) {
			case "true":
				out.leaf = append(out.leaf, test{op: opExists})
			case "false":
				out.absent = true
			default:
				p.fail(inner, "not a bool: want true or false")
			}
		case "anything-but":
			out.leaf = append(out.leaf, test{op: opNone, rare: &rare{not: p.anythingBut(inner, value)}})
		case "numeric":
			out.leaf = append(out.leaf, p.numeric(inner, value)...)
		default:
			out.leaf = append(out.leaf, p.text(inner, name, value))
		}
	}
	if n != 1 {
		p.fail(at, "%d operators: want one, such as {\"prefix\": \"a\"}", n)
	}
}

// text reads the operators on strings.
func (p *patternParser) text(at, name string, source []byte) test {
	if inner, ok := ignoreCase(source); ok && (name == "prefix" || name == "suffix") {
		ops := map[string]op{"prefix": opPrefixFold, "suffix": opSuffixFold}
		return test{op: ops[name], constant: value{text: fold(inner)}}
	}
	raw, ok := eventgateway.JSONText(source)
	if !ok {
		p.fail(at, "not a string: want one")
		return test{}
	}
	t := test{constant: value{kind: isString, text: string(raw)}}
	switch name {
	case "prefix":
		t.op = opPrefix
	case "suffix":
		t.op = opSuffix
	case "equals-ignore-case":
		t.op, t.constant.text = opFold, fold(t.constant.text)
	case "wildcard":
		t.op, t.rare = opWildcard, &rare{parts: p.wildcard(at, t.constant.text)}
	case "cidr":
		network, err := netip.ParsePrefix(t.constant.text)
		if err != nil {
			p.fail(at, "%s is not accepted: want a network such as 10.0.0.0/24", eventgateway.Quote(t.constant.text))
		}
		t.op, t.rare = opCIDR, &rare{network: network.Masked()}
	default:
		p.fail(at, "no such operator: want prefix, suffix, equals-ignore-case, wildcard, cidr, anything-but, numeric or exists")
	}
	return t
}

// ignoreCase reads {"equals-ignore-case": "a"}.
func ignoreCase(source []byte) (string, bool) {
	n, text, ok := 0, []byte(nil), false
	for raw, value := range eventgateway.JSONMembers(source) {
		n++
		if name, _ := eventgateway.JSONText(raw); string(name) == "equals-ignore-case" {
			text, ok = eventgateway.JSONText(value)
		}
	}
	return string(text), ok && n == 1
}

// wildcard splits at each star that has no backslash before it.
func (p *patternParser) wildcard(at, text string) []string {
	parts, part := []string{}, strings.Builder{}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '\\'):
			i++
			part.WriteByte(text[i])
		case c == '\\':
			p.fail(at, `a backslash may only stand before * or \ here`)
			return nil
		case c == '*' && i > 0 && text[i-1] == '*' && part.Len() == 0:
			p.fail(at, "two stars in a row: want one")
			return nil
		case c == '*':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	if len(parts) > maxWildcards {
		p.fail(at, "%d stars are not accepted: want at most %d", len(parts), maxWildcards)
	}
	return append(parts, part.String())
}

// anythingBut reads what a value must not be: a constant, a list of them, or an operator with a string or a list of them.
func (p *patternParser) anythingBut(at string, source []byte) []test {
	var tests []test
	switch source[0] {
	case '{':
		for raw, value := range eventgateway.JSONMembers(source) {
			name, _ := eventgateway.JSONText(raw)
			switch string(name) {
			case "prefix", "suffix", "equals-ignore-case", "wildcard":
				tests = append(tests, p.texts(at+"."+string(name), string(name), value)...)
			default:
				p.fail(at, "%s is not accepted: want prefix, suffix, equals-ignore-case or wildcard", eventgateway.Quote(string(name)))
			}
		}
	case '[':
		for element := range eventgateway.JSONElements(source) {
			if t, ok := p.constant(at, element); ok {
				tests = append(tests, t)
			}
		}
	default:
		if t, ok := p.constant(at, source); ok {
			tests = append(tests, t)
		}
	}
	if p.tests += len(tests); len(tests) == 0 {
		p.fail(at, "empty: want what the value must not be")
	}
	return tests
}

func (p *patternParser) texts(at, name string, source []byte) []test {
	if source[0] != '[' {
		return []test{p.text(at, name, source)}
	}
	var tests []test
	for element := range eventgateway.JSONElements(source) {
		tests = append(tests, p.text(at, name, element))
	}
	return tests
}

// numeric reads [">", 0, "<=", 5].
func (p *patternParser) numeric(at string, source []byte) []test {
	var b bounds
	var operator string
	n := 0
	for element := range eventgateway.JSONElements(source) {
		if n++; n%2 == 1 {
			text, _ := eventgateway.JSONText(element)
			operator = string(text)
			continue
		}
		if c := element[0]; c != '-' && (c < '0' || c > '9') {
			p.fail(at, "what follows %s is no number: want one", eventgateway.Quote(operator))
			return nil
		}
		limit := numberOf(expression.Number(string(element)))
		switch {
		case operator == "=" && n == 2:
			b.low, b.high = limit, limit
		case (operator == ">" || operator == ">=") && b.low.typ == 0:
			b.low, b.openLow = limit, operator == ">"
		case (operator == "<" || operator == "<=") && b.high.typ == 0:
			b.high, b.openHigh = limit, operator == "<"
		default:
			p.fail(at, `%s is not accepted here: want one of =, or of > and >=, < and <=`, eventgateway.Quote(operator))
			return nil
		}
	}
	if n == 0 || n%2 == 1 {
		p.fail(at, `not a list of operators and numbers: want one such as [">", 0, "<=", 5]`)
		return nil
	}
	return []test{{op: opRange, bounds: &b}}
}
