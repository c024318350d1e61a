package eventsapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
)

// authOutcome is what became of asking an authorizer.
type authOutcome uint8

const (
	// authFailed means that the function is not there or its call failed.
	authFailed authOutcome = iota
	// authTimedOut means that it did not answer in time.
	authTimedOut
	// authUnreadable means that it answered something else than an authorizer does.
	authUnreadable
	// authClosed means that it was changed before it was called.
	authClosed
	// authRefused means that it refused.
	authRefused
	// authGranted means that it granted.
	authGranted
)

// authAnswer is what an authorizer has answered. It is not changed once made.
type authAnswer struct {
	outcome authOutcome
	// granted is the authorization that goes into the event.
	granted json.RawMessage
	// reason is, of a refusal, what the authorizer tells the sender; else what went wrong, for the log.
	reason string
	// ttl is for how long the answer may be used for other events of the same sender.
	ttl time.Duration
}

const (
	// maxAuthorization bounds an authorization in bytes: it goes along with the event, in headers too.
	maxAuthorization = 4 << 10
	// maxReason is how many bytes are kept of what a refusing authorizer says.
	maxReason = 256
	// maxAuthorizationTTL is how long an answer is kept at most.
	maxAuthorizationTTL = 24 * time.Hour
)

// parseAuthorization reads an authorizer's answer: {"authorization":{"principalId":"…","context":{…},"ttl":60}} or
// {"error":{"message":"…","ttl":60}}. What both grants and refuses refuses.
func parseAuthorization(payload []byte) *authAnswer {
	var body struct {
		Authorization *struct {
			PrincipalID *string         `json:"principalId"`
			Context     json.RawMessage `json:"context"`
			TTL         json.RawMessage `json:"ttl"`
		} `json:"authorization"`
		Error *struct {
			Message string          `json:"message"`
			TTL     json.RawMessage `json:"ttl"`
		} `json:"error"`
	}
	// The error of a decoder may hold what it could not read.
	if eventgateway.ValidateJSON("answer", payload) != nil || json.Unmarshal(payload, &body) != nil {
		return unreadable("want a JSON object with authorization or error, as an authorizer answers")
	}
	var ttl time.Duration
	var err error
	switch granted := body.Authorization; {
	case body.Error != nil:
		if ttl, err = parseTTL(body.Error.TTL); err != nil {
			return unreadable("error." + err.Error())
		}
		message := body.Error.Message
		return &authAnswer{outcome: authRefused, reason: strings.Clone(message[:min(len(message), maxReason)]), ttl: ttl}
	case granted == nil:
		return unreadable("neither authorization nor error: want one of them")
	case granted.PrincipalID == nil:
		return unreadable("authorization.principalId: missing: want a string")
	default:
		if ttl, err = parseTTL(granted.TTL); err != nil {
			return unreadable("authorization." + err.Error())
		}
		return grant(*granted.PrincipalID, granted.Context, ttl)
	}
}

func unreadable(reason string) *authAnswer {
	return &authAnswer{outcome: authUnreadable, reason: reason}
}

// grant makes the authorization that goes into the event.
func grant(principalID string, context json.RawMessage, ttl time.Duration) *authAnswer {
	text := append([]byte(`{"principalId":`), eventgateway.AppendJSONString(nil, principalID)...)
	if len(context) > 0 && context[0] != 'n' {
		if context[0] != '{' {
			return unreadable("authorization.context: want an object")
		}
		text = append(text, `,"context":`...)
		text = append(text, context...)
	}
	text = append(text, '}')
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil || compact.Len() > maxAuthorization {
		return unreadable("authorization: too large: want at most 4096 bytes")
	}
	return &authAnswer{outcome: authGranted, granted: compact.Bytes(), ttl: ttl}
}

var errTTL = errors.New(`ttl: want a number of seconds, or a duration such as "5m", that is not negative`)

// parseTTL reads a lifetime: a number of seconds, or a duration as a string; 0 where there is none.
func parseTTL(value json.RawMessage) (time.Duration, error) {
	if isNull(value) {
		return 0, nil
	}
	var seconds float64
	if text, ok := eventgateway.JSONText(value); ok {
		ttl, err := time.ParseDuration(string(text))
		if err != nil || ttl < 0 {
			return 0, errTTL
		}
		return min(ttl, maxAuthorizationTTL), nil
	}
	if json.Unmarshal(value, &seconds) != nil || seconds < 0 || math.IsNaN(seconds) {
		return 0, errTTL
	}
	if seconds > maxAuthorizationTTL.Seconds() {
		return maxAuthorizationTTL, nil
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
