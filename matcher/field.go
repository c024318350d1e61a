package matcher

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway/expression"
)

// field is a path of names in an event, such as data, order, id. Equal paths share one field, so fields are compared by address.
type field struct {
	path []string
	// parent is the path without its last name; nil of a root.
	parent *field
	hash   uint64
}

var (
	fields   expression.Interned[string, field]
	hashSeed = maphash.MakeSeed()
)

// fieldOf returns the field of a path.
func fieldOf(path []string) *field {
	key := strings.Join(path, "\x00")
	f, _ := fields.Get(key, func() (*field, error) {
		f := &field{path: slices.Clone(path), hash: maphash.String(hashSeed, key)}
		if len(path) > 1 {
			f.parent = fieldOf(path[:len(path)-1])
		}
		return f, nil
	})
	return f
}
