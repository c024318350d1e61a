package expression

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/eventgateway/eventgateway"
)

// TransformError is why a transform could not be applied to an event. Its text holds nothing of the event.
type TransformError struct {
	// Field is the field of the subscription: "transform", "responseTransform" or "headers.<name>".
	Field string
	Err   error
}

func (e *TransformError) Error() string { return e.Field + ": " + e.Err.Error() }

func (e *TransformError) Unwrap() error { return e.Err }

// CheckTransforms compiles the transforms of s, as Compile does.
func CheckTransforms(s *eventgateway.Subscription, scope Scope) error {
	for _, e := range []struct {
		kind          Kind
		field, source string
	}{{Transform, "transform", s.Transform}, {ResponseTransform, "responseTransform", s.ResponseTransform}} {
		if e.source == "" {
			continue
		}
		if _, err := Compile(e.kind, e.field, e.source, scope); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if _, err := Compile(Transform, "headers."+name, s.Headers[name], scope); err != nil {
			return err
		}
	}
	return nil
}

// Encode writes the event of in as a function of format f gets it through a subscription with the transforms t, which may
// be nil, that it came to by route. An error is a *TransformError.
//
// The value of a transform is the payload, whatever the format: a string as text/plain, bytes as application/octet-stream,
// anything else as JSON. A header Content-Type says otherwise what type it is. With the format cloudevents-binary the
// event's attributes stand beside it.
func Encode(in *Input, f eventgateway.Format, route eventgateway.Route, t *eventgateway.Transforms) (eventgateway.Encoded, error) {
	in.SetParams(route.Params)
	var encoded eventgateway.Encoded
	switch {
	case t == nil || t.Transform == "":
		encoded = in.Event().EncodeRoute(nil, f, route)
	default:
		if f == eventgateway.FormatCloudEventsBinary {
			encoded.Header = in.Event().EncodeRoute(nil, f, route).Header
		}
		var err error
		if encoded.Payload, encoded.ContentType, err = apply(Transform, "transform", t.Transform, in); err != nil {
			return encoded, err
		}
	}
	if t == nil || len(t.Headers) == 0 {
		return encoded, nil
	}
	return encoded, setHeaders(&encoded, in, t.Headers)
}

// EncodeResponse evaluates a response transform and returns what stands in place of the function's answer, and its MIME
// type as Encode gives it. An error is a *TransformError.
func EncodeResponse(in *Input, source string, r *Response) (payload []byte, contentType string, err error) {
	in.SetResponse(r)
	defer in.SetResponse(nil)
	return apply(ResponseTransform, "responseTransform", source, in)
}

func apply(kind Kind, field, source string, in *Input) (payload []byte, contentType string, err error) {
	value, err := evaluate(kind, field, source, in)
	if err != nil {
		return nil, "", err
	}
	payload, contentType = value.Payload()
	return payload, contentType, nil
}

func evaluate(kind Kind, field, source string, in *Input) (Value, error) {
	program, err := recent.get(kind, field, source)
	if err != nil {
		return Value{}, &TransformError{field, errors.New("the expression does not compile any more")}
	}
	shared := in.shared
	in.purpose, in.shared = transforming, false // it holds up the call of its own function only
	in.used.by(usageKey{in.space, transforming}).spent = 0
	value, err := program.Value(in)
	in.purpose, in.shared = filtering, shared
	if err != nil {
		return Value{}, &TransformError{field, WithoutData(source, err)}
	}
	return value, nil
}

// setHeaders adds the headers to encoded, in the order of their names, so that the same input gives the same error.
func setHeaders(encoded *eventgateway.Encoded, in *Input, headers map[string]string) error {
	header := make(http.Header, len(encoded.Header)+len(headers))
	maps.Copy(header, encoded.Header)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		field := "headers." + name
		value, err := evaluate(Transform, field, headers[name], in)
		if err != nil {
			return err
		}
		texts, err := value.headerTexts()
		if err != nil {
			return &TransformError{field, err}
		}
		switch key := http.CanonicalHeaderKey(name); {
		case len(texts) == 0:
		case key != "Content-Type":
			header[key] = texts
		case len(texts) > 1 || eventgateway.ValidateDataType(field, texts[0]) != nil:
			return &TransformError{field, errors.New("the value is no MIME type: want one such as application/json")}
		default:
			encoded.ContentType = texts[0]
		}
	}
	encoded.Header = header
	return nil
}

const (
	maxHeaderValues = 32
	maxHeaderBytes  = 8 << 10
)

// headerTexts returns the value as those of a header: a string, number or boolean is one, a list of them several, and
// null or an empty optional none.
func (v Value) headerTexts() ([]string, error) {
	if text, ok := v.Text(); ok {
		return []string{text}, checkHeaderText(text)
	}
	doc := v.JSON()
	if doc[0] != '[' {
		text, ok, err := headerText(doc)
		if err != nil || !ok {
			return nil, err
		}
		return []string{text}, nil
	}
	var texts []string
	for element := range eventgateway.JSONElements(doc) {
		text, ok, err := headerText(element)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if len(texts) == maxHeaderValues {
			return nil, fmt.Errorf("more than %d values", maxHeaderValues)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// headerText returns a JSON scalar as text, and false for null.
func headerText(doc []byte) (text string, ok bool, err error) {
	if bytes.Equal(doc, []byte("null")) {
		return "", false, nil
	}
	if doc[0] == '{' || doc[0] == '[' {
		return "", false, errors.New("the value is no text: want a string, a number, a boolean, or a list of them")
	}
	inString, isString := eventgateway.JSONText(doc)
	if !isString {
		inString = doc
	}
	return string(inString), true, checkHeaderText(string(inString))
}

func checkHeaderText(text string) error {
	if len(text) > maxHeaderBytes || !eventgateway.ValidHeaderValue(text) {
		return fmt.Errorf("the value cannot stand in a header: want at most %d bytes without control characters", maxHeaderBytes)
	}
	return nil
}
