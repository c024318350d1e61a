package eventgateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Event is one thing that happened, as the gateway received it. It is not changed once received.
type Event struct {
	// Type is the event's name, such as "user.created"; EventHTTP or EventInvoke for the built-in ones.
	Type string
	// ID identifies the event: the sender's for a CloudEvent, else a UUID given by the gateway.
	ID string
	// ReceivedAt is when the gateway received it.
	ReceivedAt time.Time
	// DataType is the MIME type of Data as the sender gave it. Default: "application/octet-stream".
	DataType string
	// Data is the payload as it came. Under a JSON type it is valid JSON or empty.
	Data []byte

	// CloudEvent holds what only a CloudEvent has; nil for other events.
	CloudEvent *CloudEventAttributes
	// HTTP is the request of an http event; nil for other events.
	HTTP *HTTPRequest

	// Depth is how many deliveries lead to the event, one after the other: 0 for one that no delivery caused.
	Depth int
	// Cause is the ID of the event whose delivery caused this one; empty where Depth is 0, or nobody said.
	Cause string
	// Trace is the trace the event is part of; zero where the sender told none.
	Trace TraceContext
	// Authorization is what the authorizer of its type has granted the sender: a JSON object with principalId and context.
	// Nil where nobody was asked.
	Authorization json.RawMessage
	// SchemaViolation says in which way the data violates the schema of its type, where that is only flagged; else empty.
	SchemaViolation string
}

// TraceContext is the W3C trace context that came with an event, and goes on with its deliveries.
type TraceContext struct {
	// Parent is the traceparent header; empty where there was none, or no valid one.
	Parent string
	// State is the tracestate header; may be empty.
	State string
}

// MaxDepth is how many deliveries may lead to an event, one after the other, where the configuration does not say.
const MaxDepth = 16

// CloudEventAttributes are the context attributes of a CloudEvent that Event has no field for.
type CloudEventAttributes struct {
	// Source is the URI reference of the producer.
	Source string
	// Subject is what in the source the event is about; may be empty.
	Subject string
	// Time is when it happened, in RFC 3339 as the sender wrote it; may be empty.
	Time string
	// DataSchema is the URI of the data's schema; may be empty.
	DataSchema string
	// Extensions are the extension attributes by name. A value is a string, a bool or an int32.
	Extensions map[string]any
}

// HTTPRequest is what an http event tells of its request; the body is the event's Data.
type HTTPRequest struct {
	// Path is the decoded request path.
	Path string
	// RawPath is the path as it was encoded by the sender, where that is not how Path is usually encoded; else empty. See
	// EscapedPath.
	RawPath string
	// Method is the request method.
	Method string
	// Host is the host the request was sent to.
	Host string
	// Header are the request headers. An event that outlives its request holds a copy; see Event.Detach.
	Header http.Header
	// Query are the query parameters.
	Query url.Values
	// RawQuery is the query as it was sent, without the question mark. Empty where nothing is known but Query.
	RawQuery string
	// Protocol is the version of HTTP, such as "HTTP/1.1"; empty where it is not known.
	Protocol string
	// Scheme is "https" or "http", as the client sees it; empty where it is not known.
	Scheme string
	// ClientIP is the address of the client, without a port; empty where it is not known.
	ClientIP string
}

// EscapedPath returns the path as the sender encoded it.
func (r *HTTPRequest) EscapedPath() string {
	return (&url.URL{Path: r.Path, RawPath: r.RawPath}).EscapedPath()
}

// Detach returns an event that may outlive the request it came from: ev itself, or for an http event a copy that shares
// nothing the server may change.
func (ev *Event) Detach() *Event {
	if ev.HTTP == nil {
		return ev
	}
	request := *ev.HTTP
	request.Header = request.Header.Clone()
	request.Query = url.Values(http.Header(request.Query).Clone())
	detached := *ev
	detached.HTTP = &request
	return &detached
}
