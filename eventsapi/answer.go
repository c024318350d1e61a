package eventsapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// answer is the HTTP answer a function describes as {"statusCode": 200, "headers": {}, "body": "", "isBase64Encoded": false}.
type answer struct {
	status int
	fields []headerField
	body   []byte
	binary bool
	// toHEAD tells that the answer is to a HEAD request.
	toHEAD bool
}

// headerField is one header line.
type headerField struct{ name, value string }

// maxFields bounds the header lines of an answer.
const maxFields = 1000

// parseAnswer reads a function's answer. Members it does not know are ignored; of a member given twice the last counts.
// An error names what is wrong, and holds nothing of the answer.
func parseAnswer(payload []byte) (*answer, error) {
	if err := eventgateway.ValidateJSON("answer", payload); err != nil {
		return nil, err
	}
	if firstByte(payload) != '{' {
		return nil, errors.New("want an object with statusCode, headers and body")
	}
	a := &answer{status: http.StatusOK}
	var body []byte
	for name, value := range eventgateway.JSONMembers(payload) {
		var err error
		switch text, _ := eventgateway.JSONText(name); string(text) {
		case "statusCode":
			err = a.setStatus(value)
		case "headers":
			err = a.setHeaders("headers", value)
		case "isBase64Encoded":
			err = a.setBinary(value)
		case "body":
			body = value
		}
		if err != nil {
			return nil, err
		}
	}
	return a, a.setBody(body)
}

// describesAnswer reports whether what a function said to a custom event describes an HTTP answer: it is an object whose
// statusCode is a number. Then it is one, as for http events; anything else is the answer itself.
func describesAnswer(payload []byte) bool {
	i := slices.IndexFunc(payload, func(c byte) bool { return c > ' ' })
	if i < 0 || payload[i] != '{' || !bytes.Contains(payload, []byte(`"statusCode"`)) || !json.Valid(payload) {
		return false // most answers are settled without being parsed
	}
	describes := false
	for name, value := range eventgateway.JSONMembers(payload) {
		if text, _ := eventgateway.JSONText(name); string(text) == "statusCode" {
			describes = len(value) > 0 && value[0] >= '0' && value[0] <= '9'
		}
	}
	return describes
}

func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

func (a *answer) setStatus(value []byte) error {
	a.status = http.StatusOK
	if isNull(value) {
		return nil
	}
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 200 || n > 599 {
		return errors.New("statusCode: want an integer from 200 to 599")
	}
	a.status = n
	return nil
}

func (a *answer) setBinary(value []byte) error {
	a.binary = value[0] == 't'
	if value[0] != 't' && value[0] != 'f' && value[0] != 'n' {
		return errors.New("isBase64Encoded: want true or false")
	}
	return nil
}

func (a *answer) setBody(value []byte) error {
	if isNull(value) {
		return nil
	}
	text, ok := eventgateway.JSONText(value)
	if !ok {
		return errors.New("body: want a string")
	}
	a.body = text
	if !a.binary {
		return nil
	}
	data, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return errors.New("body: want valid base64, as isBase64Encoded is true")
	}
	a.body = data
	return nil
}

// setHeaders reads the headers from the member called field.
func (a *answer) setHeaders(field string, value []byte) error {
	a.fields = nil
	if isNull(value) {
		return nil
	}
	if value[0] != '{' {
		return errors.New(field + ": want an object")
	}
	for rawName, value := range eventgateway.JSONMembers(value) {
		name, _ := eventgateway.JSONText(rawName)
		if !eventgateway.ValidHeaderName(string(name)) {
			return errors.New(field + ": want HTTP header names")
		}
		if value[0] != '[' {
			if err := a.addField(field, string(name), value); err != nil {
				return err
			}
			continue
		}
		for element := range eventgateway.JSONElements(value) {
			if err := a.addField(field, string(name), element); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *answer) addField(field, name string, value []byte) error {
	switch value[0] {
	case 'n':
		return nil
	case '{', '[':
		return errors.New(field + ": want strings, or lists of strings, as values")
	}
	text, ok := eventgateway.JSONText(value)
	if !ok {
		text = value // a number or a boolean, as it stands
	}
	if !eventgateway.ValidHeaderValue(string(text)) {
		return errors.New(field + ": want values without control characters")
	}
	if len(a.fields) == maxFields {
		return fmt.Errorf("%s: want at most %d", field, maxFields)
	}
	a.fields = append(a.fields, headerField{http.CanonicalHeaderKey(name), strings.TrimSpace(string(text))})
	return nil
}

// write sends the answer. withCORS tells that the gateway has set CORS headers, which the function may not overrule.
func (a *answer) write(w http.ResponseWriter, withCORS bool) {
	header := w.Header()
	given := make(map[string]bool, len(a.fields))
	for _, f := range a.fields {
		switch {
		case isConnectionHeader(f.name):
		case withCORS && (f.name == "Access-Control-Allow-Origin" || f.name == "Access-Control-Allow-Credentials"):
		case given[f.name] || f.name == "Vary":
			header[f.name] = append(header[f.name], f.value)
		default:
			given[f.name] = true
			header[f.name] = []string{f.value}
		}
	}
	bodiless := a.status == http.StatusNoContent || a.status == http.StatusResetContent || a.status == http.StatusNotModified
	if !bodiless {
		if len(a.body) > 0 && !given["Content-Type"] {
			header["Content-Type"] = []string{"text/plain; charset=utf-8"}
			if a.binary {
				header["Content-Type"] = []string{eventgateway.TypeOctetStream}
			}
			header["X-Content-Type-Options"] = []string{"nosniff"}
		}
		header["Content-Length"] = []string{strconv.Itoa(a.length())}
	}
	w.WriteHeader(a.status)
	if !bodiless {
		_, _ = w.Write(a.body) // the server leaves it out for HEAD; a sender that went away is no concern of ours
	}
}

// length is that of the body. A function that leaves out the body of an answer to HEAD by itself says which length it has.
func (a *answer) length() int {
	if !a.toHEAD || len(a.body) > 0 {
		return len(a.body)
	}
	for _, f := range a.fields {
		if n, err := strconv.Atoi(f.value); f.name == "Content-Length" && err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// isConnectionHeader reports whether a header belongs to one connection, or to how the server frames the body.
func isConnectionHeader(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
