package configapi

import (
	"bytes"
	"encoding/json"
	"iter"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/schema"
	"github.com/eventgateway/eventgateway/snapshot"
)

// eventType is an event type as the mirror or a configuration holds it.
type eventType struct {
	*eventgateway.EventType
	// ready is what the data path gets.
	ready             snapshot.EventType
	created, modified int64
	sum               uint64
	static            bool
}

// compileEventType returns t ready to be used. A schema that old, which may be nil, has too is not compiled again.
func compileEventType(t *eventgateway.EventType, old *eventType) (*eventType, error) {
	et := &eventType{EventType: t, ready: snapshot.EventType{EventType: t}}
	raw := t.Schema
	if len(raw) == 0 {
		return et, nil
	}
	if old != nil && old.ready.Schema != nil && bytes.Equal(old.Schema, raw) {
		et.ready.Schema = old.ready.Schema
	} else {
		compiled, err := schema.Compile(raw)
		if err != nil {
			return nil, err
		}
		et.ready.Schema = compiled
	}
	if t.SchemaMode == eventgateway.SchemaOff {
		et.ready.Schema = nil
	}
	return et, nil
}

// decodeEventType reads a stored event type; see decodeFunction.
func decodeEventType(e Entry) (*eventgateway.EventType, error) {
	t := new(eventgateway.EventType)
	if err := json.Unmarshal(e.Value, t); err != nil {
		return nil, err
	}
	t.Normalize()
	if t.Space != e.Key.Space || t.ID() != e.Key.ID {
		return nil, errOtherKey
	}
	return t, t.Validate()
}

func (st *state) eventType(space, id string) *eventType {
	t, _ := st.space(space).eventTypes.Get(hamt.String(id))
	return t
}

func (e *edit) applyEventType(c Change) (err error) {
	key := c.Entry.Key
	var t *eventType
	if !c.Deleted {
		t, err = e.readEventType(c.Entry)
	}
	sp := e.space(key.Space)
	if t == nil {
		sp.eventTypes.Delete(hamt.String(key.ID))
	} else {
		sp.eventTypes.Set(hamt.String(t.ID()), t)
	}
	return err
}

func (e *edit) readEventType(entry Entry) (*eventType, error) {
	sum := contentSum(entry.Value)
	old := e.previous.eventType(entry.Key.Space, entry.Key.ID)
	if old != nil && old.sum == sum && old.modified == entry.ModRevision && old.created == entry.CreateRevision {
		return old, nil
	}
	decoded, err := decodeEventType(entry)
	if err != nil {
		return nil, err
	}
	decoded.Space, decoded.Name = e.shared.intern(decoded.Space), e.shared.intern(decoded.Name)
	t, err := compileEventType(decoded, old)
	if err != nil {
		return nil, err
	}
	t.created, t.modified, t.sum = entry.CreateRevision, entry.ModRevision, sum
	return t, nil
}

// eventType returns an event type by its ID, or nil.
func (m *merged) eventType(space, id string) *eventType {
	if t := m.statics.eventTypes[identity{space, id}]; t != nil {
		return t
	}
	return m.state.eventType(space, id)
}

// publishedEventType is eventType for a snapshot.
func (m *merged) publishedEventType(space, name string) *snapshot.EventType {
	id := eventgateway.CanonicalEvent(name)
	if t := m.eventType(space, id); t != nil {
		return &t.ready
	}
	if _, skipped := m.state.skipped.Get(Key{space, EventTypes, id}); skipped {
		return unusableEventType
	}
	return nil
}

// unusableEventType stands for one that is stored, and cannot be read: who may send its events, and what they are, is not known.
var unusableEventType = &snapshot.EventType{EventType: &eventgateway.EventType{}, Unusable: true}

// eventTypesOf yields the event types of a space, in no particular order.
func (m *merged) eventTypesOf(space string) iter.Seq[*eventType] {
	return mergedOf(space, m.statics.eventTypes, m.state.space(space).eventTypes)
}

// addEventType adds a static event type.
func (s *statics) addEventType(t eventgateway.EventType) error {
	t.Normalize()
	err := t.Validate()
	var added *eventType
	if err == nil {
		added, err = compileEventType(&t, nil)
	}
	if err != nil {
		return eventgateway.Errorf(eventgateway.Invalid, "static event type %s in space %s: %w",
			eventgateway.Quote(t.Name), eventgateway.Quote(t.Space), err)
	}
	key := identity{t.Space, t.ID()}
	if s.eventTypes[key] != nil {
		return eventgateway.Errorf(eventgateway.Exists, "static event type %s in space %q is given twice",
			eventgateway.Quote(t.Name), t.Space)
	}
	added.sum, added.static = staticSum(&t), true
	s.eventTypes[key] = added
	return nil
}
