package migrate

import (
	"sort"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// Placeholders stand in the provider fields of functions, where credentials do: ${NAME} is the environment variable of the
// importing process, $${ is the text ${.

// expand puts the values of placeholders into a function's provider fields.
func (r *reader) expand(name string, function *node) {
	provider := function.member("provider")
	if provider == nil {
		return
	}
	provider.eachText(func(n *node, field string) {
		text, err := r.expandText(n, n.text)
		if err != nil {
			r.fail(n.line, name, "provider%s: %v", field, err)
		}
		n.text = text
	})
}

func (r *reader) expandText(n *node, text string) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		b.WriteString(text[:i])
		text = text[i:]
		switch {
		case strings.HasPrefix(text, "$${"):
			b.WriteString("${")
			text = text[3:]
		case strings.HasPrefix(text, "${"):
			name, rest, ok := strings.Cut(text[2:], "}")
			if !ok || !isVariable(name) {
				return "", eventgateway.Errorf(eventgateway.Invalid,
					"a ${ is not accepted without the name of an environment variable and a }: want ${NAME}, or $${ for the text ${")
			}
			value, set := r.getenv(name)
			if !set || value == "" {
				return "", eventgateway.Errorf(eventgateway.Invalid, "the environment variable %s is not set, or empty", name)
			}
			r.doc.expanded[value] = "${" + name + "}"
			n.filled = true
			b.WriteString(value)
			text = rest
		default:
			b.WriteByte('$')
			text = text[1:]
		}
	}
}

// escapePlaceholders makes a text stand for itself.
func escapePlaceholders(text string) string { return strings.ReplaceAll(text, "${", "$${") }

func isVariable(name string) bool {
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// eachText visits the strings in a node, with the names that lead to them, each after a dot.
func (n *node) eachText(visit func(n *node, field string)) { n.eachTextUnder("", visit) }

func (n *node) eachTextUnder(field string, visit func(n *node, field string)) {
	if n.kind == kindString {
		visit(n, field)
	}
	for _, m := range n.members {
		m.value.eachTextUnder(field+"."+m.name, visit)
	}
	for _, item := range n.items {
		item.eachTextUnder(field, visit)
	}
}

// Redact returns a message with the names of placeholders in place of what they stand for.
func (d *Document) Redact(message string) string {
	values := make([]string, 0, len(d.expanded))
	for value := range d.expanded {
		values = append(values, value)
	}
	sort.Slice(values, func(i, j int) bool { return len(values[i]) > len(values[j]) })
	for _, value := range values {
		if len(value) >= minRedacted {
			for _, form := range []string{value, strings.Trim(eventgateway.Quote(value), `"`), strings.Trim(string(quoteJSON(value)), `"`)} {
				message = strings.ReplaceAll(message, form, d.expanded[value])
			}
		}
	}
	return message
}

// hasFilled reports whether a placeholder stood in a node or below it.
func (n *node) hasFilled() bool {
	filled := false
	n.eachText(func(text *node, _ string) { filled = filled || text.filled })
	return filled
}

// minRedacted is the length from which on a value is no mere word of a message.
const minRedacted = 4
