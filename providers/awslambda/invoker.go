package awslambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/eventgateway/eventgateway/providers"
)

// invoker calls one Lambda function.
type invoker struct {
	arn string
	// name (with its qualifier) and region name the function in messages.
	name, region string
	client       *client
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	clients.release(f.client)
	return nil
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	input := &lambda.InvokeInput{FunctionName: &f.arn, Payload: call.Payload}
	if len(call.Header) > 0 {
		beside, err := clientContext(call.Header)
		if err != nil {
			return nil, err
		}
		input.ClientContext = &beside
	}
	out, err := f.client.Invoke(withPayload(ctx, call.Payload), input)
	if err != nil {
		return nil, f.failure(ctx, err)
	}
	if out.FunctionError != nil {
		return nil, functionError(*out.FunctionError, int(out.StatusCode), out.Payload)
	}
	return &providers.Result{ContentType: "application/json", Body: out.Payload}, nil
}

// clientContext writes what goes beside the payload where Lambda has a place for it: the function finds it in its context
// as client context, under "custom".
func clientContext(header http.Header) (string, error) {
	const most = 3583 // the documented limit, after base64
	custom := make(map[string]string, len(header))
	for name, values := range header {
		custom[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	text, err := json.Marshal(map[string]any{"custom": custom})
	encoded := base64.StdEncoding.EncodeToString(text)
	if err != nil || len(encoded) > most {
		return "", &providers.Error{
			Failure: providers.FunctionFailed, Permanent: true,
			Message: "the event's attributes are larger than the client context AWS Lambda takes: " +
				"use a format that has them in the payload",
		}
	}
	return encoded, nil
}

// functionError tells what a function reported: Handled (it returned an error) or Unhandled (it crashed or timed out).
// Of the payload only the error's type is shown; its message and trace may hold anything.
func functionError(kind string, status int, payload []byte) *providers.Error {
	var report struct {
		ErrorType string `json:"errorType"`
	}
	_ = json.Unmarshal(payload, &report) // what cannot be read has no type
	e := &providers.Error{Failure: providers.FunctionFailed, Status: status, Message: "the function failed"}
	if kind == "Unhandled" {
		e.Message = "the function failed without handling it"
	}
	if typ := report.ErrorType; isName(typ) {
		e.Message += ": " + typ
	}
	return e
}

// isName reports whether s looks like the name of an error, and not like a sentence or data.
func isName(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._$"
	return s != "" && len(s) <= 64 && strings.Trim(s, allowed) == ""
}
