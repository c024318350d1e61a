package matcher

import (
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// read notes the values of all fields that are asked for. The data is scanned as it is, and decoded by no one.
func (s *found) read(in *expression.Input, roots fieldNodes) {
	s.reset()
	for root := range roots.all {
		switch root.name {
		case "data":
			s.readData(in, root)
		case "event":
			s.readEvent(in, root)
		case "request":
			if in.Event().HTTP != nil {
				s.readRequest(in, root)
			}
		}
	}
}

func (s *found) readData(in *expression.Input, root *fieldNode) {
	ev := in.Event()
	if len(ev.Data) > 0 && eventgateway.IsJSON(ev.DataType) {
		(&scanner{textOf(ev.Data), s}).value(0, root, 0, false)
		return
	}
	s.put(root, valueOf(in.Data()), false)
}

func (s *found) put(n *fieldNode, v value, inList bool) {
	if inList {
		s.objects++
	}
	i := s.add(n, s.objects, inList)
	s.entries[i].value = v
}

func (s *found) readEvent(in *expression.Input, root *fieldNode) {
	ev := in.Event()
	ce := ev.CloudEvent
	if ce == nil {
		ce = &eventgateway.CloudEventAttributes{}
	}
	for n := range root.children.all {
		text := func(t string) { s.put(n, value{kind: isString, text: t}, false) }
		switch n.name {
		case "type":
			text(ev.Type)
		case "id":
			text(ev.ID)
		case "source":
			text(ce.Source)
		case "subject":
			text(ce.Subject)
		case "dataType":
			text(ev.DataType)
		case "time": // only patterns ask for it
			text(timeText(ev))
		case "extensions":
			s.put(n, value{kind: isObject}, false)
			s.readExtensions(ev, ce.Extensions, n)
		}
	}
}

// readExtensions reads those that were sent, and what the gateway says itself, as expression.Input.Gateway does.
func (s *found) readExtensions(ev *eventgateway.Event, sent map[string]any, n *fieldNode) {
	gateway := n.children.get(expression.GatewayExtension)
	if len(ev.Authorization) == 0 && ev.SchemaViolation == "" {
		gateway = nil
	}
	readMap(n, sent, func(child *fieldNode, v any) {
		if child != gateway {
			s.put(child, valueOf(v), false)
		}
	})
	if gateway == nil {
		return
	}
	s.put(gateway, value{kind: isObject}, false)
	if said := gateway.children.get("authorization"); said != nil && len(ev.Authorization) > 0 {
		(&scanner{textOf(ev.Authorization), s}).value(0, said, 0, false)
	}
	if said := gateway.children.get("schemaViolation"); said != nil && ev.SchemaViolation != "" {
		s.put(said, value{kind: isString, text: ev.SchemaViolation}, false)
	}
}

// timeText is the time as patterns see it: as the sender wrote it, else when the event was received.
func timeText(ev *eventgateway.Event) string {
	if ev.CloudEvent != nil && ev.CloudEvent.Time != "" {
		return ev.CloudEvent.Time
	}
	return ev.ReceivedAt.UTC().Format(time.RFC3339Nano)
}

func (s *found) readRequest(in *expression.Input, root *fieldNode) {
	request := in.Event().HTTP
	for n := range root.children.all {
		text := func(n *fieldNode, t string) { s.put(n, value{kind: isString, text: t}, false) }
		switch n.name {
		case "method":
			text(n, request.Method)
		case "path":
			text(n, request.Path)
		case "host":
			text(n, request.Host)
		case "headers":
			s.put(n, value{kind: isObject}, false)
			readMap(n, in.Headers(), text)
		case "params":
			s.put(n, value{kind: isObject}, false)
			for _, p := range in.Params() {
				if child := n.children.get(p.Name); child != nil {
					text(child, p.Value)
				}
			}
		case "query":
			s.put(n, value{kind: isObject}, false)
			readMap(n, request.Query, func(child *fieldNode, values []string) {
				s.put(child, value{kind: isList}, false)
				for _, v := range values {
					s.put(child, value{kind: isString, text: v}, true)
				}
			})
		}
	}
}

// readMap calls put for each entry of m that n has a child for, going through the shorter of both.
func readMap[V any](n *fieldNode, m map[string]V, put func(*fieldNode, V)) {
	if n.children.len() > len(m) {
		for name, v := range m {
			if child := n.children.get(name); child != nil {
				put(child, v)
			}
		}
		return
	}
	for child := range n.children.all {
		if v, ok := m[child.name]; ok {
			put(child, v)
		}
	}
}

// tree returns an event as patterns see it, for those that have to look at it as a whole.
func tree(in *expression.Input) map[string]any {
	ev, event := in.Event(), map[string]any{}
	event["type"], event["id"], event["dataType"], event["time"] = ev.Type, ev.ID, ev.DataType, timeText(ev)
	event["source"], event["subject"] = "", ""
	if ce := ev.CloudEvent; ce != nil {
		event["source"], event["subject"] = ce.Source, ce.Subject
		extensions := map[string]any{}
		for name, v := range ce.Extensions {
			extensions[name] = v
		}
		event["extensions"] = extensions
	}
	if said := in.Gateway(); said != nil {
		extensions, _ := event["extensions"].(map[string]any)
		if extensions == nil {
			extensions = map[string]any{}
		}
		extensions[expression.GatewayExtension], event["extensions"] = said, extensions
	}
	whole := map[string]any{"event": event, "data": in.Data()}
	if r := ev.HTTP; r != nil {
		headers, params, query := map[string]any{}, map[string]any{}, map[string]any{}
		for name, v := range in.Headers() {
			headers[name] = v
		}
		for _, p := range in.Params() {
			params[p.Name] = p.Value
		}
		for name, values := range r.Query {
			list := []any{}
			for _, v := range values {
				list = append(list, v)
			}
			query[name] = list
		}
		whole["request"] = map[string]any{
			"method": r.Method, "path": r.Path, "host": r.Host, "headers": headers, "params": params, "query": query,
		}
	}
	return whole
}
