package expression

import (
	"maps"
	"math/bits"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// writeMap writes the members of a map in the order of their names.
func writeMap[V any](w *jsonWriter, m map[string]V, depth int) error {
	if err := w.charge(costOfMembers(len(m))); err != nil {
		return err
	}
	first := len(w.names)
	w.names = slices.AppendSeq(w.names, maps.Keys(m))
	slices.Sort(w.names[first:])
	w.out = append(w.out, '{')
	for i := range len(m) {
		name := w.names[first+i]
		if err := w.name(name, i); err != nil {
			return err
		}
		if err := w.native(m[name], depth+1); err != nil {
			return err
		}
	}
	clear(w.names[first:]) // they are the event's
	w.names = w.names[:first]
	w.out = append(w.out, '}')
	return nil
}

// costOfMembers is for finding and sorting the members of a map.
func costOfMembers(n int) uint64 { return listStep + uint64(n)*uint64(memberStep+bits.Len(uint(n))) }

// name writes the name of an object's member number i.
func (w *jsonWriter) name(name string, i int) error {
	if i > 0 {
		w.out = append(w.out, ',')
	}
	err := w.text(name)
	w.out = append(w.out, ':')
	return err
}

// member is one of an object.
type member struct {
	name  string
	value ref.Val
}

func (w *jsonWriter) mapper(m traits.Mapper, depth int) error {
	switch native := m.Value().(type) {
	case map[string]any:
		return writeMap(w, native, depth)
	case map[string]string:
		return writeMap(w, native, depth)
	}
	size := sizeOf(m)
	if err := w.charge(2*slowStep*size + costOfMembers(int(size))); err != nil {
		return err
	}
	members := make([]member, 0, size)
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.ConvertToType(types.StringType).(types.String)
		if !ok {
			return valueErrorf("a key of type %s has no JSON", key.Type().TypeName())
		}
		members = append(members, member{string(name), m.Get(key)})
	}
	return w.members(members, depth)
}

func (w *jsonWriter) object(o object, depth int) error {
	if err := w.charge(objectStep); err != nil {
		return err
	}
	w.out = append(w.out, '{')
	written := 0
	fields := objects[o.typ.TypeName()]
	for _, name := range attributeNames[o.typ.TypeName()] {
		a := fields[name]
		if a.set != nil && !a.set(o.in) {
			continue
		}
		if err := w.name(name, written); err != nil {
			return err
		}
		if err := w.native(a.get(o.in), depth+1); err != nil {
			return err
		}
		written++
	}
	w.out = append(w.out, '}')
	return nil
}

// members writes an object; it sorts what it is given.
func (w *jsonWriter) members(members []member, depth int) error {
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	w.out = append(w.out, '{')
	for i, m := range members {
		if i > 0 && m.name == members[i-1].name {
			return valueErrorf("two keys of a map have one name in JSON")
		}
		if err := w.name(m.name, i); err != nil {
			return err
		}
		if err := w.value(m.value, depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}
