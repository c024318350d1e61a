package awsstepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

// open returns the function behind an edge that answers with on, after a look at the signature and the operation.
func open(t *testing.T, mode string, on func(w http.ResponseWriter, body []byte)) providers.Invoker {
	t.Helper()
	operation := map[string]string{"sync": "StartSyncExecution", "": "StartExecution"}[mode]
	endpoint := awstest.StartEdge(t, "states", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if err := checkRequest(r, operation); err != nil {
			t.Error(err)
		}
		on(w, body)
	})
	p := &Provider{StateMachineARN: testARN + ":live", Account: awstest.Account(endpoint), Mode: mode}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	invoker, err := p.Open(providers.Env{Space: "shop", FunctionID: "fn", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = invoker.(io.Closer).Close() })
	return invoker
}

func call(id string) *providers.Call {
	return &providers.Call{
		Payload: []byte(`{"a":"<ö>"}`), ContentType: "application/json", Event: &eventgateway.Event{ID: id},
		Header: http.Header{"Event-Gateway-Subscription-Id": {"sub"}},
	}
}

// TestStart checks the request byte for byte, and that a second attempt that finds the execution there is as good as the first.
func TestStart(t *testing.T) {
	var bodies []string
	f := open(t, "", func(w http.ResponseWriter, body []byte) {
		if bodies = append(bodies, string(body)); len(bodies) > 1 {
			awstest.Refuse(w, http.StatusBadRequest, "ExecutionAlreadyExists", "detail-text")
			return
		}
		var input struct{ Name string }
		_ = json.Unmarshal(body, &input)
		_, _ = io.WriteString(w, `{"executionArn":"arn:aws:states:eu-west-1:123456789012:execution:orders:`+input.Name+`","startDate":1.7E9}`)
	})
	first, err := f.Invoke(t.Context(), call("order/7"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.Invoke(t.Context(), call("order/7"))
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^\{"input":"\{\\"a\\":\\"<ö>\\"\}","name":"(order_7-[0-9a-f]{32})","stateMachineArn":"` + testARN + `:live"\}$`)
	parts := form.FindStringSubmatch(bodies[0])
	if parts == nil || bodies[1] != bodies[0] {
		t.Fatalf("got requests %q, want both to match %s", bodies, form)
	}
	arn := `{"executionArn":"arn:aws:states:eu-west-1:123456789012:execution:orders:` + parts[1] + `"`
	if string(first.Body) != arn+`,"startDate":"2023-11-14T22:13:20Z"}` || string(second.Body) != arn+"}" {
		t.Errorf("got %s and %s", first.Body, second.Body)
	}
}

func TestExecutionNames(t *testing.T) {
	valid := regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)
	seen := map[string]bool{}
	for _, c := range []struct{ space, function, id, subscription string }{
		{"a", "b", "1", "s"},
		{"a", "b", "2", "s"},
		{"a", "b", "1", "t"},
		{"a", "c", "1", "s"},
		{"b", "b", "1", "s"},
		{"a", "b", strings.Repeat("ö/", 100), "s"},
		{"a", "b", strings.Repeat("ö/", 99) + "öö", "s"},
		{"a", "b", "", "s"},
	} {
		event := call(c.id)
		event.Header = http.Header{"Event-Gateway-Subscription-Id": {c.subscription}}
		name := executionName([]string{c.space, c.function}, event)
		if !valid.MatchString(name) || seen[name] {
			t.Errorf("%+v: got %q, which is not valid or not the only one", c, name)
		}
		seen[name] = true
	}
}

func TestSync(t *testing.T) {
	for name, test := range map[string]struct {
		answer  func(w http.ResponseWriter)
		failure providers.Failure
		message string
		status  int
	}{
		"failed": {
			func(w http.ResponseWriter) { answerSync(w, "FAILED", "", "Order.Unknown", "detail-text") }, providers.FunctionFailed,
			"the execution failed: Order.Unknown", 200,
		},
		"timed out": {
			func(w http.ResponseWriter) { answerSync(w, "TIMED_OUT", "", "States.Timeout", "detail-text") }, providers.TimedOut,
			"the execution ran longer than its state machine lets it: States.Timeout", 200,
		},
		"no status": {
			func(w http.ResponseWriter) { _, _ = io.WriteString(w, "{}") }, providers.BadAnswer,
			"AWS Step Functions did not say how the execution ended", 0,
		},
		"too large": {
			func(w http.ResponseWriter) { answerSync(w, "SUCCEEDED", strings.Repeat("1", 1001), "", "") }, providers.BadAnswer,
			"the answer is larger than the 1000 bytes accepted", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, "sync", func(w http.ResponseWriter, body []byte) {
				if want := `{"input":"{\"a\":\"<ö>\"}","stateMachineArn":"` + testARN + `:live"}`; string(body) != want {
					t.Errorf("got %s, want %s", body, want)
				}
				test.answer(w)
			})
			_, err := f.Invoke(t.Context(), call("7"))
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != test.failure || e.Message != test.message || e.Status != test.status || e.Permanent {
				t.Errorf("got %+v", err)
			}
		})
	}
	t.Run("no input", func(t *testing.T) {
		f := open(t, "sync", func(w http.ResponseWriter, body []byte) {
			if want := `{"stateMachineArn":"` + testARN + `:live"}`; string(body) != want {
				t.Errorf("got %s, want %s", body, want)
			}
			answerSync(w, "SUCCEEDED", `{"done":true}`, "", "")
		})
		nothing := call("7")
		nothing.Payload = nil
		result, err := f.Invoke(t.Context(), nothing)
		if err != nil || string(result.Body) != `{"done":true}` || result.ContentType != "application/json" {
			t.Errorf("got %+v, %v", result, err)
		}
	})
}

func TestServiceErrors(t *testing.T) {
	for code, want := range map[string]struct {
		failure   providers.Failure
		permanent bool
		says      string
	}{
		"ExecutionLimitExceeded":       {providers.Throttled, false, "no more executions"},
		"ThrottlingException":          {providers.Throttled, false, "throttles"},
		"StateMachineDoesNotExist":     {providers.Unreachable, false, "provider.stateMachineArn"},
		"StateMachineTypeNotSupported": {providers.Unreachable, false, "provider.mode"},
		"AccessDeniedException":        {providers.Unreachable, false, "states:StartExecution on state machine orders:live in eu-west-1"},
		"KmsAccessDeniedException":     {providers.Unreachable, false, "kms:Decrypt"},
		"InvalidExecutionInput":        {providers.FunctionFailed, true, "JSON"},
		"ExpiredTokenException":        {providers.Unreachable, false, "expired"},
	} {
		t.Run(code, func(t *testing.T) {
			f := open(t, "", func(w http.ResponseWriter, _ []byte) { awstest.Refuse(w, http.StatusBadRequest, code, "detail-text") })
			_, err := f.Invoke(t.Context(), call("7"))
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != want.failure || e.Permanent != want.permanent || !strings.Contains(e.Message, want.says) ||
				strings.Contains(e.Message, "detail-text") {
				t.Errorf("got %+v, want %+v", err, want)
			}
		})
	}
}

// roundTrip plays AWS itself, where the SDK chooses the host.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// TestHosts checks where requests go that have no endpoint configured.
func TestHosts(t *testing.T) {
	var hosts []string
	client := newClient(aws.Config{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "key", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: roundTrip(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.URL.Host)
			return nil, context.Canceled
		}),
	})
	_, _ = client.StartSyncExecution(t.Context(), &sfn.StartSyncExecutionInput{StateMachineArn: aws.String(testARN)})
	_, _ = client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(testARN)})
	if want := "sync-states.eu-west-1.amazonaws.com states.eu-west-1.amazonaws.com"; strings.Join(hosts, " ") != want {
		t.Errorf("got %v, want %s", hosts, want)
	}
}

func TestValidate(t *testing.T) {
	account := awstest.Account("")
	for field, p := range map[string]Provider{
		"stateMachineArn: missing": {Account: account},
		"stateMachineArn":          {StateMachineARN: "orders", Account: account},
		"stateMachineArn ":         {StateMachineARN: strings.Replace(testARN, "states", "lambda", 1), Account: account},
		"mode":                     {StateMachineARN: testARN, Account: account, Mode: "SYNC"},
		"region":                   {StateMachineARN: strings.Replace(testARN, "eu-west-1", "us-east-1", 1), Account: account},
		"region: missing":          {StateMachineARN: testARN},
	} {
		err := p.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), strings.TrimSpace(field)) {
			t.Errorf("%+v: got %v, want an error about %s", p, err, field)
		}
	}
	for _, arn := range []string{testARN, testARN + ":live", testARN + ":12", "arn:aws-cn:states:eu-west-1:123456789012:stateMachine:a_b-c"} {
		if err := (&Provider{StateMachineARN: arn, Account: account}).Validate(); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
	}
}
