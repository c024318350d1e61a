package googlepubsub

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// failure tells what an answer of Pub/Sub other than 200 means, by the documented codes of google.rpc. Its texts are not passed on:
// they quote what was sent.
//
// Permanent is only what lies in the event itself. What a person can put right, such as a permission or a topic that is missing,
// and what passes by itself is Unreachable: the same event may be delivered by a later attempt.
func (f *invoker) failure(resp *http.Response, body []byte) *providers.Error {
	e := &providers.Error{Failure: providers.Unreachable, Status: resp.StatusCode}
	said := read(resp.StatusCode, body)
	switch said.Status {
	case "INVALID_ARGUMENT", "OUT_OF_RANGE":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "Google Pub/Sub does not take the event: it may be too large, or not what the topic's schema wants"
	case "UNAUTHENTICATED":
		e.Message = "Google Pub/Sub does not accept the gateway's token: check provider.credentials and the server's clock"
		if f.tokens == nil {
			e.Message = "Google Pub/Sub at provider.endpoint wants a token: set provider.credentials; the server's own go to Google's own hosts only"
		}
	case "PERMISSION_DENIED":
		e.Message = "Google refuses to publish: the credentials need the permission pubsub.topics.publish (roles/pubsub.publisher) on " +
			f.topic + ", and its project the Pub/Sub API"
	case "NOT_FOUND":
		e.Message = "there is no topic " + f.topic + ": check provider.topic, and provider.endpoint if it is that of a region"
	case "FAILED_PRECONDITION":
		e.Message = "the state of " + f.topic + " does not let events in: check its encryption key, its schema and where it may store messages"
	case "RESOURCE_EXHAUSTED":
		e.Failure, e.RetryAfter = providers.Throttled, said.wait(resp)
		e.Message = "Google throttles publishing: a quota of the topic's project is used up"
	case "UNAVAILABLE":
		e.Message = "Google Pub/Sub is not available at the moment"
		if wait := said.wait(resp); wait > 0 {
			e.Failure, e.RetryAfter = providers.Throttled, wait
		}
	case "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED":
		e.Message = "Google Pub/Sub could not publish: " + said.Status
	default:
		e.Message = "Google Pub/Sub could not publish: it answered with status " + strconv.Itoa(resp.StatusCode)
	}
	return e
}

// status is a google.rpc.Status as REST tells it.
type status struct {
	Status  string `json:"status"`
	Details []struct {
		Type       string `json:"@type"`
		RetryDelay string `json:"retryDelay"`
	} `json:"details"`
}

// read returns what an answer says; what does not speak of a status has that of its HTTP status.
func read(code int, body []byte) status {
	var answer struct {
		Error status `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error.Status == "" {
		answer.Error.Status = byCode[code]
	}
	return answer.Error
}

var byCode = map[int]string{
	http.StatusBadRequest:            "INVALID_ARGUMENT",
	http.StatusUnauthorized:          "UNAUTHENTICATED",
	http.StatusForbidden:             "PERMISSION_DENIED",
	http.StatusNotFound:              "NOT_FOUND",
	http.StatusRequestEntityTooLarge: "INVALID_ARGUMENT",
	http.StatusTooManyRequests:       "RESOURCE_EXHAUSTED",
	http.StatusServiceUnavailable:    "UNAVAILABLE",
}

// wait is how long Pub/Sub asks to wait; 0 when it does not say. A day is the most it is believed.
func (s status) wait(resp *http.Response) time.Duration {
	for _, d := range s.Details {
		if delay, err := time.ParseDuration(d.RetryDelay); err == nil && strings.HasSuffix(d.Type, "/google.rpc.RetryInfo") {
			return min(max(delay, 0), 24*time.Hour)
		}
	}
	return providers.RetryAfter(resp.Header.Get("Retry-After"), time.Now())
}
