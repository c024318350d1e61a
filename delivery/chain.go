package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// The headers that every call of a function carries, so that an event which the function sends while it handles another one
// tells of that, if the function passes them on.
const (
	// HeaderDepth is the depth of an event that the delivery causes.
	HeaderDepth = eventgateway.HeaderPrefix + "Depth"
	// HeaderCause is the id of the event that is delivered, as EventIDText has it.
	HeaderCause = eventgateway.HeaderPrefix + "Cause"
	// HeaderTraceParent is the traceparent of W3C Trace Context.
	HeaderTraceParent = "Traceparent"
	// HeaderTraceState is its tracestate, in which the gateway's own member tells the depth too.
	HeaderTraceState = "Tracestate"
)

// chainHeaders is how many headers of those there are.
const chainHeaders = 4

// headers is the header map of one call while it is made. Nothing under names that are the gateway's own comes from outside.
type headers struct {
	header http.Header
	// values is one piece of memory for all that are set.
	values []string
}

// newHeaders returns a copy of header without names that are the gateway's own, and room for more.
func newHeaders(header http.Header, more int) headers {
	h := headers{make(http.Header, len(header)+more), make([]string, 0, more)}
	for name, values := range header {
		if !strings.HasPrefix(name, eventgateway.HeaderPrefix) {
			h.header[name] = values
		}
	}
	return h
}

func (h *headers) set(name, value string) {
	h.values = append(h.values, value)
	n := len(h.values)
	h.header[name] = h.values[n-1 : n : n]
}

// setChain sets what a delivery of ev tells of the chain it is part of. Where ev is part of no trace it begins one if
// beginTrace is set.
func (h *headers) setChain(ev *eventgateway.Event, beginTrace bool) {
	depth := ev.Depth + 1
	h.set(HeaderDepth, strconv.Itoa(depth))
	h.set(HeaderCause, EventIDText(ev.ID))
	parent := ev.Trace.Parent
	if parent == "" {
		if !beginTrace {
			return
		}
		parent = traceParentOf(ev)
	}
	h.set(HeaderTraceParent, parent)
	h.set(HeaderTraceState, ev.Trace.StateAt(depth))
}

// setCallHeaders adds to encoded what a call made while the sender waits tells about itself. The header map that encoded comes
// with is left as it is.
func setCallHeaders(encoded *eventgateway.Encoded, ev *eventgateway.Event) {
	h := newHeaders(encoded.Header, chainHeaders)
	h.setChain(ev, false)
	encoded.Header = h.header
}

// traceParentOf returns the traceparent of the deliveries of an event that is part of no trace: the same for all of them, at
// every instance. It says that the trace is recorded, as what is not would keep functions from recording it.
func traceParentOf(ev *eventgateway.Event) string {
	const version, recorded = "00-", "-01"
	source := eventgateway.SourceGateway
	if ev.CloudEvent != nil {
		source = ev.CloudEvent.Source
	}
	name := make([]byte, 0, 128)
	name = append(name, source...)
	name = append(name, 0)
	sum := sha256.Sum256(append(name, ev.ID...))
	sum[0] |= 1 // all zeros would be invalid
	sum[16] |= 1
	text := make([]byte, 0, len(version)+32+1+16+len(recorded))
	text = append(text, version...)
	text = hex.AppendEncode(text, sum[:16])
	text = append(text, '-')
	text = hex.AppendEncode(text, sum[16:24])
	return string(append(text, recorded...))
}
