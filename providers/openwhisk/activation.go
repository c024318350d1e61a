package openwhisk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// longestPoll is the longest time between two questions for one activation.
const longestPoll = 5 * time.Second

// record is what OpenWhisk tells of an activation, as far as it matters here.
type record struct {
	ActivationID string `json:"activationId"`
	// Response is nil in what is no record of an activation that has ended.
	Response *struct {
		Result json.RawMessage `json:"result"`
		// Status is "success" or one of the three kinds of errors.
		Status  string `json:"status"`
		Success bool   `json:"success"`
	} `json:"response"`
}

// parseRecord reads a record; what cannot be read is an empty one.
func parseRecord(body []byte) *record {
	var r record
	if json.Unmarshal(body, &r) != nil {
		return new(record)
	}
	return &r
}

// result returns what an action that has ended said, or how it failed. What is in the result of a failure is the action's own
// and not shown. status is that of the answer.
func (r *record) result(status int) (*providers.Result, error) {
	e := &providers.Error{Failure: providers.FunctionFailed, Status: status}
	switch kind := r.Response.Status; {
	case r.Response.Success || kind == "success":
		return &providers.Result{ContentType: eventgateway.TypeJSON, Body: r.Response.Result}, nil
	case strings.Contains(kind, "application"):
		e.Message = "the action answered with an error (application error)"
	case strings.Contains(kind, "developer"):
		e.Message = "the action failed without handling it, or took longer than its time limit (developer error)"
	default:
		e.Message = "OpenWhisk failed to run the action (whisk internal error)"
	}
	return nil, e
}

// await asks for an activation until it has ended or ctx has: OpenWhisk's time for blocking invocations is over, and the action
// still runs. Giving up early would have it run once more beside itself.
func (f *invoker) await(ctx context.Context, started *record) (*providers.Result, error) {
	id := started.ActivationID
	if !isID(id) {
		return nil, providers.Errorf(providers.BadAnswer, "OpenWhisk accepted the call and gave no activation to ask for")
	}
	at := f.activations.JoinPath(id)
	for pause := f.firstPoll; ; pause = min(pause*3/2, longestPoll) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, f.gaveUp(ctx, id)
		}
		a, err := f.exchange(ctx, http.MethodGet, at, nil)
		switch {
		case ctx.Err() != nil:
			return nil, f.gaveUp(ctx, id)
		case err != nil && providers.FailureOf(err) == providers.BadAnswer && !isBrokenOff(err):
			return nil, err
		case err != nil: // the network; the action goes on without it
			continue
		}
		ended := parseRecord(a.body)
		switch status := a.status; {
		case status == http.StatusOK && ended.Response != nil:
			code := http.StatusOK
			if !ended.Response.Success {
				code = http.StatusBadGateway // as a blocking invocation has it
			}
			return ended.result(code)
		case status == http.StatusUnauthorized, status == http.StatusForbidden:
			return nil, providers.Errorf(providers.TimedOut, "OpenWhisk did not wait for the action to end, "+
				"and provider.auth may not read its activation %s", id)
		}
	}
}

// gaveUp is the error for an action that has not ended in time.
func (f *invoker) gaveUp(ctx context.Context, id string) *providers.Error {
	e := providers.NetworkError(ctx, f.action.Host, ctx.Err())
	if e.Failure == providers.TimedOut {
		e.Message = "the action did not end in time; OpenWhisk goes on with it as activation " + id
	}
	return e
}

func isBrokenOff(err error) bool {
	e, ok := errors.AsType[*providers.Error](err)
	return ok && e.BrokenOff
}

// isID reports whether s can be an activation's id, and so stand in a path and in a message.
func isID(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	return s != "" && len(s) <= 64 && strings.Trim(s, allowed) == ""
}
