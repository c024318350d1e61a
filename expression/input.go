package expression

import (
	"maps"
	"net/textproto"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/eventgateway/eventgateway"
)

// Input is an event as expressions see it. What of it is costly, above all the data, is decoded at most once and only if an
// expression asks for it. It is used by one goroutine at a time, and must not outlive its event.
type Input struct {
	event    *eventgateway.Event
	params   eventgateway.PathParams
	response *Response

	data      lazy
	extension map[string]any
	gateway   map[string]any
	header    map[string]string
	paramText map[string]string
	when      time.Time
	respData  lazy
	respHead  map[string]string

	// space is whose expressions are evaluated, purpose what for, patient and shared how they wait.
	space           string
	purpose         purpose
	patient, shared bool
	// held is how long costly expressions held up the event while it was shared; that of first counts, if it is not nil.
	held  time.Duration
	first *Input
	used  usages
	meter meter
}

// lazy is a value that is made at most once.
type lazy struct {
	value any
	done  bool
}

// Response is a function's answer, as a response transform sees it.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Header are the headers by name.
	Header map[string][]string
	// DataType is the MIME type of Data: JSON is decoded, text is a string, anything else is bytes. JSON that is not valid
	// is a string.
	DataType string
	// Data is the body.
	Data []byte
}

// NewInput returns the input for an event. The event must not be changed while the input is used.
func NewInput(ev *eventgateway.Event) *Input { return &Input{event: ev} }

// For returns the input for another form of the event, such as one space has it in. Both hold up the same sender, so that
// SharedWait is for both together.
func (in *Input) For(ev *eventgateway.Event) *Input {
	other := &Input{event: ev, shared: in.shared, first: in.first}
	if other.first == nil {
		other.first = in
	}
	return other
}

// heldUp is how long costly expressions held up the event, in all its forms.
func (in *Input) heldUp() *time.Duration {
	if in.first != nil {
		return &in.first.held
	}
	return &in.held
}

// Reset makes in the input for another event.
func (in *Input) Reset(ev *eventgateway.Event) { *in = Input{event: ev} }

// Event returns the event.
func (in *Input) Event() *eventgateway.Event { return in.event }

// SetParams sets request.params: the path parameters of the subscription the next expression belongs to. matcher.Table.Find
// does so by itself. Default: none.
func (in *Input) SetParams(params eventgateway.PathParams) { in.params, in.paramText = params, nil }

// Params returns what SetParams set.
func (in *Input) Params() eventgateway.PathParams { return in.params }

// SetSpace sets the space whose expressions are evaluated next: what they take is its own, and where costly ones have to wait
// spaces take turns. matcher.Table.Find does so by itself. Default: the empty space.
func (in *Input) SetSpace(space string) { in.space = space }

// SetPatient makes costly expressions wait for their turn however many of their space do and however long it takes, instead of
// failing where those are more than 1,000, or after 10 seconds. It is for who is one of few that wait, and must not fail because
// others do.
func (in *Input) SetPatient() { in.patient = true }

// SetShared says that the event is for several spaces, so that the costly filters and ordering keys of one may hold it up for
// SharedWait at most. matcher.Table.Find does so by itself. Default: it is for one.
func (in *Input) SetShared(shared bool) { in.shared = shared }

// Shared returns what SetShared set.
func (in *Input) Shared() bool { return in.shared }

// patience returns how long the next costly expression may wait for its turn.
func (in *Input) patience() (time.Duration, error) {
	switch left := SharedWait - *in.heldUp(); {
	case in.patient:
		return unbounded, nil
	case !in.shared:
		return maxWait, nil
	case left > 0:
		return left, nil
	}
	return 0, errShared
}

// SetResponse sets the variable response, for programs of the kind ResponseTransform. Default: none, and a program that
// asks for it fails.
func (in *Input) SetResponse(r *Response) { in.response, in.respData, in.respHead = r, lazy{}, nil }

// ResolveName implements cel.Activation.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case "data":
		return in.Data(), true
	case "event":
		return object{eventType, in}, true
	case "request":
		return object{requestType, in}, in.event.HTTP != nil
	case "response":
		return object{responseType, in}, in.response != nil
	case meterName:
		return &in.meter, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (in *Input) Parent() cel.Activation { return nil }

// Data returns the event's data, decoded when first called: nil, a bool, an int64, a uint64, a float64, a string, a []byte,
// a []any or a map[string]any. It must not be changed.
func (in *Input) Data() any {
	if !in.data.done {
		in.data = lazy{decode(in.event.DataType, in.event.Data), true}
	}
	return in.data.value
}

func (in *Input) responseData() any {
	if !in.respData.done {
		r := in.response
		dataType := r.DataType
		if eventgateway.IsJSON(dataType) && len(r.Data) > 0 && eventgateway.ValidateJSON("data", r.Data) != nil {
			dataType = "text/plain"
		}
		in.respData = lazy{decode(dataType, r.Data), true}
	}
	return in.respData.value
}

func (in *Input) source() string {
	if in.event.CloudEvent == nil {
		return ""
	}
	return in.event.CloudEvent.Source
}

func (in *Input) subject() string {
	if in.event.CloudEvent == nil {
		return ""
	}
	return in.event.CloudEvent.Subject
}

// GatewayExtension is the extension under which an event has what the gateway itself says of it; see Input.Gateway.
const GatewayExtension = "eventgateway"

func (in *Input) extensions() map[string]any {
	var sent map[string]any
	if in.event.CloudEvent != nil {
		sent = in.event.CloudEvent.Extensions
	}
	switch gateway := in.Gateway(); {
	case gateway != nil && in.extension == nil:
		in.extension = make(map[string]any, len(sent)+1)
		maps.Copy(in.extension, sent)
		in.extension[GatewayExtension] = gateway
		fallthrough
	case gateway != nil:
		return in.extension
	case sent == nil:
		return map[string]any{}
	}
	return sent
}

// Gateway returns what the gateway says of the event, and expressions see as event.extensions.eventgateway: authorization, what
// its authorizer has granted, and schemaViolation. It is nil for most events, which have neither.
func (in *Input) Gateway() map[string]any {
	if in.gateway != nil || len(in.event.Authorization) == 0 && in.event.SchemaViolation == "" {
		return in.gateway
	}
	in.gateway = make(map[string]any, 2)
	if len(in.event.Authorization) > 0 {
		in.gateway["authorization"] = decode("application/json", in.event.Authorization)
	}
	if in.event.SchemaViolation != "" {
		in.gateway["schemaViolation"] = in.event.SchemaViolation
	}
	return in.gateway
}

func (in *Input) time() time.Time {
	if !in.when.IsZero() {
		return in.when
	}
	in.when = in.event.ReceivedAt
	if ce := in.event.CloudEvent; ce != nil {
		if t, err := time.Parse(time.RFC3339, ce.Time); err == nil {
			in.when = t
		}
	}
	return in.when
}

// Headers returns the headers of an http event: names in lower case, values joined. It must not be changed.
func (in *Input) Headers() map[string]string {
	if in.header == nil {
		in.header = joinHeader(in.event.HTTP.Header)
	}
	return in.header
}

func (in *Input) responseHeaders() map[string]string {
	if in.respHead == nil {
		in.respHead = joinHeader(in.response.Header)
	}
	return in.respHead
}

// bytes is how large the event is, with the function's answer if there is one.
func (in *Input) bytes() uint64 {
	n := len(in.event.Data)
	if in.response != nil {
		n += len(in.response.Data)
	}
	return uint64(n)
}

func joinHeader(header map[string][]string) map[string]string {
	joined := make(map[string]string, len(header))
	for name, values := range header {
		if textproto.CanonicalMIMEHeaderKey(name) == name { // others are not of HTTP
			joined[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return joined
}

func (in *Input) paramMap() map[string]string {
	if in.paramText == nil {
		in.paramText = make(map[string]string, len(in.params))
		for _, p := range in.params {
			in.paramText[p.Name] = p.Value
		}
	}
	return in.paramText
}
