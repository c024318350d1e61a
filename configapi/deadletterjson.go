package configapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

const (
	// usualDeadLetters and maxDeadLetters are how many a list holds if the client does not say, and at most.
	usualDeadLetters = 100
	maxDeadLetters   = 1000
)

// deadLetterFields are the fields that choose dead letters, in a query and in a body; limit is beside them.
var deadLetterFields = []string{"subscriptionId", "functionId", "event", "eventId", "reason", "since", "until", "after"}

// deadLetterQuery is what a client chooses.
type deadLetterQuery struct {
	delivery.DeadLetterQuery
	// payload tells to list the events too.
	payload bool
}

// set takes one of deadLetterFields. What is empty is refused: it would choose all, where it may come from a variable that was
// not set.
func (q *deadLetterQuery) set(at, name, value string) (err error) {
	if value == "" {
		return eventgateway.InvalidField(at, value, "a value, or "+name+" left out")
	}
	switch name {
	case "subscriptionId":
		q.SubscriptionID = value
	case "functionId":
		q.FunctionID = value
	case "event":
		q.EventType = eventgateway.CanonicalEvent(value)
	case "eventId":
		q.EventID = value
	case "reason":
		q.Reason = value
	case "since":
		q.Since, err = readTime(at, value)
	case "until":
		q.Until, err = readTime(at, value)
	case "after":
		q.After = value
	}
	return err
}

func readTime(at, value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return t, eventgateway.InvalidField(at, value, "a time in RFC 3339 such as 2026-01-31T15:04:05Z")
	}
	return t, nil
}

// readDeadLetterQuery reads what the query parameters choose: for a list, or for all of them to be dealt with.
func (x *exchange) readDeadLetterQuery(list bool) (*deadLetterQuery, error) {
	values, err := parseQuery(x.r.URL)
	if err != nil {
		return nil, err
	}
	q := &deadLetterQuery{DeadLetterQuery: delivery.DeadLetterQuery{Space: x.space}}
	known, most := append(slices.Clone(deadLetterFields), "limit"), math.MaxInt32
	if list {
		known, most, q.Limit = append(known, "payload"), maxDeadLetters, usualDeadLetters
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		given, at := values[name], "query parameter "+eventgateway.Quote(name)
		switch {
		case !slices.Contains(known, name):
			return nil, eventgateway.Errorf(eventgateway.Invalid, "unknown query parameter %s: want only %s",
				eventgateway.Quote(name), strings.Join(known, ", "))
		case len(given) > 1:
			return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: given %d times: want it once", at, len(given))
		case name == "limit":
			q.Limit, err = readLimit(at, given[0], most)
		case name == "payload":
			if q.payload = given[0] == "true"; !q.payload && given[0] != "false" {
				err = eventgateway.InvalidField(at, given[0], "true or false")
			}
		case name == "since" || name == "until": // the + of a time zone is a space unless it was encoded
			err = q.set(at, name, strings.ReplaceAll(given[0], " ", "+"))
		default:
			err = q.set(at, name, given[0])
		}
		if err != nil {
			return nil, err
		}
	}
	return q, nil
}

// readLimit reads how many of something a client wants at most.
func readLimit(at, value string, most int) (int, error) {
	limit, err := strconv.Atoi(value)
	if err != nil || limit < 1 || limit > most {
		return 0, eventgateway.InvalidField(at, value, fmt.Sprintf("a whole number from 1 to %d", most))
	}
	return limit, nil
}

// readDeadLetterBody reads what the body chooses: all if it is empty.
func (x *exchange) readDeadLetterBody() (*deadLetterQuery, error) {
	if err := x.noQuery(); err != nil {
		return nil, err
	}
	q := &deadLetterQuery{DeadLetterQuery: delivery.DeadLetterQuery{Space: x.space}}
	body, err := receive(x.w, x.r, x.maxBody())
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return q, err
	}
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	fields := []field{}
	for _, name := range deadLetterFields {
		fields = append(fields, field{name, func(path string, raw json.RawMessage) error {
			var given *string
			if err := text(&given)(path, raw); err != nil {
				return err
			}
			return q.set(path, name, *given)
		}})
	}
	fields = append(fields, field{"limit", integer(&q.Limit, 1, math.MaxInt32)})
	return q, readObject("", body, fields)
}

// deadLetterAnswer is a dead letter as it is shown.
type deadLetterAnswer struct {
	ID             string    `json:"id"`
	Space          string    `json:"space"`
	SubscriptionID string    `json:"subscriptionId"`
	FunctionID     string    `json:"functionId"`
	Event          string    `json:"event"`
	EventID        string    `json:"eventId"`
	Source         string    `json:"source,omitempty"`
	ReceivedAt     time.Time `json:"receivedAt"`
	Reason         string    `json:"reason"`
	Error          string    `json:"error,omitempty"`
	Status         int       `json:"status,omitempty"`
	Attempts       int       `json:"attempts"`
	At             time.Time `json:"at"`
	// Payload is the event in the gateway's own schema.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// showDeadLetter returns a dead letter as it is shown.
func showDeadLetter(d *delivery.DeadLetter, payload bool) deadLetterAnswer {
	a := deadLetterAnswer{
		ID: d.ID, Space: d.Space, SubscriptionID: d.SubscriptionID, FunctionID: d.FunctionID, Event: d.Event.Type, EventID: d.Event.ID,
		ReceivedAt: d.Event.ReceivedAt.UTC(), Reason: d.Reason, Error: d.Error, Status: d.Status, Attempts: d.Attempts, At: d.At.UTC(),
	}
	if ce := d.Event.CloudEvent; ce != nil {
		a.Source = ce.Source
	}
	if payload {
		a.Payload = payloadOf(d)
	}
	return a
}

// payloadOf returns an event in the gateway's own schema. Data that is not the JSON its type says is taken for bytes.
func payloadOf(d *delivery.DeadLetter) json.RawMessage {
	payload := d.Event.Encode(nil, eventgateway.FormatEvent, d.Params).Payload
	if json.Valid(payload) {
		return payload
	}
	ev := *d.Event
	ev.DataType = eventgateway.TypeOctetStream
	return ev.Encode(nil, eventgateway.FormatEvent, d.Params).Payload
}
