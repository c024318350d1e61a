package configapi

import (
	"context"

	"github.com/eventgateway/eventgateway"
)

// createEventType stores a new event type, which is valid by itself.
func (s service) createEventType(ctx context.Context, t *eventgateway.EventType) (revision int64, err error) {
	return s.write(ctx, t.Space, func(now *merged) (Write, error) {
		if old := now.eventType(t.Space, t.ID()); old != nil {
			if old.static {
				return Write{}, readOnly("event type", old.Name)
			}
			return Write{}, eventgateway.Errorf(eventgateway.Exists, "name: event type %q exists already: PUT changes it", old.Name)
		}
		return now.putEventType(t, nil)
	})
}

// updateEventType replaces a stored event type, but for its name, of which t has what is in the URL.
func (s service) updateEventType(ctx context.Context, t *eventgateway.EventType, meets conditions) (
	changed *eventgateway.EventType, revision int64, err error,
) {
	changed = new(eventgateway.EventType)
	revision, err = s.write(ctx, t.Space, func(now *merged) (Write, error) {
		old, err := now.changeableEventType(t.Space, t.Name, meets)
		if err != nil {
			return Write{}, err
		}
		*changed = *t
		changed.Name = old.Name
		return now.putEventType(changed, old.EventType)
	})
	return changed, revision, err
}

// deleteEventType removes an event type no subscription is to.
func (s service) deleteEventType(ctx context.Context, space, name string, meets conditions) (revision int64, err error) {
	return s.write(ctx, space, func(now *merged) (Write, error) {
		t, err := now.changeableEventType(space, name, meets)
		if err != nil {
			return Write{}, err
		}
		if count := now.listeners(space, t.ID()); count > 0 {
			return Write{}, eventgateway.Errorf(eventgateway.InUse, "event type %q is in use by %s: delete what uses it first",
				t.Name, listUsers("subscription", smallest(now.listenersOf(space, t.ID()), count), count))
		}
		return Write{Deletes: []Key{{space, EventTypes, t.ID()}}}, nil
	})
}

// putEventType returns the write of an event type in place of old, which may be nil.
func (m *merged) putEventType(t, old *eventgateway.EventType) (Write, error) {
	if t.AuthorizerID != "" {
		if err := m.registered("authorizerId", t.Space, t.AuthorizerID); err != nil {
			return Write{}, err
		}
	}
	if err := m.listenersFit(t, old); err != nil {
		return Write{}, err
	}
	return Write{Puts: []Put{{Key{t.Space, EventTypes, t.ID()}, canonical(t)}}}, nil
}

// changeableEventType returns an event type that exists, may be changed, and meets the conditions.
func (m *merged) changeableEventType(space, name string, meets conditions) (*eventType, error) {
	t := m.eventType(space, eventgateway.CanonicalEvent(name))
	switch {
	case t == nil:
		return nil, noEventType(space, name)
	case t.static:
		return nil, readOnly("event type", t.Name)
	}
	return t, meets.check(t.etag())
}

func noEventType(space, name string) error {
	return eventgateway.Errorf(eventgateway.NotFound, "event type %s is not registered in space %q", eventgateway.Quote(name), space)
}

func (t *eventType) etag() string { return etag(t.modified, t.sum, t.static) }
