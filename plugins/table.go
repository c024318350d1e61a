package plugins

import (
	"fmt"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// table says who reacts to which system event, by the event's place. It is not changed once made.
type table [systemEvents]listeners

// listeners react to one system event, in the order of the plugins.
type listeners struct {
	sync, async []*runner
}

func (l *listeners) empty() bool { return len(l.sync)+len(l.async) == 0 }

// systemEvents is how many system events there are.
const systemEvents = 5

// placeOf returns a system event's place in a table, and -1 for another event. A switch costs less than a map.
func placeOf(event string) int {
	switch strings.TrimPrefix(event, "event") {
	case eventgateway.EventReceived:
		return 0
	case eventgateway.FunctionInvoking:
		return 1
	case eventgateway.FunctionInvoked:
		return 2
	case eventgateway.FunctionInvocationFailed:
		return 3
	case eventgateway.FunctionRetreated:
		return 4
	default:
		return -1
	}
}

// add enters a plugin's subscriptions.
func (t *table) add(r *runner, subscriptions []Subscription) error {
	if len(subscriptions) == 0 {
		r.logger.Warn("plugin subscribes to no event")
	}
	var types [systemEvents]eventgateway.SubscriptionType
	for _, s := range subscriptions {
		place := placeOf(s.Event)
		if place < 0 {
			return eventgateway.InvalidField("event", s.Event, fmt.Sprintf("one of the system events %q", eventgateway.SystemEvents))
		}
		if s.Type != eventgateway.Sync && s.Type != eventgateway.Async {
			return eventgateway.InvalidField("type", string(s.Type), `"sync" or "async"`)
		}
		switch before := types[place]; before {
		case s.Type:
			continue
		case "":
			types[place] = s.Type
		default:
			return eventgateway.Errorf(eventgateway.Invalid, "event: %s is subscribed to as %s and as %s: want one of them",
				eventgateway.Quote(s.Event), before, s.Type)
		}
		if s.Type == eventgateway.Sync {
			t[place].sync = append(t[place].sync, r)
			continue
		}
		t[place].async = append(t[place].async, r)
		if r.queue == nil {
			r.queue = newQueue()
		}
	}
	return nil
}
