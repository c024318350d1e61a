package delivery

import (
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// The headers every asynchronous delivery carries; a function deduplicates by the first and the third.
const (
	// HeaderEventID names the event, as EventIDText has it: the same for every attempt, and for every subscription.
	HeaderEventID = eventgateway.HeaderPrefix + "Event-Id"
	// HeaderAttempt counts the attempts of one delivery, from 1.
	HeaderAttempt = eventgateway.HeaderPrefix + "Attempt"
	// HeaderSubscriptionID names the subscription.
	HeaderSubscriptionID = eventgateway.HeaderPrefix + "Subscription-Id"
)

// The headers that the delivery of a dead letter carries beside them.
const (
	// HeaderDeadReason is why the event could not be delivered: a providers.Failure or a Reason constant.
	HeaderDeadReason = eventgateway.HeaderPrefix + "Dead-Letter-Reason"
	// HeaderDeadError says more, for people; left out when there is nothing to say.
	HeaderDeadError = eventgateway.HeaderPrefix + "Dead-Letter-Error"
	// HeaderDeadFunctionID names the function that did not get it.
	HeaderDeadFunctionID = eventgateway.HeaderPrefix + "Dead-Letter-Function-Id"
	// HeaderDeadAttempts is how many attempts that function got.
	HeaderDeadAttempts = eventgateway.HeaderPrefix + "Dead-Letter-Attempts"
)

// maxDeadError is how many bytes HeaderDeadError may have.
const maxDeadError = 256

// EventIDText returns an event's id as it stands in HeaderEventID, which is what a sender may have put anything into:
// percent-encoded as the HTTP binding of CloudEvents has it, and in place of more than 512 bytes of that, a hash of the id.
func EventIDText(id string) string {
	text := id
	if len(id) <= maxKeyText {
		text = eventgateway.EscapeHeaderValue(id)
	}
	if len(text) > maxKeyText {
		return hashText(id)
	}
	return text
}

// setDeliveryHeaders adds to encoded what an asynchronous delivery of ev to t tells about itself; attempt counts from 1, and
// dead is set for that of a dead letter. The header map that encoded comes with is left as it is. Whatever it has under names
// that are the gateway's own does not reach the function.
func setDeliveryHeaders(encoded *eventgateway.Encoded, ev *eventgateway.Event, t *Target, attempt int, dead *DeadNote) {
	most := chainHeaders + 3
	if dead != nil {
		most += 4
	}
	h := newHeaders(encoded.Header, most)
	h.set(HeaderEventID, EventIDText(ev.ID))
	h.set(HeaderAttempt, strconv.Itoa(attempt))
	h.set(HeaderSubscriptionID, eventgateway.EscapeHeaderValue(t.SubscriptionID))
	h.setChain(ev, true)
	if dead != nil {
		h.set(HeaderDeadReason, eventgateway.EscapeHeaderValue(dead.Reason))
		if text := errorText(dead.Error); text != "" {
			h.set(HeaderDeadError, text)
		}
		h.set(HeaderDeadFunctionID, eventgateway.EscapeHeaderValue(dead.FunctionID))
		h.set(HeaderDeadAttempts, strconv.Itoa(dead.Attempts))
	}
	encoded.Header = h.header
}

// errorText makes one line of printable ASCII of an error's text, with a question mark for what is something else.
func errorText(text string) string {
	printable := func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case r < ' ', r > '~':
			return '?'
		}
		return r
	}
	const cut = "..."
	text = strings.TrimSpace(strings.Map(printable, text))
	if len(text) > maxDeadError {
		text = text[:maxDeadError-len(cut)] + cut
	}
	return text
}
