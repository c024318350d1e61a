package configapi

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Reopen opens every function of the store anew, for when what the Opener lends to functions has changed. Calls in flight
// end as they began.
func (m *Mirror) Reopen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.current.Load()
	if now.handles.Len() == 0 {
		return
	}
	next, edit := *now, now.handles.Edit()
	changed := delta{functions: map[eventgateway.FunctionKey]struct{}{}}
	retired := make([]*providers.Handle, 0, now.handles.Len())
	for key, handle := range now.handles.All() {
		edit.Set(key, m.open(handle.Function))
		changed.functions[key] = struct{}{}
		retired = append(retired, handle)
	}
	next.handles, next.superseded = edit.Map(), make(chan struct{})
	m.publish(&next, &changed)
	retire(retired)
}
