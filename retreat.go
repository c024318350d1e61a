package eventgateway

import "time"

// Share is how much of a weighted function's calls one of its members gets: its weight among the weights of all.
type Share struct {
	FunctionID string `json:"functionId"`
	Weight     int    `json:"weight"`
}

// Retreat tells that a weighted function went back to the weights it had before, because a member with a larger share than it
// had then did not do well.
type Retreat struct {
	// Space and FunctionID name the weighted function. Empty where the retreat is part of that function.
	Space      string `json:"space,omitempty"`
	FunctionID string `json:"functionId,omitempty"`
	// At is when it went back.
	At time.Time `json:"at"`
	// Member is the function that did not do well, Reason one of the Retreat constants.
	Member string `json:"member"`
	Reason string `json:"reason"`
	// Calls counts the member's calls in the window, Failed those that failed and Slow those that took longer than the bound.
	Calls  int `json:"calls"`
	Failed int `json:"failed"`
	Slow   int `json:"slow"`
	// From are the weights it left, To those it went back to. To is empty where the retreat is part of the function, which has
	// those weights then.
	From []Share `json:"from"`
	To   []Share `json:"to,omitempty"`
}

// The reasons of a Retreat.
const (
	// RetreatErrorRate means that more calls failed than may.
	RetreatErrorRate = "errorRate"
	// RetreatLatency means that more calls took too long than may.
	RetreatLatency = "latency"
)

// Key returns the identity of the weighted function.
func (r *Retreat) Key() FunctionKey { return FunctionKey{r.Space, r.FunctionID} }
