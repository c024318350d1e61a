package configapi

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/matcher"
)

// corsResource is a CORS resource as the mirror or a configuration holds it.
type corsResource struct {
	eventgateway.CORSResource
	// route is the resource as it stands in the table that finds it.
	route    *eventgateway.Subscription
	modified int64
	sum      uint64
	static   bool
}

func newCORSResource(c eventgateway.CORSResource) *corsResource {
	return &corsResource{CORSResource: c, route: corsRoute(&c)}
}

// corsRoute returns the subscription that stands for a CORS resource in a table: what it holds for is found, and excludes
// others, as an http subscription is and does.
func corsRoute(c *eventgateway.CORSResource) *eventgateway.Subscription {
	return &eventgateway.Subscription{
		Space: c.Space, ID: c.ID, Type: eventgateway.Sync, Event: eventgateway.EventHTTP, Method: c.Method, Path: c.Path,
		CORS: c.CORS(), CreateRevision: c.CreateRevision,
	}
}

// decodeCORS reads a stored CORS resource; see decodeFunction.
func decodeCORS(e Entry) (*corsResource, error) {
	var c eventgateway.CORSResource
	if err := json.Unmarshal(e.Value, &c); err != nil {
		return nil, err
	}
	c.Normalize()
	if c.Space != e.Key.Space || c.ID != e.Key.ID {
		return nil, errOtherKey
	}
	c.CreateRevision = e.CreateRevision
	return newCORSResource(c), c.Validate()
}

func (st *state) corsResource(space, id string) *corsResource {
	c, _ := st.space(space).cors.Get(hamt.String(id))
	return c
}

func (e *edit) applyCORS(c Change) (err error) {
	key := c.Entry.Key
	var now *corsResource
	if !c.Deleted {
		now, err = e.readCORS(c.Entry)
	}
	sp := e.space(key.Space)
	if now == nil {
		if old, existed := sp.cors.Get(hamt.String(key.ID)); existed {
			sp.cors.Delete(hamt.String(key.ID))
			e.cors.Delete(old.route)
			e.delta.cors = append(e.delta.cors, subscriptionDelta{old.route, true})
		}
		return err
	}
	sp.cors.Set(hamt.String(now.ID), now)
	e.cors.Insert(now.route)
	e.delta.cors = append(e.delta.cors, subscriptionDelta{now.route, false})
	return nil
}

func (e *edit) readCORS(entry Entry) (*corsResource, error) {
	sum := contentSum(entry.Value)
	old := e.previous.corsResource(entry.Key.Space, entry.Key.ID)
	if old != nil && old.sum == sum && old.modified == entry.ModRevision && old.CreateRevision == entry.CreateRevision {
		return old, nil
	}
	c, err := decodeCORS(entry)
	if err != nil {
		return nil, err
	}
	c.modified, c.sum = entry.ModRevision, sum
	return c, nil
}

// corsResource returns a CORS resource by its ID, or nil.
func (m *merged) corsResource(space, id string) *corsResource {
	if c := m.statics.cors[identity{space, id}]; c != nil {
		return c
	}
	return m.state.corsResource(space, id)
}

// corsOf yields the CORS resources of a space, in no particular order.
func (m *merged) corsOf(space string) iter.Seq[*corsResource] {
	return mergedOf(space, m.statics.cors, m.state.space(space).cors)
}

// addCORS adds a static CORS resource, which must be able to stand beside others.
func (s *statics) addCORS(c eventgateway.CORSResource, others *matcher.Table) (*corsResource, error) {
	c.CreateRevision = 0
	c.Normalize()
	name := func() string {
		return "static CORS resource for " + eventgateway.Quote(c.Method) + " on path " + eventgateway.Quote(c.Path) +
			" in space " + eventgateway.Quote(c.Space)
	}
	if err := c.Validate(); err != nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: %w", name(), err)
	}
	added := newCORSResource(c)
	key := identity{c.Space, c.ID}
	if s.cors[key] != nil {
		return nil, eventgateway.Errorf(eventgateway.Exists, "%s is given twice", name())
	}
	if err := corsConflict(others, added.route); err != nil {
		return nil, eventgateway.Errorf(eventgateway.Exists, "%s: %w", name(), err)
	}
	added.sum, added.static = staticSum(&c), true
	s.cors[key] = added
	return added, nil
}

// corsConflict refuses a CORS resource that cannot stand beside the others.
func corsConflict(others *matcher.Table, route *eventgateway.Subscription) error {
	other, reason := others.Conflict(route)
	if other == nil {
		return nil
	}
	reason = strings.TrimSuffix(reason, " (subscription "+other.ID+")")
	if samePath(other.Path, route.Path) {
		reason = "path " + other.Path + " already has one for method " + other.Method
	}
	return eventgateway.Errorf(eventgateway.Exists, "%s (CORS resource %s)", reason, other.ID)
}

// samePath reports whether two patterns are the same, however they are escaped.
func samePath(a, b string) bool {
	x, _ := eventgateway.ParsePath(a)
	y, _ := eventgateway.ParsePath(b)
	return slices.Equal(x, y)
}
