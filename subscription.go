package eventgateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// SubscriptionType tells whether the sender waits for the function.
type SubscriptionType string

// The types of subscriptions.
const (
	// Sync means the function's answer is the answer to the sender.
	Sync SubscriptionType = "sync"
	// Async means the function gets the event, and the sender does not wait for it.
	Async SubscriptionType = "async"
)

// Subscription maps events to a function.
type Subscription struct {
	// Space is the sandbox the subscription and its function live in. Default: "default".
	Space string `json:"space,omitempty"`
	// ID is given by the gateway: the same for the same type, event, function, method and path.
	ID string `json:"subscriptionId,omitempty"`
	// Type is "sync" or "async". Default: sync for the events http and invoke, async for all others.
	Type SubscriptionType `json:"type,omitempty"`
	// Event is the event type, or the beginning of several and a *, see ValidateEventPattern. Required.
	Event string `json:"event"`
	// FunctionID names the function in the same space. Required.
	FunctionID string `json:"functionId"`
	// Method is the HTTP method the event comes in with. Default: POST; required for http events.
	Method string `json:"method,omitempty"`
	// Path is the path the event comes in on, with :name and a trailing *name as parameters. Default: "/".
	Path string `json:"path,omitempty"`
	// CORS allows pages of other origins to call an http subscription. Default: none may.
	CORS *CORS `json:"cors,omitempty"`
	// Filter is a CEL expression over the event: only events it is true of are delivered. Default: all are. Whether it
	// compiles, package matcher knows.
	Filter string `json:"filter,omitempty"`
	// Pattern is an EventBridge event pattern, as an alternative to Filter. Default: none.
	Pattern json.RawMessage `json:"pattern,omitempty"`
	// Transforms change what the function gets and what the sender of a sync subscription is answered. Default: nothing.
	Transforms
	// Delivery is how events reach the function; only of an async subscription. Default: the gateway's defaults.
	Delivery *Delivery `json:"delivery,omitempty"`
	// Paused keeps events waiting instead of delivering them; only of an async subscription. Set by pausing and resuming.
	// Default: false.
	Paused bool `json:"paused,omitempty"`
	// Metadata is the user's own; lists can be filtered by it.
	Metadata map[string]string `json:"metadata,omitempty"`

	// CreateRevision orders subscriptions by age: the etcd revision that created it, 0 for one from the server's own
	// configuration.
	CreateRevision int64 `json:"-"`
}

// Normalize fills in what has a default, and the ID.
func (s *Subscription) Normalize() {
	if s.Space == "" {
		s.Space = DefaultSpace
	}
	if s.Type == "" {
		s.Type = Async
		if e := CanonicalEvent(s.Event); e == EventHTTP || e == EventInvoke {
			s.Type = Sync
		}
	}
	if s.Method == "" && CanonicalEvent(s.Event) != EventHTTP {
		s.Method = "POST"
	}
	s.Method = strings.ToUpper(s.Method)
	if s.Path == "" {
		s.Path = "/"
	}
	if s.CORS != nil {
		s.CORS.Normalize()
	}
	if s.Delivery != nil {
		s.Delivery.Normalize()
		if s.Delivery.empty() {
			s.Delivery = nil
		}
	}
	s.ID = s.identity()
}

// identity is a hash, so that it has one length and needs no escaping whatever the path.
func (s *Subscription) identity() string {
	key := strings.Join([]string{string(s.Type), CanonicalEvent(s.Event), s.FunctionID, s.Method, s.Path}, "\x00")
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Validate checks the subscription by itself; whether its function exists and its route is free only the store knows.
// Call Normalize first.
func (s *Subscription) Validate() error {
	if err := ValidateID("space", s.Space); err != nil {
		return err
	}
	if s.Type != Sync && s.Type != Async {
		return InvalidField("type", string(s.Type), `"sync" or "async"`)
	}
	if err := ValidateEventPattern("event", s.Event); err != nil {
		return err
	}
	if err := ValidateID("functionId", s.FunctionID); err != nil {
		return err
	}
	if s.Method == "" {
		return Errorf(Invalid, "method: missing: want an HTTP method such as GET for event %q", s.Event)
	}
	if !isToken(s.Method) || len(s.Method) > 32 {
		return InvalidField("method", s.Method, "an HTTP method such as GET")
	}
	if s.Event == EventInvoke && (s.Type != Sync || s.Method != "POST") {
		return Errorf(Invalid, "event: %q is not accepted with type %q and method %q: want sync and POST", s.Event, s.Type, s.Method)
	}
	if _, err := ParsePath(s.Path); err != nil {
		return err
	}
	if err := s.validateListening(); err != nil {
		return err
	}
	if s.CORS != nil {
		if CanonicalEvent(s.Event) != EventHTTP {
			return Errorf(Invalid, "cors: not accepted for event %s: want it only for http events; custom events accept any origin",
				Quote(s.Event))
		}
		if err := s.CORS.Validate(); err != nil {
			return err
		}
	}
	if err := s.validateFilter(); err != nil {
		return err
	}
	if err := s.Transforms.Validate(s.Type); err != nil {
		return err
	}
	if err := s.validateDelivery(); err != nil {
		return err
	}
	return ValidateMetadata(s.Metadata)
}

// validateListening checks what goes with listening to many events, and to system events.
func (s *Subscription) validateListening() error {
	many, system := IsEventPattern(s.Event), IsSystemEvent(s.Event)
	switch {
	case many && s.Type != Async:
		return Errorf(Invalid, "type: %s is not accepted for event %s: want async, as a * is for many events, which others may answer",
			Quote(string(s.Type)), Quote(s.Event))
	case !system:
		return nil
	case !many && !slices.Contains(SystemEvents, CanonicalEvent(s.Event)):
		return InvalidField("event", s.Event, "a system event: one of "+strings.Join(SystemEvents, ", ")+`, or several such as "gateway.*"`)
	case s.Type != Async:
		return Errorf(Invalid, "type: %s is not accepted for event %s: want async, as nobody waits for an answer to a system event",
			Quote(string(s.Type)), Quote(s.Event))
	case s.Method != "POST" || s.Path != "/":
		return Errorf(Invalid, "event: %s is not accepted with method %s and path %s: want POST and /, where system events come in",
			Quote(s.Event), Quote(s.Method), Quote(s.Path))
	}
	return nil
}

func (s *Subscription) validateFilter() error {
	if s.Filter != "" && len(s.Pattern) > 0 {
		return Errorf(Invalid, "pattern: not accepted beside filter: want one of them")
	}
	if len(s.Pattern) > MaxExpressionLength {
		return Errorf(Invalid, "pattern: %d bytes are not accepted: want at most %d", len(s.Pattern), MaxExpressionLength)
	}
	return ValidateExpression("filter", s.Filter)
}

// validateDelivery checks what only makes sense where the sender does not wait.
func (s *Subscription) validateDelivery() error {
	const onlyAsync = "%s: not accepted for type %s: want it only for async, where the sender does not wait"
	switch {
	case s.Delivery != nil && s.Type != Async:
		return Errorf(Invalid, onlyAsync, "delivery", Quote(string(s.Type)))
	case s.Paused && s.Type != Async:
		return Errorf(Invalid, onlyAsync, "paused", Quote(string(s.Type)))
	case s.Delivery == nil:
		return nil
	}
	if err := s.Delivery.Validate(); err != nil {
		return err
	}
	if s.Delivery.DeadLetter == s.FunctionID {
		return InvalidField("delivery.deadLetter", s.Delivery.DeadLetter, "another function than the subscription's own")
	}
	return nil
}
