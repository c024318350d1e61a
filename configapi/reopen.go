package configapi

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Reopen opens functions of the store anew, those for which which is true (nil: all), for when what the Opener lends to them has
// changed. Calls in flight end as they began.
func (m *Mirror) Reopen(which func(*eventgateway.Function) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.current.Load()
	next, edit := *now, now.handles.Edit()
	changed := delta{functions: map[eventgateway.FunctionKey]struct{}{}}
	var retired []*providers.Handle
	for key, handle := range now.handles.All() {
		if which != nil && !which(handle.Function) {
			continue
		}
		edit.Set(key, m.open(handle.Function))
		changed.functions[key] = struct{}{}
		retired = append(retired, handle)
	}
	if len(retired) == 0 {
		return
	}
	next.handles, next.superseded = edit.Map(), make(chan struct{})
	m.publish(&next, &changed)
	retire(retired)
}
