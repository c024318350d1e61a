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
		if now.function(eventgateway.FunctionKey{Space: sub.Space, ID: sub.FunctionID}) == nil {
			return Write{}, eventgateway.Errorf(eventgateway.Invalid,
				"functionId: function %q does not exist in space %q: want a function that is registered", sub.FunctionID, sub.Space)
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
		changed = &sub
		return putSubscription(&sub), checkSubscription(&sub)
	})
	return changed, revision, err
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
