package eventgateway

import (
	"encoding/json"
	"time"
)

// Duration is a time span written as in Go: "250ms", "30s", "24h".
type Duration time.Duration

// MarshalText writes the duration in Go's notation.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalJSON reads a string in Go's notation. Null leaves the duration as it is.
func (d *Duration) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return Errorf(Invalid, `%s is not accepted as a duration: want a string such as "250ms", "30s" or "24h"`, Quote(string(data)))
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return Errorf(Invalid, `%s is not accepted as a duration: want a string such as "250ms", "30s" or "24h"`, Quote(s))
	}
	*d = Duration(v)
	return nil
}
