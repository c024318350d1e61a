package configapi

import (
	"encoding/json"

	"github.com/eventgateway/eventgateway"
)

// readDelivery reads a delivery policy. A 0 would be taken for what was not given, so it is refused here.
func (b *subscriptionBody) readDelivery(path string, raw json.RawMessage) error {
	d := new(eventgateway.Delivery)
	b.delivery = d
	var deadLetter, orderingKey *string
	err := readObject(path, raw, []field{
		{"attempts", integer(&d.Attempts, 1, eventgateway.MaxAttempts)},
		{"backoff", func(path string, raw json.RawMessage) error {
			d.Backoff = new(eventgateway.Backoff)
			return readBackoff(d.Backoff, path, raw)
		}},
		{"maxAge", duration(&d.MaxAge, "720h, which is 30 days")},
		{"timeout", duration(&d.Timeout, "15m")},
		{"retryOn", outcomes(&d.RetryOn)},
		{"deadLetter", text(&deadLetter)},
		{"orderingKey", text(&orderingKey)},
	})
	d.DeadLetter, d.OrderingKey = value(deadLetter), value(orderingKey)
	return err
}

func readBackoff(b *eventgateway.Backoff, path string, raw json.RawMessage) error {
	return readObject(path, raw, []field{
		{"initial", duration(&b.Initial, "24h")},
		{"factor", func(path string, raw json.RawMessage) error {
			if err := number(&b.Factor)(path, raw); err != nil || b.Factor != 0 {
				return err
			}
			return eventgateway.Errorf(eventgateway.Invalid, "%s: 0 is not accepted: want 1 to %d", path, eventgateway.MaxBackoffFactor)
		}},
		{"maximum", duration(&b.Maximum, "24h")},
		{"jitter", func(path string, raw json.RawMessage) error {
			b.Jitter = new(float64)
			return number(b.Jitter)(path, raw)
		}},
	})
}

// outcomes reads an array of strings among which HTTP statuses may be numbers.
func outcomes(dst *[]string) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if raw[0] != '[' {
			return wrongType(path, raw, "an array of statuses and classes of failures")
		}
		var values []json.RawMessage
		if err := json.Unmarshal(raw, &values); err != nil {
			return err
		}
		*dst = make([]string, len(values))
		for i, value := range values {
			switch c := value[0]; {
			case c >= '0' && c <= '9':
				(*dst)[i] = string(value)
			case c != '"':
				return wrongType(path, value, "only statuses and classes of failures in the array")
			default:
				if err := json.Unmarshal(value, &(*dst)[i]); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// duration reads a string such as "30s" that is no duration of 0; longest names the longest that is accepted.
func duration(dst *eventgateway.Duration, longest string) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if err := dst.UnmarshalJSON(raw); err != nil {
			return eventgateway.Errorf(eventgateway.Invalid, "%s: %w", path, err)
		}
		if *dst == 0 {
			return eventgateway.InvalidField(path, "0s", "more than 0s and at most "+longest)
		}
		return nil
	}
}

// integer reads a whole number within bounds.
func integer(dst *int, low, high int) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if !isNumber(raw) {
			return wrongType(path, raw, "a number")
		}
		if err := json.Unmarshal(raw, dst); err != nil || *dst < low || *dst > high {
			return eventgateway.Errorf(eventgateway.Invalid, "%s: %.40s is not accepted: want a whole number from %d to %d",
				path, raw, low, high)
		}
		return nil
	}
}

// number reads a number.
func number(dst *float64) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if !isNumber(raw) {
			return wrongType(path, raw, "a number")
		}
		if err := json.Unmarshal(raw, dst); err != nil {
			return eventgateway.Errorf(eventgateway.Invalid, "%s: %.40s is not accepted: want a smaller number", path, raw)
		}
		return nil
	}
}

func isNumber(raw json.RawMessage) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }
