package jetstream

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

type wireWork struct {
	Event wireEvent  `cbor:"1,keyasint"`
	Key   string     `cbor:"2,keyasint,omitempty"`
	Owed  []wireOwed `cbor:"3,keyasint,omitempty"`
}

type wireEvent struct {
	Type            string          `cbor:"1,keyasint,omitempty"`
	ID              string          `cbor:"2,keyasint,omitempty"`
	ReceivedAt      int64           `cbor:"3,keyasint,omitempty"`
	DataType        string          `cbor:"4,keyasint,omitempty"`
	Data            []byte          `cbor:"5,keyasint,omitempty"`
	CloudEvent      *wireCloudEvent `cbor:"6,keyasint,omitempty"`
	HTTP            *wireRequest    `cbor:"7,keyasint,omitempty"`
	Depth           int             `cbor:"8,keyasint,omitempty"`
	Cause           string          `cbor:"9,keyasint,omitempty"`
	Trace           *wireTrace      `cbor:"10,keyasint,omitempty"`
	Authorization   []byte          `cbor:"11,keyasint,omitempty"`
	SchemaViolation string          `cbor:"12,keyasint,omitempty"`
}

type wireTrace struct {
	Parent string `cbor:"1,keyasint,omitempty"`
	State  string `cbor:"2,keyasint,omitempty"`
}

type wireCloudEvent struct {
	Source     string         `cbor:"1,keyasint,omitempty"`
	Subject    string         `cbor:"2,keyasint,omitempty"`
	Time       string         `cbor:"3,keyasint,omitempty"`
	DataSchema string         `cbor:"4,keyasint,omitempty"`
	Extensions map[string]any `cbor:"5,keyasint,omitempty"`
}

type wireRequest struct {
	Path   string              `cbor:"1,keyasint,omitempty"`
	Method string              `cbor:"2,keyasint,omitempty"`
	Host   string              `cbor:"3,keyasint,omitempty"`
	Header map[string][]string `cbor:"4,keyasint,omitempty"`
	Query  map[string][]string `cbor:"5,keyasint,omitempty"`
	// What follows is missing in records of earlier versions.
	RawPath  string `cbor:"6,keyasint,omitempty"`
	RawQuery string `cbor:"7,keyasint,omitempty"`
	Protocol string `cbor:"8,keyasint,omitempty"`
	Scheme   string `cbor:"9,keyasint,omitempty"`
	ClientIP string `cbor:"10,keyasint,omitempty"`
}

type wireParam struct {
	Name  string `cbor:"1,keyasint,omitempty"`
	Value string `cbor:"2,keyasint,omitempty"`
}

type wireOwed struct {
	Space          string      `cbor:"1,keyasint,omitempty"`
	SubscriptionID string      `cbor:"2,keyasint,omitempty"`
	FunctionID     string      `cbor:"3,keyasint,omitempty"`
	Params         []wireParam `cbor:"4,keyasint,omitempty"`
	OrderingKey    string      `cbor:"5,keyasint,omitempty"`
	Attempts       int         `cbor:"6,keyasint,omitempty"`
	NotBefore      int64       `cbor:"7,keyasint,omitempty"`
	Order          uint64      `cbor:"8,keyasint,omitempty"`
	Dead           *wireNote   `cbor:"9,keyasint,omitempty"`
}

type wireNote struct {
	Reason     string `cbor:"1,keyasint,omitempty"`
	Error      string `cbor:"2,keyasint,omitempty"`
	FunctionID string `cbor:"3,keyasint,omitempty"`
	Attempts   int    `cbor:"4,keyasint,omitempty"`
}

// encodeWorks encodes works one after the other.
func encodeWorks(works []*delivery.Work) ([]byte, error) {
	var buf bytes.Buffer
	size := 0
	for _, w := range works {
		size += 512 + len(w.Event.Data) + 128*len(w.Owed)
	}
	buf.Grow(size)
	for _, w := range works {
		wire := wireWork{Event: newWireEvent(w.Event), Key: w.Key, Owed: make([]wireOwed, len(w.Owed))}
		for i := range w.Owed {
			wire.Owed[i] = newWireOwed(&w.Owed[i])
		}
		if err := encoder.MarshalToBuffer(&wire, &buf); err != nil {
			return nil, fmt.Errorf("encoding an event: %w", err)
		}
	}
	return buf.Bytes(), nil
}

func newWireEvent(ev *eventgateway.Event) wireEvent {
	wire := wireEvent{
		Type: ev.Type, ID: ev.ID, ReceivedAt: toNanos(ev.ReceivedAt), DataType: ev.DataType, Data: ev.Data,
		Depth: ev.Depth, Cause: ev.Cause, Authorization: ev.Authorization, SchemaViolation: ev.SchemaViolation,
	}
	if ev.Trace != (eventgateway.TraceContext{}) {
		wire.Trace = new(wireTrace(ev.Trace))
	}
	if ce := ev.CloudEvent; ce != nil {
		wire.CloudEvent = &wireCloudEvent{
			Source: ce.Source, Subject: ce.Subject, Time: ce.Time, DataSchema: ce.DataSchema, Extensions: ce.Extensions,
		}
	}
	if r := ev.HTTP; r != nil {
		wire.HTTP = &wireRequest{
			Path: r.Path, Method: r.Method, Host: r.Host, Header: r.Header, Query: r.Query,
			RawPath: r.RawPath, RawQuery: r.RawQuery, Protocol: r.Protocol, Scheme: r.Scheme, ClientIP: r.ClientIP,
		}
	}
	return wire
}

func newWireOwed(o *delivery.Owed) wireOwed {
	wire := wireOwed{
		Space: o.Space, SubscriptionID: o.SubscriptionID, FunctionID: o.FunctionID, Params: newWireParams(o.Params),
		OrderingKey: o.OrderingKey, Attempts: o.Attempts, NotBefore: toNanos(o.NotBefore), Order: o.Order,
	}
	if d := o.Dead; d != nil {
		wire.Dead = &wireNote{Reason: d.Reason, Error: d.Error, FunctionID: d.FunctionID, Attempts: d.Attempts}
	}
	return wire
}

func newWireParams(params eventgateway.PathParams) []wireParam {
	if len(params) == 0 {
		return nil
	}
	wire := make([]wireParam, len(params))
	for i, p := range params {
		wire[i] = wireParam(p)
	}
	return wire
}

func (w *wireWork) work() (*delivery.Work, error) {
	ev, err := w.Event.event()
	if err != nil {
		return nil, err
	}
	work := &delivery.Work{Event: ev, Key: w.Key}
	if len(w.Owed) > 0 {
		work.Owed = make([]delivery.Owed, len(w.Owed))
	}
	for i := range w.Owed {
		work.Owed[i] = w.Owed[i].owed()
	}
	return work, nil
}

func (w *wireEvent) event() (*eventgateway.Event, error) {
	ev := &eventgateway.Event{
		Type: w.Type, ID: w.ID, ReceivedAt: fromNanos(w.ReceivedAt), DataType: w.DataType, Data: w.Data,
		Depth: w.Depth, Cause: w.Cause, Authorization: w.Authorization, SchemaViolation: w.SchemaViolation,
	}
	if w.Trace != nil {
		ev.Trace = eventgateway.TraceContext(*w.Trace)
	}
	if ce := w.CloudEvent; ce != nil {
		if err := narrow(ce.Extensions); err != nil {
			return nil, err
		}
		ev.CloudEvent = &eventgateway.CloudEventAttributes{
			Source: ce.Source, Subject: ce.Subject, Time: ce.Time, DataSchema: ce.DataSchema, Extensions: ce.Extensions,
		}
	}
	if r := w.HTTP; r != nil {
		ev.HTTP = &eventgateway.HTTPRequest{
			Path: r.Path, Method: r.Method, Host: r.Host, Header: r.Header, Query: r.Query,
			RawPath: r.RawPath, RawQuery: r.RawQuery, Protocol: r.Protocol, Scheme: r.Scheme, ClientIP: r.ClientIP,
		}
	}
	return ev, nil
}

// narrow gives the values of extension attributes the types they have in an event.
func narrow(extensions map[string]any) error {
	for name, value := range extensions {
		switch v := value.(type) {
		case string, bool:
		case int64:
			if v < math.MinInt32 || v > math.MaxInt32 {
				return fmt.Errorf("an extension attribute is a number out of range")
			}
			extensions[name] = int32(v)
		default:
			return fmt.Errorf("an extension attribute is a %T", value)
		}
	}
	return nil
}

func (w *wireOwed) owed() delivery.Owed {
	o := delivery.Owed{
		Target: delivery.Target{
			Space: w.Space, SubscriptionID: w.SubscriptionID, FunctionID: w.FunctionID, Params: pathParams(w.Params),
			OrderingKey: w.OrderingKey,
		},
		Attempts: w.Attempts, NotBefore: fromNanos(w.NotBefore), Order: w.Order,
	}
	if d := w.Dead; d != nil {
		o.Dead = &delivery.DeadNote{Reason: d.Reason, Error: d.Error, FunctionID: d.FunctionID, Attempts: d.Attempts}
	}
	return o
}

func pathParams(wire []wireParam) eventgateway.PathParams {
	if len(wire) == 0 {
		return nil
	}
	params := make(eventgateway.PathParams, len(wire))
	for i, p := range wire {
		params[i] = eventgateway.PathParam(p)
	}
	return params
}

// toNanos writes a time as nanoseconds since the epoch; the zero time as 0.
func toNanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
