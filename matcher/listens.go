package matcher

import (
	"strings"

	"github.com/eventgateway/eventgateway"
)

// systemListeners counts the subscriptions that get each of the system events, in the order of eventgateway.SystemEvents.
type systemListeners [5]int

// add changes the counts for a subscription to event by one, up or down.
func (l *systemListeners) add(event string, change int) {
	if !eventgateway.IsSystemEvent(event) {
		return
	}
	prefix, any := strings.CutSuffix(event, "*")
	for i, name := range eventgateway.SystemEvents {
		if event == name || any && strings.HasPrefix(name, prefix) {
			l[i] += change
		}
	}
}

// Listens reports whether any subscription, of whatever space, may get event, one of eventgateway.SystemEvents; false for all
// other events. It costs a few nanoseconds, however many subscriptions there are.
func (t *Table) Listens(event string) bool {
	if t == nil {
		return false
	}
	switch event {
	case eventgateway.EventReceived:
		return t.system[0] > 0
	case eventgateway.FunctionInvoking:
		return t.system[1] > 0
	case eventgateway.FunctionInvoked:
		return t.system[2] > 0
	case eventgateway.FunctionInvocationFailed:
		return t.system[3] > 0
	case eventgateway.FunctionRetreated:
		return t.system[4] > 0
	}
	return false
}
