package configapi

import (
	"context"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// createFunction stores a new function. It fills in fn what has a default.
func (s service) createFunction(ctx context.Context, fn *eventgateway.Function) (revision int64, err error) {
	if err := checkFunction(fn, nil, s.secrets); err != nil {
		return 0, err
	}
	return s.write(ctx, fn.Space, func(now *merged) (Write, error) {
		if f := now.function(fn.Key()); f != nil {
			if f.static {
				return Write{}, readOnly("function", fn.ID)
			}
			return Write{}, eventgateway.Errorf(eventgateway.Exists,
				"functionId: function %q exists already: PUT changes it", fn.ID)
		}
		if err := now.usersFit(fn, nil); err != nil {
			return Write{}, err
		}
		return putFunction(fn), now.composes(fn)
	})
}

// updateFunction replaces a stored function. It fills in fn what has a default, and the credentials that are kept.
func (s service) updateFunction(ctx context.Context, fn *eventgateway.Function, meets conditions) (revision int64, err error) {
	given := fn.Provider
	return s.write(ctx, fn.Space, func(now *merged) (Write, error) {
		old, err := now.changeableFunction(fn.Key(), meets)
		if err != nil {
			return Write{}, err
		}
		fn.Provider = given
		if err := checkFunction(fn, old.Function, s.secrets); err != nil {
			return Write{}, err
		}
		if err := now.usersFit(fn, old.Function); err != nil {
			return Write{}, err
		}
		return putFunction(fn), now.composes(fn)
	})
}

// deleteFunction removes a function no subscription names, as its own or for dead letters, no event type as its authorizer, and
// no other function as its member.
func (s service) deleteFunction(ctx context.Context, key eventgateway.FunctionKey, meets conditions) (revision int64, err error) {
	return s.write(ctx, key.Space, func(now *merged) (Write, error) {
		if _, err := now.changeableFunction(key, meets); err != nil {
			return Write{}, err
		}
		if err := now.unused(key); err != nil {
			return Write{}, err
		}
		return Write{Deletes: []Key{{key.Space, Functions, key.ID}}}, nil
	})
}

// checkFunction completes and validates a function. Credentials that are kept come from old, which may be nil.
func checkFunction(fn, old *eventgateway.Function, secrets providers.Secrets) (err error) {
	fn.Normalize()
	if err := fn.Validate(); err != nil {
		return err
	}
	if fn.Provider, err = providers.Check(fn, old, secrets); err != nil {
		return err
	}
	if err := checkComposite(fn); err != nil {
		return err
	}
	return checkKey(fn)
}

// checkKey refuses a function whose key expression does not compile.
func checkKey(fn *eventgateway.Function) error {
	field, source := providers.KeyExpression(fn)
	if source == "" {
		return nil
	}
	_, err := expression.Compile(expression.Transform, field, source, expression.Scope{})
	return err
}

func putFunction(fn *eventgateway.Function) Write {
	return Write{Puts: []Put{{Key{fn.Space, Functions, fn.ID}, canonical(fn)}}}
}

// changeableFunction returns a function that exists, may be changed, and meets the conditions.
func (m *merged) changeableFunction(key eventgateway.FunctionKey, meets conditions) (*function, error) {
	f := m.function(key)
	switch {
	case f == nil:
		return nil, noFunction(key)
	case f.static:
		return nil, readOnly("function", key.ID)
	}
	return f, meets.check(f.etag())
}

func noFunction(key eventgateway.FunctionKey) error {
	return eventgateway.Errorf(eventgateway.NotFound, "function %s does not exist in space %q",
		eventgateway.Quote(key.ID), key.Space)
}

func readOnly(resource, id string) error {
	return eventgateway.Errorf(eventgateway.ReadOnly,
		"%s %q comes from the server's own configuration and can only be changed there", resource, id)
}

func (f *function) etag() string { return etag(f.modified, f.sum, f.static) }
