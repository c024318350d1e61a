package awslambda

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

const (
	testARN  = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
	testRole = "arn:aws:iam::123456789012:role/caller"
)

// checkInvoke checks that a request is an Invoke of the provider's function, of its type and qualifier.
func checkInvoke(r *http.Request, p *Provider) error {
	want := "/2015-03-31/functions/" + url.QueryEscape(p.ARN) + "/invocations"
	if p.Qualifier != "" {
		want += "?Qualifier=" + url.QueryEscape(p.Qualifier)
	}
	if r.Method != http.MethodPost || r.RequestURI != want {
		return fmt.Errorf("got %s %s, want POST %s", r.Method, r.RequestURI, want)
	}
	if typ := r.Header.Get("X-Amz-Invocation-Type"); typ != string(p.invocationType()) {
		return fmt.Errorf("invocation type %q", typ)
	}
	if typ := r.Header.Get("X-Amz-Log-Type"); typ != "" && typ != "None" {
		return errors.New("the log is asked for")
	}
	return nil
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

// startEdge starts an edge that checks every request as an Invoke of the provider's function with its credentials, then answers
// with on.
func startEdge(t *testing.T, p Provider, on func(w http.ResponseWriter, r *http.Request, body []byte)) Provider {
	t.Helper()
	c := awstest.Credentials{KeyID: p.AccessKeyID, Key: p.SecretAccessKey, Token: p.SessionToken}
	p.Endpoint = awstest.StartEdge(t, "lambda", c, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if err := checkInvoke(r, &p); err != nil {
			t.Error(err)
		}
		on(w, r, body)
	})
	return p
}
