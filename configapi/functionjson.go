package configapi

import (
	"encoding/json"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// generation is one of the generations of clients that are served.
type generation int

const (
	// first knows no spaces, has a function's type inside its provider, and one message in "error".
	first generation = iota + 1
	// second has spaces.
	second
)

// functionBody is a function as a client sends it. A nil field was not given.
type functionBody struct {
	space, id, kind, kindInside, format *string
	timeout                             eventgateway.Duration
	concurrency                         int
	provider                            json.RawMessage
	metadata                            map[string]string
}

// readFunction reads a function that is to stand in space, and under id unless that is empty.
func readFunction(body []byte, space, id string) (*eventgateway.Function, error) {
	var b functionBody
	if err := readObject("", body, []field{
		{"space", text(&b.space)},
		{"functionId", text(&b.id)},
		{"type", text(&b.kind)},
		{"provider", b.readProvider},
		{"format", text(&b.format)},
		{"timeout", duration(&b.timeout, "15m")},
		{"concurrency", integer(&b.concurrency, 0, eventgateway.MaxConcurrency)},
		{"metadata", textMap(&b.metadata)},
	}); err != nil {
		return nil, err
	}
	if b.kind == nil {
		b.kind = b.kindInside
	}
	if b.kindInside != nil && *b.kindInside != *b.kind {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "provider.type: %s is not accepted beside type %s: want one type",
			eventgateway.Quote(*b.kindInside), eventgateway.Quote(*b.kind))
	}
	if err := agree("space", b.space, space); err != nil {
		return nil, err
	}
	if id != "" {
		if err := agree("functionId", b.id, id); err != nil {
			return nil, err
		}
		b.id = &id
	}
	return &eventgateway.Function{
		Space: space, ID: value(b.id), Type: value(b.kind), Provider: b.provider,
		Format: eventgateway.Format(value(b.format)), Timeout: b.timeout, Concurrency: b.concurrency, Metadata: b.metadata,
	}, nil
}

// readProvider reads the provider's fields, which only the provider knows, and the type that first generation clients put
// among them.
func (b *functionBody) readProvider(path string, raw json.RawMessage) error {
	fields := map[string]json.RawMessage{}
	err := eachField(path, raw, func(at, name string, value json.RawMessage) error {
		if _, twice := fields[name]; twice || name == "type" && b.kindInside != nil {
			return eventgateway.Errorf(eventgateway.Invalid, "%s: given twice: want every field once", eventgateway.Quote(at))
		}
		if name == "type" {
			return text(&b.kindInside)(at, value)
		}
		fields[name] = value
		return nil
	})
	if err != nil {
		return err
	}
	b.provider, err = json.Marshal(fields)
	return err
}

// functionAnswer is a function as it is shown.
type functionAnswer struct {
	Space       string                `json:"space,omitempty"`
	ID          string                `json:"functionId"`
	Type        string                `json:"type,omitempty"`
	Provider    json.RawMessage       `json:"provider"`
	Format      eventgateway.Format   `json:"format,omitempty"`
	Timeout     eventgateway.Duration `json:"timeout,omitempty"`
	Concurrency int                   `json:"concurrency,omitempty"`
	Metadata    map[string]string     `json:"metadata,omitempty"`
}

// showFunction returns a function as it is shown, without credentials.
func showFunction(fn *eventgateway.Function, g generation) functionAnswer {
	a := functionAnswer{fn.Space, fn.ID, fn.Type, providers.Mask(fn), fn.Format, fn.Timeout, fn.Concurrency, fn.Metadata}
	if g == first {
		a.Space, a.Type, a.Provider = "", "", withType(fn.Type, a.Provider)
	}
	return a
}

// withType puts a type in front of a provider's fields.
func withType(kind string, provider json.RawMessage) json.RawMessage {
	head := append([]byte(`{"type":`), canonical(kind)...)
	if string(provider) == "{}" {
		return append(head, '}')
	}
	return append(append(head, ','), provider[1:]...)
}

// agree refuses a field of the body that says otherwise than the URL.
func agree(name string, sent *string, want string) error {
	if sent != nil && *sent != want {
		return eventgateway.InvalidField(name, *sent, "the one in the URL, "+eventgateway.Quote(want)+", or none")
	}
	return nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
