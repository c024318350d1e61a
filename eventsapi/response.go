package eventsapi

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// transformResult returns what a response transform makes of the answer to a custom event or an invocation. JSON counts as
// such whatever it is called, as in the answer to an http event: few functions say what type their answer has.
func (x *exchange) transformResult(result *providers.Result, source string) (*providers.Result, error) {
	payload, contentType, err := expression.EncodeResponse(x.input, source, &expression.Response{
		Status: http.StatusOK, Data: result.Body,
		DataType: sniff(result.Body, cmp.Or(result.ContentType, eventgateway.TypeOctetStream)),
	})
	return &providers.Result{ContentType: contentType, Body: payload}, err
}

// transformAnswer returns what a response transform makes of the answer to an http event. A value with a statusCode is an
// answer of its own, as a function gives it, in which the body may be any JSON; any other value is the body in the
// function's answer.
func (x *exchange) transformAnswer(a *answer, source string) (*answer, error) {
	payload, contentType, err := expression.EncodeResponse(x.input, source, a.response())
	if err != nil {
		return nil, err
	}
	if contentType == eventgateway.TypeJSON && hasStatusCode(payload) {
		return parseTransformed(payload)
	}
	changed := &answer{status: a.status, body: payload}
	for _, f := range a.fields {
		if f.name != "Content-Type" && f.name != "Content-Encoding" {
			changed.fields = append(changed.fields, f)
		}
	}
	changed.fields = append(changed.fields, headerField{"Content-Type", contentType})
	return changed, nil
}

// response is the answer as a response transform sees it.
func (a *answer) response() *expression.Response {
	r := &expression.Response{Status: a.status, Header: make(map[string][]string, len(a.fields)), Data: a.body}
	for _, f := range a.fields {
		r.Header[f.name] = append(r.Header[f.name], f.value)
	}
	switch types := r.Header["Content-Type"]; {
	case len(types) > 0:
		r.DataType = types[0]
	case a.binary:
		r.DataType = eventgateway.TypeOctetStream
	default:
		r.DataType = sniff(a.body, "text/plain")
	}
	return r
}

// sniff returns the type of JSON if that is what body is, else the other one.
func sniff(body []byte, otherwise string) string {
	if json.Valid(body) {
		return eventgateway.TypeJSON
	}
	return otherwise
}

func hasStatusCode(doc []byte) bool {
	for name := range eventgateway.JSONMembers(doc) {
		if text, _ := eventgateway.JSONText(name); string(text) == "statusCode" {
			return true
		}
	}
	return false
}

// parseTransformed reads an answer that a transform made. Its body need not be a string: other JSON is sent as such.
func parseTransformed(payload []byte) (*answer, error) {
	var body []byte
	rest := []byte{'{'}
	for name, value := range eventgateway.JSONMembers(payload) {
		if text, _ := eventgateway.JSONText(name); string(text) == "body" && value[0] != '"' && value[0] != 'n' {
			body = value
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(append(rest, name...), ':'), value...)
	}
	a, err := parseAnswer(append(rest, '}'))
	if err != nil || body == nil {
		return a, err
	}
	a.body, a.binary = body, false
	typed := func(f headerField) bool { return f.name == "Content-Type" }
	if !slices.ContainsFunc(a.fields, typed) {
		a.fields = append(a.fields, headerField{"Content-Type", eventgateway.TypeJSON})
	}
	return a, nil
}
