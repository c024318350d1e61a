package awstest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The signatures that AWS publishes for requests it spells out: the aws4_testsuite, and the walk through ListUsers of the
// documentation of Signature Version 4.
func TestPublishedSignatures(t *testing.T) {
	published := Credentials{KeyID: "AKIDEXAMPLE", Key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	const token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/" +
		"qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
	for name, test := range map[string]struct {
		method, uri, host, service, signed, body, signature string
		header                                              http.Header
		token                                               string
	}{
		"get-vanilla": {
			method: "GET", uri: "/", signed: "host;x-amz-date",
			signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		"post-vanilla": {
			method: "POST", uri: "/", signed: "host;x-amz-date",
			signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
		},
		"get-vanilla-query-order-key-case": {
			method: "GET", uri: "/?Param2=value2&Param1=value1", signed: "host;x-amz-date",
			signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		"get-header-value-trim": {
			method: "GET", uri: "/", signed: "host;my-header1;my-header2;x-amz-date",
			header:    http.Header{"My-Header1": {" value1"}, "My-Header2": {` "a   b   c"`}},
			signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
		},
		"post-header-key-sort": {
			method: "POST", uri: "/", signed: "host;my-header1;x-amz-date", header: http.Header{"My-Header1": {"value1"}},
			signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
		},
		"post-x-www-form-urlencoded": {
			method: "POST", uri: "/", signed: "content-type;host;x-amz-date", body: "Param1=value1",
			header:    http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
		"post-sts-header-before": {
			method: "POST", uri: "/", signed: "host;x-amz-date;x-amz-security-token", token: token,
			signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
		},
		"ListUsers": {
			method: "GET", uri: "/?Action=ListUsers&Version=2010-05-08", host: "iam.amazonaws.com", service: "iam",
			signed: "content-type;host;x-amz-date", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
			signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.uri, http.NoBody)
			if test.header != nil {
				r.Header = test.header
			}
			r.Host, r.RequestURI = "example.amazonaws.com", test.uri
			service, c := "service", published
			if test.host != "" {
				r.Host, service = test.host, test.service
			}
			if c.Token = test.token; c.Token != "" {
				r.Header.Set("X-Amz-Security-Token", c.Token)
			}
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			authorize := func(signature string) {
				r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"+service+
					"/aws4_request, SignedHeaders="+test.signed+", Signature="+signature)
			}
			authorize(test.signature)
			if err := verify(r, []byte(test.body), "us-east-1", service, c); err != nil {
				t.Error(err)
			}
			if err := verify(r, []byte(test.body+"x"), "us-east-1", service, c); err == nil {
				t.Error("another body passes")
			}
			authorize(strings.Repeat("0", 64))
			if err := verify(r, []byte(test.body), "us-east-1", service, c); err == nil {
				t.Error("another signature passes")
			}
		})
	}
}
