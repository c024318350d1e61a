package migrate

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// FieldChange is one field that a gateway has otherwise than it should.
type FieldChange struct {
	// Field is its name, with the names that lead to it.
	Field string
	// From and To are JSON, with credentials masked; empty where there is no such field.
	From, To string
}

// differences returns how two resources differ, by field.
func differences(from, to *node) []FieldChange {
	var changes []FieldChange
	differ("", from.essence(), to.essence(), &changes)
	slices.SortFunc(changes, func(a, b FieldChange) int { return cmp.Compare(a.Field, b.Field) })
	return changes
}

func differ(field string, from, to *node, changes *[]FieldChange) {
	if from != nil && to != nil && from.kind == kindObject && to.kind == kindObject {
		for _, m := range from.members {
			differ(under(field, m.name), m.value, to.member(m.name), changes)
		}
		for _, m := range to.members {
			if from.member(m.name) == nil {
				differ(under(field, m.name), nil, m.value, changes)
			}
		}
		return
	}
	if !equal(from, to) {
		*changes = append(*changes, FieldChange{field, text(from), text(to)})
	}
}

func under(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

func text(n *node) string {
	if n == nil {
		return ""
	}
	return string(n.json())
}

// equal reports whether two nodes are the same JSON value; members have no order.
func equal(a, b *node) bool {
	if a == nil || b == nil || a.kind != b.kind {
		return a == b || absent(a) && absent(b)
	}
	return reflect.DeepEqual(value(a), value(b))
}

// absent reports whether a node says nothing.
func absent(n *node) bool { return n == nil || n.kind == kindNull }

func value(n *node) any {
	decoder := json.NewDecoder(strings.NewReader(text(n)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return err
	}
	return v
}

// masked is what a gateway shows for a credential.
const masked = "***"

// given returns the fields of a document's resource that hold a credential: those the gateway does not show.
func given(wanted, shown *node) []string {
	var fields []string
	collect("", wanted, shown, &fields)
	slices.Sort(fields)
	return fields
}

func collect(field string, wanted, shown *node, fields *[]string) {
	if shown == nil || wanted == nil {
		return
	}
	if shown.kind == kindString && shown.text == masked && wanted.text != masked {
		*fields = append(*fields, field)
	}
	for _, m := range wanted.members {
		collect(under(field, m.name), m.value, shown.member(m.name), fields)
	}
	for i, item := range wanted.items {
		if i < len(shown.items) {
			collect(field, item, shown.items[i], fields)
		}
	}
}
