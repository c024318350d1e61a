package awslambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

var (
	static = Provider{ARN: testARN, Account: awstest.Account("")}
	event  = &providers.Call{Payload: []byte(`{"event":"x","data":"private"}`), ContentType: "application/json"}
)

func open(t testing.TB, p Provider) *invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(providers.Env{Space: "s", FunctionID: "f", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.(*invoker).Close() })
	return f.(*invoker)
}

func failureOf(t *testing.T, err error, failure providers.Failure) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) || e.Failure != failure {
		t.Fatalf("got %v, want failure %s", err, failure)
	}
	return e
}

func TestRequest(t *testing.T) {
	for name, arn := range map[string]string{
		"plain": testARN, "version": testARN + ":7", "alias": testARN + ":live_1-a", "latest": testARN + ":$LATEST",
	} {
		t.Run(name, func(t *testing.T) {
			p := static
			p.ARN = arn
			p = startEdge(t, p, func(w http.ResponseWriter, r *http.Request, body []byte) {
				if r.Header.Get("X-Amz-Client-Context") != "" {
					t.Error("a client context was sent")
				}
				answerInvoke(w, "", body)
			})
			result, err := open(t, p).Invoke(t.Context(), event)
			if err != nil || string(result.Body) != string(event.Payload) || result.ContentType != "application/json" {
				t.Errorf("got %v, error %v", result, err)
			}
		})
	}
}

func TestCredentialsWithoutToken(t *testing.T) {
	p := static
	p.SessionToken = ""
	p = startEdge(t, p, func(w http.ResponseWriter, _ *http.Request, body []byte) { answerInvoke(w, "", body) })
	if _, err := open(t, p).Invoke(t.Context(), event); err != nil {
		t.Error(err)
	}
}

func TestEmptyPayload(t *testing.T) {
	p := startEdge(t, static, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		if len(body) != 0 {
			t.Errorf("got %q", body)
		}
		answerInvoke(w, "", nil)
	})
	result, err := open(t, p).Invoke(t.Context(), &providers.Call{ContentType: "application/json"})
	if err != nil || len(result.Body) != 0 {
		t.Errorf("got %v, error %v", result, err)
	}
}

func TestClientContext(t *testing.T) {
	var got string
	p := startEdge(t, static, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		text, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Client-Context"))
		if err != nil {
			t.Error(err)
		}
		got = string(text)
		answerInvoke(w, "", nil)
	})
	f := open(t, p)
	call := *event
	call.Header = http.Header{"Ce-Id": {"1"}, "Ce-Type": {"user.created"}}
	if _, err := f.Invoke(t.Context(), &call); err != nil {
		t.Fatal(err)
	}
	if want := `{"custom":{"ce-id":"1","ce-type":"user.created"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	call.Header.Set("Ce-Subject", strings.Repeat("x", 3000))
	_, err := f.Invoke(t.Context(), &call)
	if e := failureOf(t, err, providers.FunctionFailed); !e.Permanent {
		t.Error("attributes that never fit are not a permanent failure")
	}
}

// TestClientContextOfADelivery sends the longest headers the gateway itself puts beside an event, and then others that leave
// no room for them: a delivery does not fail for the gateway's own.
func TestClientContextOfADelivery(t *testing.T) {
	var got struct{ Custom map[string]string }
	p := startEdge(t, static, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		got.Custom = nil
		text, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Client-Context"))
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil {
			t.Error(err)
		}
		answerInvoke(w, "", nil)
	})
	f := open(t, p)
	call := *event
	call.Header = http.Header{
		"Event-Gateway-Event-Id":                {strings.Repeat(`\`, 512)},
		"Event-Gateway-Attempt":                 {"100"},
		"Event-Gateway-Subscription-Id":         {strings.Repeat("a", 32)},
		"Event-Gateway-Dead-Letter-Reason":      {"subscription_missing"},
		"Event-Gateway-Dead-Letter-Error":       {strings.Repeat(`<"`, 128)},
		"Event-Gateway-Dead-Letter-Function-Id": {strings.Repeat("f", 255)},
		"Event-Gateway-Dead-Letter-Attempts":    {"100"},
		"Event-Gateway-Depth":                   {"16"},
		"Event-Gateway-Cause":                   {strings.Repeat(`\`, 512)},
		"Traceparent":                           {"00-" + strings.Repeat("1", 32) + "-" + strings.Repeat("2", 16) + "-01"},
		"Tracestate":                            {strings.Repeat("a", 256)},
	}
	if _, err := f.Invoke(t.Context(), &call); err != nil {
		t.Fatal(err)
	}
	for name, values := range call.Header {
		if name == "Event-Gateway-Cause" || name == "Tracestate" { // so long, they are the first to be left out
			continue
		}
		if got.Custom[strings.ToLower(name)] != values[0] {
			t.Errorf("%s: got %q, want %q", name, got.Custom[strings.ToLower(name)], values[0])
		}
	}
	for _, test := range []struct{ size, left int }{{2600, 2}, {2663, 1}} { // the event's, with the depth and without
		call.Header.Set("X-A", strings.Repeat("x", test.size))
		if _, err := f.Invoke(t.Context(), &call); err != nil {
			t.Fatal(err)
		}
		if len(got.Custom) != test.left || len(got.Custom["x-a"]) != test.size {
			t.Errorf("beside %d bytes: got %v", test.size, got.Custom)
		}
	}
}

func TestFunctionErrors(t *testing.T) {
	for name, test := range map[string]struct{ kind, payload, message string }{
		"handled": {"Handled", `{"errorMessage":"private","errorType":"ValidationError"}`, "the function failed: ValidationError"},
		"unhandled": {
			"Unhandled", `{"errorMessage":"private","errorType":"Runtime.ExitError"}`,
			"the function failed without handling it: Runtime.ExitError",
		},
		"timed out": {
			"Unhandled", `{"errorMessage":"private Task timed out after 3.00 seconds"}`, "the function failed without handling it",
		},
		"data as type":   {"Handled", `{"errorType":"private data of someone"}`, "the function failed"},
		"type no string": {"Handled", `{"errorType":{"a":"private"}}`, "the function failed"},
		"no JSON":        {"Handled", `private`, "the function failed"},
		"nothing":        {"Handled", ``, "the function failed"},
		"long type":      {"Handled", `{"errorType":"` + strings.Repeat("a", 65) + `"}`, "the function failed"},
	} {
		t.Run(name, func(t *testing.T) {
			p := startEdge(t, static, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
				answerInvoke(w, test.kind, []byte(test.payload))
			})
			_, err := open(t, p).Invoke(t.Context(), event)
			if e := failureOf(t, err, providers.FunctionFailed); e.Message != test.message || e.Permanent || e.Status != 200 {
				t.Errorf("got %+v, want message %q", e, test.message)
			}
		})
	}
}

func TestServiceErrors(t *testing.T) {
	tests := []struct {
		status    int
		code      string
		failure   providers.Failure
		permanent bool
		message   string
	}{
		{403, "AccessDeniedException", providers.Unreachable, false, "permission lambda:InvokeFunction on function hello in eu-west-1"},
		{404, "ResourceNotFoundException:http://a.example/coral/", providers.Unreachable, false, "no function hello in eu-west-1"},
		{403, "ExpiredTokenException", providers.Unreachable, false, "expired"},
		{403, "UnrecognizedClientException", providers.Unreachable, false, "provider.awsAccessKeyId"},
		{403, "InvalidSignatureException", providers.Unreachable, false, "provider.awsSecretAccessKey"},
		{429, "TooManyRequestsException", providers.Throttled, false, "throttles"},
		{400, "ThrottlingException", providers.Throttled, false, "throttles"},
		{429, "SomethingNewException", providers.Throttled, false, "throttles"},
		{502, "EC2ThrottledException", providers.Throttled, false, "throttles"},
		{502, "ENILimitReachedException", providers.Throttled, false, "ENILimitReachedException"},
		{502, "SubnetIPAddressLimitReachedException", providers.Throttled, false, "SubnetIPAddressLimitReachedException"},
		{502, "ResourceNotReadyException", providers.Unreachable, false, "could not call the function: ResourceNotReadyException"},
		{409, "SnapStartNotReadyException", providers.Unreachable, false, "SnapStartNotReadyException"},
		{413, "RequestTooLargeException", providers.FunctionFailed, true, "larger"},
		{400, "InvalidRequestContentException", providers.FunctionFailed, true, "JSON"},
		{415, "UnsupportedMediaTypeException", providers.FunctionFailed, true, "JSON"},
		{409, "ResourceConflictException", providers.Unreachable, false, "could not call the function: ResourceConflictException"},
		{502, "KMSAccessDeniedException", providers.Unreachable, false, "KMSAccessDeniedException"},
		{500, "ServiceException", providers.Unreachable, false, "ServiceException"},
		{503, "", providers.Unreachable, false, "could not call"},
		{302, "", providers.Unreachable, false, "could not call"},
		{500, "private data", providers.Unreachable, false, "could not call"},
	}
	for _, test := range tests {
		t.Run(test.code, func(t *testing.T) {
			var requests int
			p := startEdge(t, static, func(w http.ResponseWriter, r *http.Request, _ []byte) {
				requests++
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Location", "/elsewhere")
				refuseInvoke(w, test.status, test.code, "private: "+r.Header.Get("Authorization"))
			})
			_, err := open(t, p).Invoke(t.Context(), event)
			e := failureOf(t, err, test.failure)
			if e.Permanent != test.permanent || e.Status != test.status || !strings.Contains(e.Message, test.message) {
				t.Errorf("got %+v", e)
			}
			wait := time.Duration(0)
			if test.failure == providers.Throttled {
				wait = 7 * time.Second
			}
			if e.RetryAfter != wait {
				t.Errorf("got RetryAfter %s, want %s", e.RetryAfter, wait)
			}
			for err := error(e); err != nil; err = errors.Unwrap(err) {
				if strings.Contains(err.Error(), "private") || strings.Contains(err.Error(), awstest.Example.KeyID) {
					t.Errorf("%q shows what AWS quoted", err)
				}
			}
			if requests != 1 {
				t.Errorf("%d requests were made, want 1", requests)
			}
		})
	}
}

func TestClientsAreShared(t *testing.T) {
	a, b := open(t, static), open(t, static)
	other := static
	other.SecretAccessKey = "another"
	c := open(t, other)
	if a.client != b.client || a.account != b.account || a.account == c.account {
		t.Error("functions of equal settings, and only those, are to share a client")
	}
}

func TestQualifier(t *testing.T) {
	for _, qualifier := range []string{"7", "live", "$LATEST"} {
		t.Run(qualifier, func(t *testing.T) {
			p := static
			p.Qualifier = qualifier
			refuse := false
			p = startEdge(t, p, func(w http.ResponseWriter, _ *http.Request, body []byte) {
				if refuse {
					refuseInvoke(w, http.StatusNotFound, "ResourceNotFoundException", "private")
					return
				}
				answerInvoke(w, "", body)
			})
			f := open(t, p)
			if _, err := f.Invoke(t.Context(), event); err != nil {
				t.Error(err)
			}
			refuse = true
			_, err := f.Invoke(t.Context(), event)
			if e := failureOf(t, err, providers.Unreachable); !strings.Contains(e.Message, "no function hello:"+qualifier+" in eu-west-1") {
				t.Errorf("got %q", e.Message)
			}
		})
	}
}

// Lambda's own queue answers 202 with nothing in it, whatever becomes of the payload after that.
func TestEventInvocation(t *testing.T) {
	p := static
	p.InvocationType = "Event"
	p = startEdge(t, p, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		if string(body) != string(event.Payload) {
			t.Errorf("got %q", body)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	result, err := open(t, p).Invoke(t.Context(), event)
	if err != nil || string(result.Body) != `{"statusCode":202}` || result.ContentType != "application/json" {
		t.Errorf("got %v, error %v", result, err)
	}
}

// An answer as large as Lambda gives them comes whole where the gateway's own limit lets it, and not where it does not.
func TestLargestAnswer(t *testing.T) {
	const largest = 6 << 20
	answer := []byte(`"` + strings.Repeat("x", largest-2) + `"`)
	p := startEdge(t, static, func(w http.ResponseWriter, _ *http.Request, _ []byte) { answerInvoke(w, "", answer) })
	for limit, fits := range map[int64]bool{largest: true, largest - 1: false} {
		f, err := p.Open(providers.Env{MaxResponse: limit})
		if err != nil {
			t.Fatal(err)
		}
		result, err := f.Invoke(t.Context(), event)
		if fits && (err != nil || len(result.Body) != largest) {
			t.Errorf("limit %d: %v", limit, err)
		}
		if !fits {
			failureOf(t, err, providers.BadAnswer)
		}
		f.(*invoker).Close()
	}
}
