package awslambda

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The credentials of the tests. The edge accepts no other.
const (
	testKeyID  = "AKIDEXAMPLE"
	testKey    = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testToken  = "FwoGZXIvYXdzEXAMPLE-session-token=="
	testARN    = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
	testRegion = "eu-west-1"
)

// verify checks the Signature Version 4 of a request as AWS specifies it, computed here from what arrived and not with
// the SDK's own signer.
func verify(r *http.Request, body []byte, service, keyID, key, token string) error {
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
	at, err := time.Parse("20060102T150405Z", stamp)
	if err != nil || time.Since(at).Abs() > 5*time.Minute {
		return fmt.Errorf("date %q is not now", stamp)
	}
	scope := strings.Join([]string{stamp[:8], testRegion, service, "aws4_request"}, "/")
	if fields["Credential"] != keyID+"/"+scope {
		return fmt.Errorf("credential %q, want %s/%s", fields["Credential"], keyID, scope)
	}
	if got := r.Header.Get("X-Amz-Security-Token"); got != token {
		return errors.New("another session token than given")
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	must := []string{"host", "x-amz-date"}
	if token != "" {
		must = append(must, "x-amz-security-token")
	}
	var headers strings.Builder
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	for _, name := range must {
		if !slices.Contains(signed, name) {
			return fmt.Errorf("header %s is not signed", name)
		}
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	request := strings.Join([]string{
		r.Method, escape(path), query, headers.String(), fields["SignedHeaders"], hexSHA256(body),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hexSHA256([]byte(request))}, "\n")
	derived := []byte("AWS4" + key)
	for part := range strings.SplitSeq(scope, "/") {
		derived = mac(derived, part)
	}
	if want := hex.EncodeToString(mac(derived, toSign)); fields["Signature"] != want {
		return fmt.Errorf("signature %s, want %s", fields["Signature"], want)
	}
	return nil
}

// escape encodes a path, already encoded once on the wire, for the second time that signing wants.
func escape(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return strings.Join(segments, "/")
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

// verifyInvoke checks that a request is a synchronous Invoke of the function with that ARN.
func verifyInvoke(r *http.Request, body []byte, arn, keyID, key, token string) error {
	want := "/2015-03-31/functions/" + url.QueryEscape(arn) + "/invocations"
	if r.Method != http.MethodPost || r.RequestURI != want {
		return fmt.Errorf("got %s %s, want POST %s", r.Method, r.RequestURI, want)
	}
	if typ := r.Header.Get("X-Amz-Invocation-Type"); typ != "" && typ != "RequestResponse" {
		return fmt.Errorf("invocation type %q", typ)
	}
	if typ := r.Header.Get("X-Amz-Log-Type"); typ != "" && typ != "None" {
		return fmt.Errorf("log type %q", typ)
	}
	return verify(r, body, "lambda", keyID, key, token)
}

// answerInvoke answers as Lambda does when a function returned payload, or with kind reported an error.
func answerInvoke(w http.ResponseWriter, kind string, payload []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	w.Header().Set("X-Amzn-Requestid", "7f8d6c1e-0000-4000-8000-000000000000")
	if kind != "" {
		w.Header().Set("X-Amz-Function-Error", kind)
	}
	_, _ = w.Write(payload)
}

// refuseInvoke answers as the Lambda service does for an error of its own.
func refuseInvoke(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"Type":"User","Message":%q}`, message)
}

// startEdge starts an edge that checks every request as an Invoke of arn with the credentials given, then answers with on.
func startEdge(t *testing.T, p Provider, on func(w http.ResponseWriter, r *http.Request, body []byte)) Provider {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := verifyInvoke(r, body, p.ARN, p.AccessKeyID, p.SecretAccessKey, p.SessionToken); err != nil {
			t.Error(err)
			refuseInvoke(w, http.StatusForbidden, "InvalidSignatureException", err.Error())
			return
		}
		on(w, r, body)
	}))
	t.Cleanup(server.Close)
	p.Endpoint = server.URL
	return p
}
