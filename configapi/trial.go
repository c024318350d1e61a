package configapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// Trial is a filter or pattern and transforms to be tried with events, outside of any subscription.
type Trial struct {
	// Space is whose expressions they are: where costly ones have to wait, spaces take turns. Default: the empty space.
	Space   string
	Filter  string
	Pattern json.RawMessage
	eventgateway.Transforms

	filter *matcher.Filter
	cost   map[string]uint64
}

// Problem is what is wrong with an expression, or why it failed for an event.
type Problem struct {
	// Field is the field of the subscription the expression stands in.
	Field string `json:"field"`
	// Line and Column are where in the expression, both from 1; 0 where it is not known.
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// Outcome is what a Trial makes of one event.
type Outcome struct {
	// Matches tells whether the event is delivered. Only then is anything below it given.
	Matches bool `json:"matches"`
	// Encoded is what the function gets, if that is not the event as it is.
	*EncodedValue
	// Headers are what is sent beside it.
	Headers http.Header `json:"headers,omitempty"`
	// Response is what the sender gets.
	Response *EncodedValue `json:"response,omitempty"`
	// Problems are why an expression failed. A filter that fails does not match.
	Problems []Problem `json:"errors,omitempty"`
}

// EncodedValue is the value of a transform.
type EncodedValue struct {
	// Value is JSON as it is; text as a JSON string; bytes as one in base64.
	Value       json.RawMessage `json:"value"`
	ContentType string          `json:"contentType"`
}

// Compile compiles all expressions and returns what is wrong with them: a subscription with them is refused.
func (t *Trial) Compile() []Problem {
	var problems []Problem
	t.cost = map[string]uint64{}
	sub := &eventgateway.Subscription{Filter: t.Filter, Pattern: t.Pattern}
	filter, err := matcher.CompileFilter(sub, expression.Scope{})
	if err != nil {
		problems = append(problems, problemOf(err))
	} else if filter != nil {
		t.filter = filter
		field := "filter"
		if len(t.Pattern) > 0 {
			field = "pattern"
		}
		t.cost[field] = filter.Cost()
	}
	compile := func(kind expression.Kind, field, source string) {
		if source == "" {
			return
		}
		program, err := expression.Compile(kind, field, source, expression.Scope{})
		if err != nil {
			problems = append(problems, problemOf(err))
			return
		}
		t.cost[field] = program.Cost()
	}
	compile(expression.Transform, "transform", t.Transform)
	compile(expression.ResponseTransform, "responseTransform", t.ResponseTransform)
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		compile(expression.Transform, "headers."+name, t.Headers[name])
	}
	return problems
}

// Try tries an event with what Compile found nothing wrong with. response is a function's answer for the response
// transform; nil leaves that out.
func (t *Trial) Try(ev *eventgateway.Event, params eventgateway.PathParams, response *expression.Response) Outcome {
	in := expression.NewInput(ev)
	in.SetParams(params)
	in.SetSpace(t.Space)
	var o Outcome
	matches, err := t.filter.Match(in)
	if err != nil {
		o.fail("filter", err)
	}
	if !matches || err != nil {
		return o
	}
	o.Matches = true
	if t.Transforms.ChangeCall() {
		encoded, err := expression.Encode(in, eventgateway.FormatEvent, eventgateway.Route{Params: params}, &t.Transforms)
		if err != nil {
			o.fail("transform", err)
			return o
		}
		o.EncodedValue, o.Headers = encodedValue(encoded.Payload, encoded.ContentType), encoded.Header
	}
	if t.ResponseTransform != "" && response != nil {
		payload, contentType, err := expression.EncodeResponse(in, t.ResponseTransform, response)
		if err != nil {
			o.fail("responseTransform", err)
			return o
		}
		o.Response = encodedValue(payload, contentType)
	}
	return o
}

func (o *Outcome) fail(field string, err error) {
	var failed *expression.TransformError
	if errors.As(err, &failed) {
		field, err = failed.Field, failed.Err
	}
	o.Problems = append(o.Problems, problemOf(fmt.Errorf("%s: %w", field, err)))
}

func encodedValue(payload []byte, contentType string) *EncodedValue {
	v := &EncodedValue{ContentType: contentType}
	switch {
	case eventgateway.IsJSON(contentType) && json.Valid(payload):
		v.Value = payload
	case strings.HasPrefix(contentType, "text/"):
		v.Value = eventgateway.AppendJSONString(nil, payload)
	default:
		v.Value = canonical(payload) // base64
	}
	return v
}

// problemOf takes apart what expressions' errors say: "field: line:column: message", where the position may be missing.
func problemOf(err error) Problem {
	var p Problem
	p.Field, p.Message, _ = strings.Cut(err.Error(), ": ")
	position, message, ok := strings.Cut(p.Message, ": ")
	if _, err := fmt.Sscanf(position, "%d:%d", &p.Line, &p.Column); ok && err == nil {
		p.Message = message
	}
	return p
}
