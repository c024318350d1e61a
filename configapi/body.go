package configapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway"
)

const (
	defaultMaxBody = 1 << 20
	// bodyTimeout bounds how long a body may take to arrive.
	bodyTimeout = 30 * time.Second
	// maxDepth bounds how deep a body's JSON may nest.
	maxDepth = 32
)

// readBody reads a request's body, which must be one JSON value in UTF-8.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	data, err := receive(w, r, limit)
	if err != nil {
		return nil, err
	}
	return data, checkJSON(data)
}

// receive reads a request's body, whatever it holds.
func receive(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	// Not every server has deadlines; one without is left to its own timeouts.
	deadlines := http.NewResponseController(w)
	timed := deadlines.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refusef(http.StatusRequestEntityTooLarge, "body: too large: want at most %d bytes", limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refusef(http.StatusRequestTimeout, "body: did not arrive within %s", bodyTimeout)
	case err != nil:
		return nil, eventgateway.Errorf(eventgateway.Invalid, "body: broken off: want the %d bytes of Content-Length", r.ContentLength)
	}
	if timed {
		// Only now: what is left of a refused body is read on by the server, and must not hold the connection either.
		err = deadlines.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return nil, fmt.Errorf("lift the read deadline: %w", err)
	}
	return data, nil
}

// checkJSON refuses what is not exactly one JSON value in UTF-8 of reasonable depth.
func checkJSON(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return eventgateway.Errorf(eventgateway.Invalid, "body: empty: want a JSON object")
	}
	if !utf8.Valid(data) {
		return eventgateway.Errorf(eventgateway.Invalid, "body: not valid UTF-8: want JSON in UTF-8")
	}
	if nestsDeeper(data, maxDepth) {
		return eventgateway.Errorf(eventgateway.Invalid, "body: nested too deep: want at most %d levels of JSON", maxDepth)
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(json.RawMessage)); errors.As(err, &syntax) {
		return eventgateway.Errorf(eventgateway.Invalid, "body: not valid JSON at byte %d: %s", syntax.Offset, syntax)
	}
	return nil
}

// nestsDeeper reports whether JSON nests deeper than limit.
func nestsDeeper(data []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// field is one field of a JSON object and how it is read. A null counts as not given.
type field struct {
	name string
	read func(path string, raw json.RawMessage) error
}

// readObject reads the fields of an object in valid JSON. A name that is not among fields or stands twice is refused. path
// is where the object stands, empty for the body itself.
func readObject(path string, raw json.RawMessage, fields []field) error {
	given := map[string]bool{}
	return eachField(path, raw, func(at, name string, value json.RawMessage) error {
		for _, f := range fields {
			if f.name != name {
				continue
			}
			if given[name] {
				return eventgateway.Errorf(eventgateway.Invalid, "%s: given twice: want every field once", at)
			}
			given[name] = true
			if string(value) == "null" {
				return nil
			}
			return f.read(at, value)
		}
		names := make([]string, len(fields))
		for i, f := range fields {
			names[i] = f.name
		}
		return eventgateway.Errorf(eventgateway.Invalid, "unknown field %s: want only %s",
			eventgateway.Quote(at), strings.Join(names, ", "))
	})
}

// eachField calls visit for every field of an object in valid JSON, in their order.
func eachField(path string, raw json.RawMessage, visit func(at, name string, value json.RawMessage) error) error {
	if raw = bytes.TrimSpace(raw); raw[0] != '{' {
		at := path
		if at == "" {
			at = "body"
		}
		return wrongType(at, raw, "a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, at := token.(string), token.(string)
		if path != "" {
			at = path + "." + name
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := visit(at, name, value); err != nil {
			return err
		}
	}
	return nil
}

// text reads a string; it leaves dst nil when the field is not given.
func text(dst **string) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if raw[0] != '"' {
			return wrongType(path, raw, "a string")
		}
		return json.Unmarshal(raw, dst)
	}
}

// texts reads an array of strings.
func texts(dst *[]string) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if raw[0] != '[' {
			return wrongType(path, raw, "an array of strings")
		}
		var values []json.RawMessage
		if err := json.Unmarshal(raw, &values); err != nil {
			return err
		}
		*dst = make([]string, len(values))
		for i, value := range values {
			if value[0] != '"' {
				return wrongType(path, value, "only strings in the array")
			}
			if err := json.Unmarshal(value, &(*dst)[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// textMap reads an object of strings.
func textMap(dst *map[string]string) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		values := map[string]string{}
		err := eachField(path, raw, func(at, name string, value json.RawMessage) error {
			if _, twice := values[name]; twice {
				return eventgateway.Errorf(eventgateway.Invalid, "%s: given twice: want every field once", eventgateway.Quote(at))
			}
			if value[0] != '"' {
				return wrongType(eventgateway.Quote(at), value, "a string")
			}
			var s string
			err := json.Unmarshal(value, &s)
			values[name] = s
			return err
		})
		if len(values) > 0 {
			*dst = values
		}
		return err
	}
}

// object reads a JSON object as it is, without its white space.
func object(dst *json.RawMessage) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if raw[0] != '{' {
			return wrongType(path, raw, "a JSON object")
		}
		var b bytes.Buffer
		err := json.Compact(&b, raw)
		*dst = b.Bytes()
		return err
	}
}

// boolean reads true or false.
func boolean(dst *bool) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if raw[0] != 't' && raw[0] != 'f' {
			return wrongType(path, raw, "true or false")
		}
		return json.Unmarshal(raw, dst)
	}
}

// wrongType tells what kind of value stands where another is wanted, but not the value: it may be a credential.
func wrongType(path string, raw json.RawMessage, want string) error {
	got := "a number"
	switch raw[0] {
	case '"':
		got = "a string"
	case '{':
		got = "an object"
	case '[':
		got = "an array"
	case 't', 'f':
		got = "a boolean"
	case 'n':
		got = "null"
	}
	return eventgateway.Errorf(eventgateway.Invalid, "%s: %s is not accepted: want %s", path, got, want)
}
