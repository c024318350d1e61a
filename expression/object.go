package expression

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// The types of the variables event, request and response.
var (
	eventType    = cel.ObjectType("eventgateway.Event", traits.FieldTesterType, traits.IndexerType)
	requestType  = cel.ObjectType("eventgateway.Request", traits.FieldTesterType, traits.IndexerType)
	responseType = cel.ObjectType("eventgateway.Response", traits.FieldTesterType, traits.IndexerType)

	textMap = cel.MapType(cel.StringType, cel.StringType)
)

// attribute is one field of an object: its type, and its value in an input, of a Go type that CEL knows.
type attribute struct {
	typ *cel.Type
	get func(*Input) any
	// set reports whether the event has it; nil means it always has.
	set func(*Input) bool
}

// objects are the fields of each type by name.
var objects = map[string]map[string]attribute{
	eventType.TypeName(): {
		"type":    {cel.StringType, func(in *Input) any { return in.event.Type }, nil},
		"id":      {cel.StringType, func(in *Input) any { return in.event.ID }, nil},
		"source":  {cel.StringType, func(in *Input) any { return in.source() }, func(in *Input) bool { return in.source() != "" }},
		"subject": {cel.StringType, func(in *Input) any { return in.subject() }, func(in *Input) bool { return in.subject() != "" }},
		"time":    {cel.TimestampType, func(in *Input) any { return in.time() }, nil},
		"dataType": {
			cel.StringType,
			func(in *Input) any { return in.event.DataType }, func(in *Input) bool { return in.event.DataType != "" },
		},
		"extensions": {cel.MapType(cel.StringType, cel.DynType), func(in *Input) any { return in.extensions() }, nil},
	},
	requestType.TypeName(): {
		"method":  {cel.StringType, func(in *Input) any { return in.event.HTTP.Method }, nil},
		"path":    {cel.StringType, func(in *Input) any { return in.event.HTTP.Path }, nil},
		"host":    {cel.StringType, func(in *Input) any { return in.event.HTTP.Host }, nil},
		"headers": {textMap, func(in *Input) any { return in.Headers() }, nil},
		"query": {
			cel.MapType(cel.StringType, cel.ListType(cel.StringType)),
			func(in *Input) any { return map[string][]string(in.event.HTTP.Query) }, nil,
		},
		"params": {textMap, func(in *Input) any { return in.paramMap() }, nil},
	},
	responseType.TypeName(): {
		"status":  {cel.IntType, func(in *Input) any { return in.response.Status }, nil},
		"headers": {textMap, func(in *Input) any { return in.responseHeaders() }, nil},
		"data":    {cel.DynType, func(in *Input) any { return in.responseData() }, nil},
	},
}

// attributeNames are the names of each type's fields, in order.
var attributeNames = func() map[string][]string {
	names := map[string][]string{}
	for typ, fields := range objects {
		names[typ] = slices.Sorted(maps.Keys(fields))
	}
	return names
}()

// withObjects adds the object types to an environment; the last of its options, as libraries want the provider of before.
func withObjects(env *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeProvider(provider{env.CELTypeProvider()})(env)
}

// provider knows the object types beside those of CEL.
type provider struct{ types.Provider }

func (p provider) FindStructType(name string) (*types.Type, bool) {
	switch name {
	case eventType.TypeName():
		return types.NewTypeTypeWithParam(eventType), true
	case requestType.TypeName():
		return types.NewTypeTypeWithParam(requestType), true
	case responseType.TypeName():
		return types.NewTypeTypeWithParam(responseType), true
	}
	return p.Provider.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	names, ok := attributeNames[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	return names, true
}

func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := objects[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	a, ok := fields[field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type: a.typ,
		IsSet: func(of any) bool {
			o, ok := of.(object)
			return ok && (a.set == nil || a.set(o.in))
		},
		GetFrom: func(of any) (any, error) {
			o, ok := of.(object)
			if !ok {
				return nil, fmt.Errorf("no such field: %s", field)
			}
			return a.get(o.in), nil
		},
	}, true
}

// NewValue refuses to make an event, a request or a response in an expression.
func (p provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := objects[name]; ok {
		return types.NewErr("%s cannot be made in an expression", name)
	}
	return p.Provider.NewValue(name, fields)
}

// object is the value of event, request or response.
type object struct {
	typ *cel.Type
	in  *Input
}

func (o object) Type() ref.Type { return o.typ }

func (o object) Value() any { return o }

func (o object) Equal(other ref.Val) ref.Val {
	same, ok := other.(object)
	return types.Bool(ok && same == o)
}

func (o object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot be converted to %v", o.typ.TypeName(), t)
}

func (o object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.typ
	}
	return types.NewErr("type conversion error from %s to %s", o.typ.TypeName(), t.TypeName())
}

// IsSet implements traits.FieldTester, for where the type is not known when compiled.
func (o object) IsSet(field ref.Val) ref.Val {
	a, ok := o.attribute(field)
	return types.Bool(ok && (a.set == nil || a.set(o.in)))
}

// Get implements traits.Indexer.
func (o object) Get(field ref.Val) ref.Val {
	a, ok := o.attribute(field)
	if !ok {
		return types.NewErr("no such field: %v", field.Value())
	}
	return types.DefaultTypeAdapter.NativeToValue(a.get(o.in))
}

func (o object) attribute(field ref.Val) (attribute, bool) {
	name, ok := field.(types.String)
	if !ok {
		return attribute{}, false
	}
	a, ok := objects[o.typ.TypeName()][string(name)]
	return a, ok
}
