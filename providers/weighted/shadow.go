package weighted

import (
	"cmp"
	"sync/atomic"

	"github.com/eventgateway/eventgateway/providers"
)

// defaultCopies is how many copies may be on their way to a shadow that sets no concurrency of its own.
const defaultCopies = 32

// shadow implements providers.Shadow.
type shadow struct {
	id      string
	env     providers.Env
	running atomic.Int64
}

func newShadow(id string, env providers.Env) *shadow { return &shadow{id: id, env: env} }

// FunctionID implements providers.Shadow.
func (s *shadow) FunctionID() string { return s.id }

// Begin implements providers.Shadow.
func (s *shadow) Begin() (*providers.Handle, bool) {
	if s.env.Function == nil {
		return nil, false
	}
	h := s.env.Function(s.id)
	if h == nil || h.Router() != nil {
		return nil, false
	}
	if s.running.Add(1) > int64(cmp.Or(h.Function.Concurrency, defaultCopies)) {
		s.running.Add(-1)
		return nil, false
	}
	return h, true
}

// End implements providers.Shadow.
func (s *shadow) End() { s.running.Add(-1) }
