package eventsapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// answered serves a request whose function answers with payload.
func answered(t testing.TB, method, payload string) *http.Response {
	return newGateway(t).function("f", says(payload)).subscribe(t, "sync http "+method+" /f f").send(request(method, "/f", ""))
}

func TestFunctionAnswers(t *testing.T) {
	const text, octets = "text/plain; charset=utf-8", "application/octet-stream"
	for _, test := range []struct {
		name, payload string
		status        int
		body          string
		contentType   string
		sniff         bool
		header        http.Header
	}{
		{"nothing", `{}`, 200, "", "", true, nil},
		{"white space around", " \n{\"body\":\"x\"}\n", 200, "x", text, false, nil},
		{"all null", `{"statusCode":null,"headers":null,"body":null,"isBase64Encoded":null}`, 200, "", "", true, nil},
		{"a body", `{"body":"é\n\"\ud83d\ude00"}`, 200, "é\n\"😀", text, false, nil},
		{"a status", `{"statusCode":404,"body":"no"}`, 404, "no", text, false, nil},
		{"the last of two", `{"statusCode":404,"statusCode":201,"body":"a","body":"b"}`, 201, "b", text, false, nil},
		{"other members", `{"body":"x","cookies":[],"x":{"body":1}}`, 200, "x", text, false, nil},
		{"base64", `{"body":"AAH/","isBase64Encoded":true}`, 200, "\x00\x01\xff", octets, false, nil},
		{"base64, said first", `{"isBase64Encoded":true,"body":"AAH/"}`, 200, "\x00\x01\xff", octets, false, nil},
		{"not base64", `{"body":"AAH/","isBase64Encoded":false}`, 200, "AAH/", text, false, nil},
		{
			"a type of its own", `{"headers":{"content-type":"image/png"},"body":"AAH/","isBase64Encoded":true}`, 200, "\x00\x01\xff",
			"image/png", true, nil,
		},
		{
			"headers", `{"headers":{"X-A":"b","set-cookie":["a=1","b=2"],"X-N":7,"X-B":true,"X-Null":null,"X-L":[],"X-Trim":" x "}}`,
			200, "", "", true,
			http.Header{
				"X-A": {"b"}, "Set-Cookie": {"a=1", "b=2"}, "X-N": {"7"}, "X-B": {"true"}, "X-Null": nil, "X-L": nil,
				"X-Trim": {"x"},
			},
		},
		{
			"one header in two cases", `{"headers":{"X-A":"b","x-a":"c"}}`, 200, "", "", true, http.Header{"X-A": {"b", "c"}},
		},
		{
			"headers of the connection",
			`{"headers":{"Connection":"close","transfer-encoding":"chunked","Content-Length":"5","Upgrade":"x","TE":"x"},"body":"x"}`,
			200, "x", text, false,
			http.Header{
				"Connection": nil, "Transfer-Encoding": nil, "Upgrade": nil, "Te": nil,
				"Content-Length": {"1"},
			},
		},
		{"204 has no body", `{"statusCode":204,"body":"x"}`, 204, "", "", true, http.Header{"Content-Length": nil}},
		{
			"304 has no body", `{"statusCode":304,"headers":{"ETag":"\"1\""},"body":"x"}`, 304, "", "", true,
			http.Header{"Etag": {`"1"`}},
		},
		{"599", `{"statusCode":599}`, 599, "", "", true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := answered(t, "GET", test.payload)
			body := bodyOf(t, res)
			if res.StatusCode != test.status || body != test.body || res.Header.Get("Content-Type") != test.contentType {
				t.Errorf("got %d %q %q, want %d %q %q", res.StatusCode, body, res.Header.Get("Content-Type"), test.status, test.body,
					test.contentType)
			}
			if sniff := res.Header.Get("X-Content-Type-Options") != "nosniff"; sniff != test.sniff {
				t.Errorf("sniffing allowed: %v, want %v", sniff, test.sniff)
			}
			for name, want := range test.header {
				if got := res.Header.Values(name); strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestFunctionAnswersNonsense(t *testing.T) {
	for _, test := range []struct{ name, payload, want string }{
		{"nothing", "", "answer: not valid JSON: it ends too early"},
		{"text", "secret", "answer: not valid JSON at byte 1"},
		{"broken off", `{"body":"secret`, "answer: not valid JSON: it ends too early"},
		{"two objects", `{}{}`, "answer: not valid JSON at byte 3"},
		{"invalid UTF-8", "{\"body\":\"\xff\"}", "answer: not valid JSON: byte 10 is not valid UTF-8"},
		{"null", `null`, "want an object"},
		{"a string", `"secret"`, "want an object"},
		{"a list", `["secret"]`, "want an object"},
		{"a status of 1xx", `{"statusCode":101}`, "statusCode: want an integer from 200 to 599"},
		{"a negative status", `{"statusCode":-200}`, "statusCode: want"},
		{"a status over 599", `{"statusCode":600}`, "statusCode: want"},
		{"a huge status", `{"statusCode":99999999999999999999}`, "statusCode: want"},
		{"a fraction", `{"statusCode":200.5}`, "statusCode: want"},
		{"a status as a string", `{"statusCode":"secret"}`, "statusCode: want"},
		{"a status as an object", `{"statusCode":{}}`, "statusCode: want"},
		{"a list of headers", `{"headers":["secret"]}`, "headers: want an object"},
		{"a header that is an object", `{"headers":{"X-A":{"secret":1}}}`, "headers: want strings, or lists of strings, as values"},
		{"a list in a list", `{"headers":{"X-A":[["secret"]]}}`, "headers: want strings"},
		{"a name with a space", `{"headers":{"secret secret":"x"}}`, "headers: want HTTP header names"},
		{"an empty name", `{"headers":{"":"x"}}`, "headers: want HTTP header names"},
		{"a trailer", `{"headers":{"Trailer:Secret":"x"}}`, "headers: want HTTP header names"},
		{"a line break in a name", `{"headers":{"X\r\nSecret":"x"}}`, "headers: want HTTP header names"},
		{"a line break in a value", `{"headers":{"X-A":"a\r\nSecret: b"}}`, "headers: want values without control characters"},
		{"too many headers", `{"headers":{"X-A":["a"` + strings.Repeat(`,"secret"`, 1000) + `]}}`, "headers: want at most 1000"},
		{"a body that is an object", `{"body":{"secret":1}}`, "body: want a string"},
		{"a body that is a number", `{"body":1}`, "body: want a string"},
		{"bad base64", `{"body":"secret!","isBase64Encoded":true}`, "body: want valid base64"},
		{"isBase64Encoded as a string", `{"body":"","isBase64Encoded":"true"}`, "isBase64Encoded: want true or false"},
		{"deep nesting", strings.Repeat("[", 100_000), "answer: not accepted as JSON: nested too deeply"},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := answered(t, "GET", test.payload)
			if body := bodyOf(t, res); strings.Contains(strings.ToLower(body), "secret") {
				t.Errorf("the answer shows the payload: %s", body)
			}
			expectError(t, answered(t, "GET", test.payload), http.StatusBadGateway, test.want)
		})
	}
}

func TestHEADHasTheHeadersOfTheBody(t *testing.T) {
	g := newGateway(t).function("f", says(`{"body":"hello"}`)).subscribe(t, "sync http HEAD /f f")
	res, err := http.Head(g.start(t).URL + "/f")
	if err != nil {
		t.Fatal(err)
	}
	if body := bodyOf(t, res); res.StatusCode != 200 || res.ContentLength != 5 || body != "" {
		t.Errorf("got %d with length %d and body %q", res.StatusCode, res.ContentLength, body)
	}
}
