package configapi

import (
	"context"

	"github.com/eventgateway/eventgateway"
)

// createSubscription stores a new subscription. It fills in sub what has a default, and its ID.
func (s service) createSubscription(ctx context.Context, sub *eventgateway.Subscription) (revision int64, err error) {
	return s.write(ctx, sub.Space, func(now *merged) (Write, error) {
		if old := now.subscription(sub.Space, sub.ID); old != nil {
			if old.static {
				return Write{}, readOnly("subscription", sub.ID)
			}
			return Write{}, eventgateway.Errorf(eventgateway.Exists,
				"subscription %q exists already: the same type, event, functionId, method and path: "+
					"PUT changes the rest of it", sub.ID)
		}
		if err := now.registered("functionId", sub.Space, sub.FunctionID); err != nil {
			return Write{}, err
		}
		if err := now.hasDeadLetter(sub); err != nil {
			return Write{}, err
		}
		if err := formatsFit(sub, now.function); err != nil {
			return Write{}, err
		}
		if err := s.hasEventType(now, sub); err != nil {
			return Write{}, err
		}
		if err := now.fits(sub); err != nil {
			return Write{}, err
		}
		if other, reason := now.snapshot.Table.Conflict(sub); other != nil {
			return Write{}, &eventgateway.Error{Kind: eventgateway.Exists, Message: reason}
		}
		return putSubscription(sub), nil
	})
}

// updateSubscription changes what may change of a stored subscription, and returns it changed. change gets a copy, which
// must have the same ID afterwards.
func (s service) updateSubscription(ctx context.Context, space, id string, meets conditions,
	change func(*eventgateway.Subscription) error,
) (changed *eventgateway.Subscription, revision int64, err error) {
	revision, err = s.write(ctx, space, func(now *merged) (Write, error) {
		old, err := now.changeableSubscription(space, id, meets)
		if err != nil {
			return Write{}, err
		}
		sub := old.Subscription
		if err := change(&sub); err != nil {
			return Write{}, err
		}
		sub.Normalize()
		if err := checkSubscription(&sub); err != nil {
			return Write{}, err
		}
		if err := now.hasDeadLetter(&sub); err != nil {
			return Write{}, err
		}
		if err := formatsFit(&sub, now.function); err != nil {
			return Write{}, err
		}
		if err := now.fits(&sub); err != nil {
			return Write{}, err
		}
		changed = &sub
		return putSubscription(&sub), nil
	})
	return changed, revision, err
}

// pauseSubscription pauses or resumes a stored subscription. It returns the subscription and its ETag, which are the same as
// before if that is how it was: then only the space's version is written, so that the answer holds whatever other instances
// did meanwhile.
func (s service) pauseSubscription(ctx context.Context, space, id string, meets conditions, paused bool) (
	changed *eventgateway.Subscription, tag string, revision int64, err error,
) {
	revision, err = s.write(ctx, space, func(now *merged) (Write, error) {
		old, err := now.changeableSubscription(space, id, meets)
		if err != nil {
			return Write{}, err
		}
		if old.Type != eventgateway.Async {
			return Write{}, eventgateway.InvalidField("type", string(old.Type),
				"an async subscription: only what nobody waits for can be paused and resumed")
		}
		sub := old.Subscription
		sub.Paused = paused
		changed, tag = &sub, ""
		if old.Paused == paused {
			tag = old.etag()
			return Write{}, nil
		}
		return putSubscription(&sub), nil
	})
	if tag == "" {
		tag = etag(revision, 0, false)
	}
	return changed, tag, revision, err
}

// deleteSubscription removes a subscription.
func (s service) deleteSubscription(ctx context.Context, space, id string, meets conditions) (revision int64, err error) {
	return s.write(ctx, space, func(now *merged) (Write, error) {
		if _, err := now.changeableSubscription(space, id, meets); err != nil {
			return Write{}, err
		}
		return Write{Deletes: []Key{{space, Subscriptions, id}}}, nil
	})
}

func putSubscription(sub *eventgateway.Subscription) Write {
	return Write{Puts: []Put{{Key{sub.Space, Subscriptions, sub.ID}, canonical(sub)}}}
}

// registered refuses a function that does not exist; field names it.
func (m *merged) registered(field, space, id string) error {
	if m.function(eventgateway.FunctionKey{Space: space, ID: id}) != nil {
		return nil
	}
	return eventgateway.Errorf(eventgateway.Invalid,
		"%s: function %q does not exist in space %q: want a function that is registered", field, id, space)
}

// hasDeadLetter refuses a subscription whose dead letter function does not exist.
func (m *merged) hasDeadLetter(sub *eventgateway.Subscription) error {
	if sub.Delivery == nil || sub.Delivery.DeadLetter == "" {
		return nil
	}
	return m.registered("delivery.deadLetter", sub.Space, sub.Delivery.DeadLetter)
}

// hasEventType refuses a subscription to an event type that is not registered, in a space that accepts no others. The built-in
// ones need not be, and what the gateway itself emits cannot be.
func (s service) hasEventType(now *merged, sub *eventgateway.Subscription) error {
	id := eventgateway.CanonicalEvent(sub.Event)
	switch {
	case s.strict == nil, !s.strict(sub.Space):
		return nil
	case id == eventgateway.EventHTTP, id == eventgateway.EventInvoke, eventgateway.IsSystemEvent(id), eventgateway.IsEventPattern(id):
		return nil
	case now.eventType(sub.Space, id) != nil:
		return nil
	}
	return eventgateway.Errorf(eventgateway.Invalid,
		"event: type %s is not registered in space %q, which is strict: want an event type that is registered",
		eventgateway.Quote(sub.Event), sub.Space)
}

// changeableSubscription returns a subscription that exists, may be changed, and meets the conditions.
func (m *merged) changeableSubscription(space, id string, meets conditions) (*subscription, error) {
	s := m.subscription(space, id)
	switch {
	case s == nil:
		return nil, noSubscription(space, id)
	case s.static:
		return nil, readOnly("subscription", id)
	}
	return s, meets.check(s.etag())
}

func noSubscription(space, id string) error {
	return eventgateway.Errorf(eventgateway.NotFound, "subscription %s does not exist in space %q", eventgateway.Quote(id), space)
}

func (s *subscription) etag() string { return etag(s.modified, s.sum, s.static) }
