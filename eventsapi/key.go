package eventsapi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/eventgateway/eventgateway"
)

// idempotencyHeader is how a publisher names what it sends, so that it is accepted once however often it is sent.
const idempotencyHeader = "Idempotency-Key"

// maxIdempotencyKey is how many characters such a name may have.
const maxIdempotencyKey = 255

// alone is the index of an event that is in no batch.
const alone = -1

// readKey reads the request's own name for its events, if it has one.
func (x *exchange) readKey() error {
	values := x.r.Header[idempotencyHeader]
	switch {
	case len(values) == 0:
		return nil
	case len(values) > 1:
		return eventgateway.Errorf(eventgateway.Invalid, idempotencyHeader+": given %d times: want it once", len(values))
	case !validKey(values[0]):
		return eventgateway.InvalidField(idempotencyHeader, values[0], "1 to 255 visible ASCII characters")
	}
	x.key = values[0]
	return nil
}

func validKey(key string) bool { return isVisible(key) && len(key) <= maxIdempotencyKey }

// isVisible reports whether text is visible ASCII characters, at least one.
func isVisible(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != ""
}

// keyOf returns what tells whether an event was accepted before: empty where nothing does. It is made of the publisher's name
// for the event, which is the request's Idempotency-Key with the event's index in a batch, or a CloudEvent's source and id;
// and of where the event came in, as another route has other subscribers; and of space, if the event goes on as another in each
// of several. It is hashed, so that it has one length whatever the sender writes.
func (x *exchange) keyOf(ev *eventgateway.Event, index int, space string) string {
	var kind, first, second string
	switch {
	case x.key != "":
		kind, first, second = "key", x.key, strconv.Itoa(index)
	case ev.CloudEvent != nil:
		kind, first, second = "cloudevent", ev.CloudEvent.Source, ev.ID
	default:
		return ""
	}
	text := make([]byte, 0, 512)
	add := func(part string) {
		text = binary.AppendUvarint(text, uint64(len(part))) // so that no two lists of parts make one text
		text = append(text, part...)
	}
	for _, part := range [...]string{kind, x.space, x.r.Method, x.r.URL.EscapedPath(), ev.Type, first, second} {
		add(part)
	}
	if space != "" && x.space == "" {
		add(space)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
