package eventgateway

import (
	"cmp"
	"net/http"
	"net/url"
)

// readRequest reads the data of an http event: what appendHTTP writes, where a header's or query parameter's values may be
// a string or a list.
func (d *eventDocument) readRequest(at string, object []byte) error {
	r := &HTTPRequest{Method: http.MethodGet, Path: "/", Header: http.Header{}}
	var body []byte
	err := members(at, object, func(name, at string, value []byte) (err error) {
		switch name {
		case "method":
			r.Method, err = jsonString(at, value)
		case "path":
			r.Path, err = jsonString(at, value)
		case "host":
			r.Host, err = jsonString(at, value)
		case "headers":
			err = readLists(at, value, func(name string, values []string) error {
				if !ValidHeaderName(name) {
					return InvalidField(at, name, "HTTP header names")
				}
				r.Header[http.CanonicalHeaderKey(name)] = values
				return nil
			})
		case "query":
			r.Query = url.Values{}
			err = readLists(at, value, func(name string, values []string) error {
				r.Query[name] = values
				return nil
			})
		case "params":
			err = members(at, value, func(name, at string, value []byte) error {
				text, err := jsonString(at, value)
				d.params = append(d.params, PathParam{name, text})
				return err
			})
		case "body":
			body = value
		default:
			err = Errorf(Invalid, "unknown field %s: want only method, path, host, headers, query, params, body", at)
		}
		return err
	})
	if err != nil {
		return err
	}
	if !isToken(r.Method) {
		return InvalidField(at+".method", r.Method, "an HTTP method such as GET")
	}
	d.ev.HTTP = r
	d.ev.DataType = cmp.Or(r.Header.Get("Content-Type"), TypeJSON)
	d.ev.Data, err = readData(at+".body", d.ev.DataType, body)
	return err
}

// readLists reads an object of strings or lists of strings.
func readLists(at string, object []byte, add func(name string, values []string) error) error {
	return members(at, object, func(name, at string, value []byte) error {
		values, err := jsonStrings(at, value)
		if err != nil {
			return err
		}
		return add(name, values)
	})
}
