package eventsapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// parseAnswerIn reads the answer of a function whose format is f.
func parseAnswerIn(f eventgateway.Format, payload []byte) (*answer, error) {
	if !f.OnlyHTTP() {
		return parseAnswer(payload)
	}
	if err := eventgateway.ValidateJSON("answer", payload); err != nil {
		return nil, err
	}
	members := gatewayAnswerOf(payload)
	if f == eventgateway.FormatAPIGatewayV2 && isNull(members.status) {
		return plainAnswer(payload), nil
	}
	if !members.object {
		return nil, errors.New("want an object with statusCode, headers, multiValueHeaders and body")
	}
	a := &answer{status: http.StatusOK}
	if err := a.setMembers(&members); err != nil {
		return nil, err
	}
	if f == eventgateway.FormatAPIGatewayV2 {
		return a, a.addCookies(members.cookies)
	}
	if len(a.body) > 0 && !a.binary && !slices.ContainsFunc(a.fields, isContentType) {
		a.fields = append(a.fields, headerField{"Content-Type", eventgateway.TypeJSON}) // as REST APIs do
	}
	return a, nil
}

// gatewayAnswer is an answer as API Gateway reads it, by its members.
type gatewayAnswer struct {
	object                                                   bool
	status, headers, multiHeaders, cookies, body, asIsBase64 []byte
}

// gatewayAnswerOf finds the members of an answer, which is valid JSON. Of a member given twice the last counts.
func gatewayAnswerOf(payload []byte) (m gatewayAnswer) {
	m.object = firstByte(payload) == '{'
	for name, value := range eventgateway.JSONMembers(payload) {
		switch text, _ := eventgateway.JSONText(name); string(text) {
		case "statusCode":
			m.status = value
		case "headers":
			m.headers = value
		case "multiValueHeaders":
			m.multiHeaders = value
		case "cookies":
			m.cookies = value
		case "body":
			m.body = value
		case "isBase64Encoded":
			m.asIsBase64 = value
		}
	}
	return m
}

// plainAnswer is the answer of a function that only gives a value: a string is the body as it reads, anything else as JSON.
func plainAnswer(payload []byte) *answer {
	a := &answer{status: http.StatusOK, body: payload, fields: []headerField{{"Content-Type", eventgateway.TypeJSON}}}
	if firstByte(payload) == '"' {
		a.body, _ = eventgateway.JSONText(bytes.TrimSpace(payload))
	}
	return a
}

func (a *answer) setMembers(m *gatewayAnswer) error {
	status := m.status
	if len(status) > 2 && status[0] == '"' && status[1] >= '0' && status[1] <= '9' {
		status = status[1 : len(status)-1] // "200" counts as a number
	}
	if err := a.setStatus(status); err != nil {
		return err
	}
	if err := a.setGatewayHeaders(m.headers, m.multiHeaders); err != nil {
		return err
	}
	if len(m.asIsBase64) > 0 {
		if err := a.setBinary(m.asIsBase64); err != nil {
			return err
		}
	}
	return a.setBody(m.body)
}

// setGatewayHeaders sets both kinds of headers. What stands in both is sent once, also where all of a header's values are
// joined in the one.
func (a *answer) setGatewayHeaders(single, multi []byte) error {
	if err := a.setHeaders("multiValueHeaders", multi); err != nil {
		return err
	}
	fields := a.fields
	if err := a.setHeaders("headers", single); err != nil {
		return err
	}
	given := len(fields)
	for _, f := range a.fields {
		if !repeats(fields[:given], f) {
			fields = append(fields, f)
		}
	}
	if len(fields) > maxFields {
		return fmt.Errorf("headers: want at most %d", maxFields)
	}
	a.fields = fields
	return nil
}

// repeats reports whether f is one of fields, or joins those of its name.
func repeats(fields []headerField, f headerField) bool {
	if slices.Contains(fields, f) {
		return true
	}
	rest, joined := f.value, false
	for _, other := range fields {
		if other.name != f.name {
			continue
		}
		var ok bool
		if rest, ok = strings.CutPrefix(rest, other.value); !ok {
			return false
		}
		rest, joined = strings.TrimLeft(rest, ", "), true
	}
	return joined && rest == ""
}

// addCookies sends each of a list of cookies in a header of its own.
func (a *answer) addCookies(list []byte) error {
	if isNull(list) {
		return nil
	}
	if list[0] != '[' {
		return errors.New("cookies: want a list of strings")
	}
	for cookie := range eventgateway.JSONElements(list) {
		if cookie[0] != '"' {
			return errors.New("cookies: want a list of strings")
		}
		if err := a.addField("cookies", "Set-Cookie", cookie); err != nil {
			return err
		}
	}
	return nil
}

func isContentType(f headerField) bool { return f.name == "Content-Type" }

// firstByte returns the first byte of a JSON value that is no white space.
func firstByte(payload []byte) byte {
	return payload[slices.IndexFunc(payload, func(c byte) bool { return c > ' ' })]
}
