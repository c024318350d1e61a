// Package schema validates the data of events by JSON Schema, draft 2020-12. Schemas and data come from others: what either can
// cost is bounded, see Compile and Validate.
package schema

import (
	"encoding/json"
	"runtime"
	"sync/atomic"

	"github.com/eventgateway/eventgateway"
)

// Schema is a compiled JSON Schema. It is safe for concurrent use.
type Schema struct {
	source *source
	// free are the instances that no goroutine uses; made is how many there are. An instance counts what one validation costs, so
	// it is used by one goroutine at a time, and there are no more of them than can run at once.
	free chan *instance
	made atomic.Int32
}

// Compile compiles a schema: an object or a bool. Its $schema may be draft 2020-12, which is the default, or 2019-09, 07, 06 or 04.
// It fetches nothing: a $ref may only point into the schema itself. Regular expressions are those of Go's regexp (RE2). The
// keywords format, contentEncoding and contentMediaType are annotations, as the draft has them by default: they refuse nothing.
//
// Refused is also what would cost too much: more than eventgateway.MaxSchemaLength bytes, 64 levels, 20,000 values or 1,000
// objects, a pattern of more than 1,000 bytes, or a schema that refers to itself without going down in the data. An error is an
// *eventgateway.Error of kind Invalid that begins with "schema" and names where in the schema it is wrong.
func Compile(text json.RawMessage) (*Schema, error) {
	source, err := parse(text)
	if err != nil {
		return nil, err
	}
	first, err := source.compile()
	if err != nil {
		return nil, err
	}
	most := runtime.GOMAXPROCS(0)
	s := &Schema{source: source, free: make(chan *instance, most)}
	s.made.Store(1)
	s.free <- first
	return s, nil
}

// Validate checks data, JSON or empty for no data, which is checked as null. A violation is a *Violation. It also is one if data is
// nested more than 256 levels deep, has a number of more than 128 digits or an exponent beyond ±400, or takes more work to
// check than its size allows for, as some schemas make it.
func (s *Schema) Validate(data []byte) error {
	value, shape, violation := decode(data)
	if violation != nil {
		return violation
	}
	i := s.acquire()
	defer func() { s.free <- i }()
	if violation := i.validate(value, shape); violation != nil {
		return violation
	}
	return nil
}

// acquire returns an instance; the caller puts it back into free.
func (s *Schema) acquire() *instance {
	select {
	case i := <-s.free:
		return i
	default:
	}
	if s.made.Add(1) <= int32(cap(s.free)) {
		if i, err := s.source.compile(); err == nil {
			return i
		}
	}
	s.made.Add(-1)
	return <-s.free
}

// Violation is the first way found in which data violates a schema. It holds nothing of the data but where it is wrong.
type Violation struct {
	// Location is the JSON pointer of the value that is wrong; empty for the whole data. Of a pointer of more than 256 bytes it
	// is the beginning, which points to a value around it.
	Location string
	// Message says what is wrong and what would be accepted.
	Message string
}

// Error implements error.
func (v *Violation) Error() string {
	if v.Location == "" {
		return v.Message
	}
	return v.Location + ": " + v.Message
}

func invalid(format string, args ...any) error {
	return eventgateway.Errorf(eventgateway.Invalid, "schema: "+format, args...)
}
