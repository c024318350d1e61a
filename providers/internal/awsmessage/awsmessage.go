// Package awsmessage has what AWS services that take messages have in common: how a delivery is told from another, what a group
// may be called, and what text is.
package awsmessage

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// subscriptionHeader says which subscription a delivery is of.
const subscriptionHeader = eventgateway.HeaderPrefix + "Subscription-Id"

// DeduplicationID returns 64 hexadecimal digits that are the same for all attempts of one delivery of an event, and for the
// event sent once more. Events of two sources may have one id, and two subscriptions may bring one event.
func DeduplicationID(call *providers.Call) string {
	return Digest(Source(call), call.Event.ID, call.Header.Get(subscriptionHeader))
}

// Source returns the source of a CloudEvent; empty for other events.
func Source(call *providers.Call) string {
	if ce := call.Event.CloudEvent; ce != nil {
		return ce.Source
	}
	return ""
}

// GroupID returns the message group of a call: its key, or with fifo, where none can be without one, else the event's id. What the
// services do not take as a group is replaced by its digest.
func GroupID(call *providers.Call, fifo bool) string {
	group := call.Key
	if fifo {
		group = cmp.Or(group, call.Event.ID, "event")
	}
	if len(group) <= 128 && strings.IndexFunc(group, func(r rune) bool { return r <= ' ' || r > '~' }) < 0 {
		return group
	}
	return Digest(group)
}

// Digest returns the SHA-256 of the parts in hexadecimal.
func Digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// IsText reports whether a message can be of that text: UTF-8 of characters that XML has.
func IsText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}) < 0
}
