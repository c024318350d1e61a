package configapi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/providers"
)

// Static are the resources of one server configuration. NewView and CheckStatic work on copies, normalized and validated.
//
// A static subscription or event type may name a function of the store as well as a static one. Functions of the store come
// and go while the server runs, so the name is not checked: an event for a function that does not exist is answered with 502,
// one whose authorizer does not exist with 403.
type Static struct {
	Functions     []*eventgateway.Function
	Subscriptions []*eventgateway.Subscription
	EventTypes    []*eventgateway.EventType
	CORS          []*eventgateway.CORSResource
	// Shown are provider fields to be shown in place of a function's own, which may hold what placeholders stood for.
	Shown map[eventgateway.FunctionKey]json.RawMessage
	// Open makes the functions callable. Default: as the mirror's are.
	Open Opener
	// Secrets is what the functions may refer to. May be nil: then references are accepted.
	Secrets providers.Secrets
}

// CheckStatic checks static resources as NewView does, and starts nothing.
func CheckStatic(static Static) error {
	_, err := readStatic(static)
	return err
}

// identity is the identity of a resource among those of its kind.
type identity struct{ space, id string }

// statics are static resources by identity.
type statics struct {
	functions     map[eventgateway.FunctionKey]*function
	subscriptions map[identity]*subscription
	eventTypes    map[identity]*eventType
	cors          map[identity]*corsResource
}

func (s *statics) empty() bool {
	return len(s.functions)+len(s.subscriptions)+len(s.eventTypes)+len(s.cors) == 0
}

// readStatic normalizes and validates static resources, each by itself and against the others.
func readStatic(static Static) (*statics, error) {
	s := &statics{
		map[eventgateway.FunctionKey]*function{}, map[identity]*subscription{}, map[identity]*eventType{}, map[identity]*corsResource{},
	}
	for _, fn := range static.Functions {
		if err := s.addFunction(*fn, static.Shown[fn.Key()], static.Secrets); err != nil {
			return nil, err
		}
	}
	for _, t := range static.EventTypes {
		if err := s.addEventType(*t); err != nil {
			return nil, err
		}
	}
	var table, cors *matcher.Table
	for _, c := range static.CORS {
		added, err := s.addCORS(*c, cors)
		if err != nil {
			return nil, err
		}
		cors = cors.Insert(added.route)
	}
	for _, sub := range static.Subscriptions {
		added, err := s.addSubscription(*sub, table)
		if err != nil {
			return nil, err
		}
		table = table.Insert(&added.Subscription)
	}
	return s, nil
}

func (s *statics) addFunction(fn eventgateway.Function, shown json.RawMessage, secrets providers.Secrets) error {
	fn.Normalize()
	err := fn.Validate()
	if err == nil {
		fn.Provider, err = providers.Check(&fn, nil, secrets)
	}
	if err == nil {
		err = checkComposite(&fn)
	}
	if err == nil {
		err = checkKey(&fn)
	}
	if err != nil {
		return eventgateway.Errorf(eventgateway.Invalid, "static function %s in space %s: %w",
			eventgateway.Quote(fn.ID), eventgateway.Quote(fn.Space), err)
	}
	if s.functions[fn.Key()] != nil {
		return eventgateway.Errorf(eventgateway.Exists, "static function %q in space %q is given twice", fn.ID, fn.Space)
	}
	f := &function{Function: &fn, sum: staticSum(showFunction(&fn, second)), static: true, parts: providers.PartsOf(&fn)}
	if shown != nil {
		as := fn
		as.Provider = shown
		f.shown = &as
	}
	s.functions[fn.Key()] = f
	return nil
}

func (s *statics) addSubscription(sub eventgateway.Subscription, others *matcher.Table) (*subscription, error) {
	if sub.CORS != nil {
		cors := *sub.CORS
		sub.CORS = &cors
	}
	sub.Delivery = sub.Delivery.Clone()
	sub.CreateRevision = 0
	sub.Normalize()
	if err := checkSubscription(&sub); err != nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid,
			"static subscription of function %s to event %s on path %s in space %s: %w", eventgateway.Quote(sub.FunctionID),
			eventgateway.Quote(sub.Event), eventgateway.Quote(sub.Path), eventgateway.Quote(sub.Space), err)
	}
	name := func(sub *eventgateway.Subscription) string {
		return "static subscription of function " + eventgateway.Quote(sub.FunctionID) + " to " + listensTo(sub) +
			" in space " + eventgateway.Quote(sub.Space)
	}
	key := identity{sub.Space, sub.ID}
	if s.subscriptions[key] != nil {
		return nil, eventgateway.Errorf(eventgateway.Exists, "%s is given twice", name(&sub))
	}
	static := func(key eventgateway.FunctionKey) *function { return s.functions[key] }
	if err := formatsFit(&sub, static); err != nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: %w", name(&sub), err)
	}
	if t := s.eventTypes[identity{sub.Space, eventgateway.CanonicalEvent(sub.Event)}]; t != nil {
		if err := checkExpressions(&sub, bindingSchema(t.EventType)); err != nil {
			return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: %w", name(&sub), err)
		}
	}
	if other, reason := others.Conflict(&sub); other != nil {
		return nil, eventgateway.Errorf(eventgateway.Exists, "%s: %s", name(&sub), reason)
	}
	added := &subscription{Subscription: sub, sum: staticSum(&sub), static: true}
	s.subscriptions[key] = added
	return added, nil
}

// staticSum tells contents apart across restarts and instances.
func staticSum(noun any) uint64 {
	sum := sha256.Sum256(canonical(noun))
	return binary.BigEndian.Uint64(sum[:8])
}

// listensTo tells what a subscription listens to, for messages.
func listensTo(sub *eventgateway.Subscription) string {
	return "event " + eventgateway.Quote(sub.Event) + " on " + sub.Method + " " + eventgateway.Quote(sub.Path)
}
