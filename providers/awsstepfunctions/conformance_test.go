package awsstepfunctions

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

const testARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders"

// checkRequest checks that a request is what the API reference says the operation is.
func checkRequest(r *http.Request, operation string) error {
	if r.Method != http.MethodPost || r.RequestURI != "/" || r.Header.Get("X-Amz-Target") != "AWSStepFunctions."+operation ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		return fmt.Errorf("got %s %s with %s of %s, want POST / with AWSStepFunctions.%s", r.Method, r.RequestURI,
			r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), operation)
	}
	return nil
}

// answerSync answers StartSyncExecution.
func answerSync(w http.ResponseWriter, status, output, name, cause string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	answer := map[string]any{
		"executionArn":    "arn:aws:states:eu-west-1:123456789012:express:orders:1b9c:7f",
		"stateMachineArn": testARN, "status": status, "startDate": 1.7e9, "stopDate": 1.7e9 + 0.5,
		"billingDetails": map[string]any{"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64},
	}
	for field, value := range map[string]string{"output": output, "error": name, "cause": cause} {
		if value != "" {
			answer[field] = value
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func conform(t *testing.T, mode, operation string, config providertest.Config) {
	t.Helper()
	verified := func(next func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := checkRequest(r, operation); err != nil {
				t.Error(err)
			}
			if awstest.Verified(t, w, r, providertest.Body(r), "states", awstest.Example) {
				next(w, r)
			}
		}
	}
	answer, fail := config.Answer, config.Fail
	config.Type = "awsstepfunctions"
	config.Fields = func(edge string) string {
		return `{"stateMachineArn":"` + testARN + `","mode":"` + mode + `"` + awstest.Fields(edge) + `}`
	}
	config.Secrets = awstest.Secrets()
	config.Caddyfile = func(edge string) string {
		return "awsstepfunctions " + testARN + " {\n\tmode " + mode + "\n" + awstest.CaddyfileOptions(edge) + "}\n"
	}
	config.Answer = func(w http.ResponseWriter, r *http.Request, body []byte) {
		verified(func(w http.ResponseWriter, r *http.Request) { answer(w, r, body) })(w, r)
	}
	config.Fail = func(w http.ResponseWriter, r *http.Request, detail string) {
		verified(func(w http.ResponseWriter, r *http.Request) { fail(w, r, detail) })(w, r)
	}
	providertest.Run(t, config)
}

func TestConformanceSync(t *testing.T) {
	conform(t, "sync", "StartSyncExecution", providertest.Config{
		Answer: func(w http.ResponseWriter, _ *http.Request, body []byte) {
			answerSync(w, "SUCCEEDED", string(body), "", "")
		},
		Fail: func(w http.ResponseWriter, _ *http.Request, detail string) {
			answerSync(w, "FAILED", "", "an error of many words: "+detail, detail)
		},
	})
}

func TestConformanceAsync(t *testing.T) {
	const executionARN = "arn:aws:states:eu-west-1:123456789012:execution:orders:any"
	conform(t, "async", "StartExecution", providertest.Config{
		Answer: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			fmt.Fprintf(w, `{"executionArn":%q,"startDate":1.7E9}`, executionARN)
		},
		Takes: func(result []byte) error {
			if want := `{"executionArn":"` + executionARN + `","startDate":"2023-11-14T22:13:20Z"}`; string(result) != want {
				return fmt.Errorf("got %s, want %s", result, want)
			}
			return nil
		},
		Fail: func(w http.ResponseWriter, _ *http.Request, detail string) {
			awstest.Refuse(w, http.StatusInternalServerError, "InternalFailure", detail)
		},
		Failed: providers.Unreachable,
	})
}
