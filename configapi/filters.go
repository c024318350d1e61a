package configapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// maxTrialEvents is how many events one request may try.
const maxTrialEvents = 100

// trialBody is what a client wants to try.
type trialBody struct {
	trial                                Trial
	filter, transform, responseTransform *string
	events                               []json.RawMessage
	response                             *expression.Response
}

// trialAnswer is what came of it.
type trialAnswer struct {
	// Valid tells whether a subscription with these expressions is accepted.
	Valid bool `json:"valid"`
	// Errors are what is wrong with them.
	Errors []Problem `json:"errors"`
	// Cost is the estimated cost of one evaluation by field.
	Cost map[string]uint64 `json:"cost"`
	// Indexed tells whether an index answers the filter, so that it costs the same however many there are.
	Indexed bool `json:"indexed"`
	// Results are what came of each event, in their order; none if an expression is not valid.
	Results []Outcome `json:"results"`
}

// testFilter tries expressions with events. What is wrong with an expression is an answer and no error.
func (x *exchange) testFilter() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	b, err := readTrial(body)
	if err != nil {
		return err
	}
	b.trial.Space = x.space
	answer := trialAnswer{Errors: b.trial.Compile(), Results: []Outcome{}}
	answer.Valid = len(answer.Errors) == 0
	if answer.Valid {
		answer.Errors = []Problem{}
	}
	answer.Cost, answer.Indexed = b.trial.cost, b.trial.filter != nil && b.trial.filter.Indexed()
	for i, raw := range b.events {
		ev, params, err := eventgateway.ParseDocument(eventField(len(b.events), i), raw, time.Now())
		if err != nil {
			return err
		}
		if err := x.r.Context().Err(); err != nil {
			return err
		}
		if answer.Valid {
			answer.Results = append(answer.Results, b.trial.Try(ev, params, b.response))
		}
	}
	x.answer(http.StatusOK, x.Mirror.Revision(), answer)
	return nil
}

func eventField(n, i int) string {
	if n == 1 {
		return "event"
	}
	return fmt.Sprintf("events[%d]", i)
}

// readTrial reads what a client wants to try.
func readTrial(body []byte) (*trialBody, error) {
	b := new(trialBody)
	t := &b.trial
	if err := readObject("", body, []field{
		{"filter", text(&b.filter)},
		{"pattern", object(&t.Pattern)},
		{"transform", text(&b.transform)},
		{"responseTransform", text(&b.responseTransform)},
		{"headers", textMap(&t.Headers)},
		{"event", b.readEvent},
		{"events", b.readEvents},
		{"response", b.readResponse},
	}); err != nil {
		return nil, err
	}
	t.Filter, t.Transform, t.ResponseTransform = value(b.filter), value(b.transform), value(b.responseTransform)
	if t.Filter != "" && len(t.Pattern) > 0 {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "pattern: not accepted beside filter: want one of them")
	}
	return b, t.Transforms.Validate(eventgateway.Sync)
}

func (b *trialBody) readEvent(path string, raw json.RawMessage) error { return b.addEvents(path, raw) }

func (b *trialBody) readEvents(path string, raw json.RawMessage) error {
	if raw[0] != '[' {
		return wrongType(path, raw, "an array of events")
	}
	var events []json.RawMessage
	if err := json.Unmarshal(raw, &events); err != nil {
		return err
	}
	if len(events) > maxTrialEvents {
		return eventgateway.Errorf(eventgateway.Invalid, "%s: %d events are not accepted: want at most %d", path, len(events), maxTrialEvents)
	}
	return b.addEvents(path, events...)
}

func (b *trialBody) addEvents(path string, events ...json.RawMessage) error {
	if b.events != nil {
		return eventgateway.Errorf(eventgateway.Invalid, "%s: not accepted beside the other: want event or events", path)
	}
	b.events = events
	return nil
}

// readResponse reads a function's answer, as the variable response has it.
func (b *trialBody) readResponse(path string, raw json.RawMessage) error {
	r := &expression.Response{Status: http.StatusOK, DataType: eventgateway.TypeJSON, Data: []byte("null")}
	headers := map[string]string{}
	err := readObject(path, raw, []field{
		{"status", func(path string, raw json.RawMessage) error {
			if err := json.Unmarshal(raw, &r.Status); err != nil || r.Status < 100 || r.Status > 999 {
				return wrongType(path, raw, "an HTTP status")
			}
			return nil
		}},
		{"headers", textMap(&headers)},
		{"data", func(_ string, raw json.RawMessage) error {
			r.Data = raw
			return nil
		}},
	})
	r.Header = make(map[string][]string, len(headers))
	for name, value := range headers {
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	b.response = r
	return err
}
