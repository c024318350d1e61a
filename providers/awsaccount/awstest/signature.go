// Package awstest plays AWS for the tests of providers that call it: an edge that takes no request whose Signature Version 4
// is not right, and an STS that gives out roles. What it cannot show is what only AWS itself decides: whether a policy
// grants a call, which errors its services choose in a given state, and how they throttle.
package awstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Credentials are what a request is signed with.
type Credentials struct{ KeyID, Key, Token string }

// Example are the credentials of the tests.
var Example = Credentials{
	KeyID: "AKIDEXAMPLE", Key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Token: "FwoGZXIvYXdzEXAMPLE-session-token==",
}

// Region is the region of the tests.
const Region = "eu-west-1"

// Verify checks that a request with that body was signed just now, for that service in Region, with the credentials. The
// signature is computed as AWS specifies it from what arrived, and not with the SDK's own signer.
func Verify(r *http.Request, body []byte, service string, c Credentials) error {
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	if err != nil || time.Since(at).Abs() > 5*time.Minute {
		return fmt.Errorf("date %q is not now", stamp)
	}
	return verify(r, body, Region, service, c)
}

// verify checks the signature, whatever its date.
func verify(r *http.Request, body []byte, region, service string, c Credentials) error {
	auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return errors.New("no AWS4-HMAC-SHA256 authorization")
	}
	fields := make(map[string]string)
	for part := range strings.SplitSeq(auth, ", ") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	stamp := r.Header.Get("X-Amz-Date")
	if len(stamp) < len("20060102") {
		return errors.New("no X-Amz-Date")
	}
	scope := strings.Join([]string{stamp[:8], region, service, "aws4_request"}, "/")
	if fields["Credential"] != c.KeyID+"/"+scope {
		return fmt.Errorf("credential %q, want %s/%s", fields["Credential"], c.KeyID, scope)
	}
	if r.Header.Get("X-Amz-Security-Token") != c.Token {
		return errors.New("another session token than given")
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	if missing := unsigned(r, signed); missing != "" {
		return fmt.Errorf("header %s is not signed", missing)
	}
	var headers strings.Builder
	for _, name := range signed {
		values := r.Header.Values(name)
		if name == "host" {
			values = []string{r.Host}
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.Join(strings.Fields(v), " ")
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.Join(trimmed, ","))
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	request := strings.Join([]string{
		r.Method, escape(path), sorted(query), headers.String(), fields["SignedHeaders"], hexSHA256(body),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hexSHA256([]byte(request))}, "\n")
	derived := []byte("AWS4" + c.Key)
	for part := range strings.SplitSeq(scope, "/") {
		derived = mac(derived, part)
	}
	if want := hex.EncodeToString(mac(derived, toSign)); fields["Signature"] != want {
		return fmt.Errorf("signature %s, want %s", fields["Signature"], want)
	}
	return nil
}

// unsigned returns a header that has to be signed and is not; empty when all are.
func unsigned(r *http.Request, signed []string) string {
	must := []string{"host"}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			must = append(must, name)
		}
	}
	for _, name := range must {
		if !slices.Contains(signed, name) {
			return name
		}
	}
	return ""
}

// escape encodes a path, already encoded once on the wire, for the second time that signing wants.
func escape(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return strings.Join(segments, "/")
}

// sorted orders the parameters of an encoded query.
func sorted(query string) string {
	parameters := strings.Split(query, "&")
	slices.Sort(parameters)
	return strings.Join(parameters, "&")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
