package configapi

import (
	"context"

	"github.com/eventgateway/eventgateway"
)

// createCORS stores a new CORS resource, which is valid by itself.
func (s service) createCORS(ctx context.Context, c *eventgateway.CORSResource) (revision int64, err error) {
	return s.write(ctx, c.Space, func(now *merged) (Write, error) {
		if old := now.corsResource(c.Space, c.ID); old != nil {
			if old.static {
				return Write{}, readOnly("CORS resource", c.ID)
			}
			return Write{}, eventgateway.Errorf(eventgateway.Exists,
				"CORS resource %q exists already: the same method and path: PUT changes the rest of it", c.ID)
		}
		if err := corsConflict(now.snapshot.CORS, corsRoute(c)); err != nil {
			return Write{}, err
		}
		return putCORS(c), nil
	})
}

// updateCORS changes what may change of a stored CORS resource, and returns it changed.
func (s service) updateCORS(ctx context.Context, space, id string, meets conditions, b *corsBody) (
	changed *eventgateway.CORSResource, revision int64, err error,
) {
	revision, err = s.write(ctx, space, func(now *merged) (Write, error) {
		old, err := now.changeableCORS(space, id, meets)
		if err != nil {
			return Write{}, err
		}
		if changed, err = b.change(old.CORSResource); err != nil {
			return Write{}, err
		}
		return putCORS(changed), nil
	})
	return changed, revision, err
}

// deleteCORS removes a CORS resource.
func (s service) deleteCORS(ctx context.Context, space, id string, meets conditions) (revision int64, err error) {
	return s.write(ctx, space, func(now *merged) (Write, error) {
		if _, err := now.changeableCORS(space, id, meets); err != nil {
			return Write{}, err
		}
		return Write{Deletes: []Key{{space, CORS, id}}}, nil
	})
}

func putCORS(c *eventgateway.CORSResource) Write {
	return Write{Puts: []Put{{Key{c.Space, CORS, c.ID}, canonical(c)}}}
}

// changeableCORS returns a CORS resource that exists, may be changed, and meets the conditions.
func (m *merged) changeableCORS(space, id string, meets conditions) (*corsResource, error) {
	c := m.corsResource(space, id)
	switch {
	case c == nil:
		return nil, noCORS(space, id)
	case c.static:
		return nil, readOnly("CORS resource", id)
	}
	return c, meets.check(c.etag())
}

func noCORS(space, id string) error {
	return eventgateway.Errorf(eventgateway.NotFound, "CORS resource %s does not exist in space %q", eventgateway.Quote(id), space)
}

func (c *corsResource) etag() string { return etag(c.modified, c.sum, c.static) }
