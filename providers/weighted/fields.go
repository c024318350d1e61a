package weighted

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/eventgateway/eventgateway"
)

// Failover has another member called where the one chosen cannot be: in JSON true, or the members to try in their order. False
// and null are the same as none.
type Failover struct {
	// Any means the other members that have a weight, chosen as the first was.
	Any bool
	// Order are the members to try, also such of weight 0.
	Order []string
}

// on reports whether there is any failover.
func (f *Failover) on() bool { return f.Any || len(f.Order) > 0 }

// IsZero reports whether there is nothing to show.
func (f Failover) IsZero() bool { return !f.on() }

// UnmarshalJSON implements json.Unmarshaler.
func (f *Failover) UnmarshalJSON(data []byte) error {
	*f = Failover{}
	if json.Unmarshal(data, &f.Any) == nil {
		return nil
	}
	if json.Unmarshal(data, &f.Order) == nil {
		return nil
	}
	return refuse("failover: %s is not accepted: want true, false or a list of functionIds", eventgateway.Quote(string(data)))
}

// MarshalJSON implements json.Marshaler.
func (f Failover) MarshalJSON() ([]byte, error) {
	if f.Order != nil {
		return json.Marshal(f.Order)
	}
	return json.Marshal(f.Any)
}

// Retreat says when a member does so badly that the function goes back to the weights before. Only members that have a larger
// share than they would have then are looked at.
type Retreat struct {
	// ErrorRate is the share of a member's calls that may fail: 0 or more, less than 1. Default: it is not looked at.
	ErrorRate *float64 `json:"errorRate,omitempty"`
	// Latency is how long a call may take; Quantile is the share of the calls that must be as fast, 0.5 or more, less than 1.
	// Default: latency is not looked at; 0.95.
	Latency  eventgateway.Duration `json:"latency,omitempty"`
	Quantile float64               `json:"quantile,omitempty"`
	// Window is over how long calls count: 1s to 1h. Default: 1m.
	Window eventgateway.Duration `json:"window,omitempty"`
	// MinimumCalls is how many calls of the member there must be in the window. Default: 20.
	MinimumCalls int `json:"minimumCalls,omitempty"`
	// To are the weights to go back to. Default: those that stood before the last change of the weights.
	To []eventgateway.Share `json:"to,omitempty"`
}

const (
	defaultQuantile     = 0.95
	defaultWindow       = time.Minute
	defaultMinimumCalls = 20
	maxMinimumCalls     = 1_000_000
)

func (r *Retreat) quantile() float64 { return cmp.Or(r.Quantile, defaultQuantile) }

func (r *Retreat) window() time.Duration { return cmp.Or(time.Duration(r.Window), defaultWindow) }

func (r *Retreat) minimumCalls() int { return cmp.Or(r.MinimumCalls, defaultMinimumCalls) }
