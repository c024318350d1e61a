package schema

import (
	"errors"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Where the library thinks the schemas are.
const (
	rootURL  = "schema:///root"
	checkURL = "schema:///check"
)

// instance is a schema that was compiled for one goroutine at a time.
type instance struct {
	root *jsonschema.Schema
	// check says the same without saying why: it is "not not root". So it costs no memory for what is wrong, at each of maybe
	// 100,000 places or in each alternative of an anyOf.
	check *jsonschema.Schema
	meter meter
}

// compile makes an instance.
func (s *source) compile() (_ *instance, err error) {
	defer func() {
		// A schema is anybody's, and the library is not written to be sure of it.
		if p := recover(); p != nil {
			err = invalid("not accepted: it cannot be compiled")
		}
	}()
	i := &instance{}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	compiler.UseRegexpEngine((&patterns{meter: &i.meter}).compile)
	check := map[string]any{"not": map[string]any{"not": map[string]any{"$ref": rootURL}}}
	if err := errors.Join(compiler.AddResource(rootURL, s.document), compiler.AddResource(checkURL, check)); err != nil {
		return nil, invalid("not accepted: it cannot be compiled")
	}
	if i.root, err = compiler.Compile(rootURL); err != nil {
		return nil, describeRefusal(err)
	}
	if i.check, err = compiler.Compile(checkURL); err != nil {
		return nil, describeRefusal(err)
	}
	all := schemas{meter: &i.meter, lengths: map[*jsonschema.Schema]int{}}
	for _, anchor := range s.anchors {
		// What is no schema, as in an enum, is no anchor.
		if target, err := compiler.Compile(rootURL + "#" + anchor); err == nil {
			all.anchored = append(all.anchored, target)
		}
	}
	if err := all.prepare(i.check); err != nil {
		return nil, err
	}
	return i, nil
}

// validate checks a value: whether it is valid, and only if not, what is wrong.
func (i *instance) validate(value any, shape shape) *Violation {
	i.meter.left = workAtLeast + workPerByte*shape.bytes
	valid, done := i.run(i.check, value)
	switch {
	case !done:
		return &Violation{Message: "it takes too much work to check it against the schema"}
	case valid == nil:
		return nil
	}
	i.meter.left = memoryForErrors / (memoryPerError + memoryPerLevel*shape.depth)
	wrong, done := i.run(i.root, value)
	if !done || wrong == nil {
		return &Violation{Message: "violates the schema, and has too many values to say where"}
	}
	return describe(wrong)
}

// run validates value by one of the schemas, and reports whether it got to the end.
func (i *instance) run(s *jsonschema.Schema, value any) (wrong *jsonschema.ValidationError, done bool) {
	defer func() {
		if p := recover(); p != nil {
			wrong, done = nil, false
		}
	}()
	err := s.Validate(value)
	errors.As(err, &wrong)
	return wrong, true
}

// noLoader fetches nothing.
type noLoader struct{}

var errNotFetched = errors.New("nothing is fetched")

func (noLoader) Load(string) (any, error) { return nil, errNotFetched }
