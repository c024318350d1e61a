package awslambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// maxClientContext is how many bytes of client context Lambda takes, after base64.
const maxClientContext = 3583

// clientContext writes what goes beside the payload where Lambda has a place for it: the function finds it in its context
// as client context, under "custom". Where not all fits, the gateway's own headers and the trace are left out, the depth, which
// ends loops, last: what the event and the subscription bring would fit without them.
func clientContext(header http.Header) (string, error) {
	custom := make(map[string]string, len(header))
	for name, values := range header {
		custom[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if encoded, ok := encodeContext(custom); ok {
		return encoded, nil
	}
	for _, leftOut := range [...]func(name, _ string) bool{
		func(name, _ string) bool { return name == causeHeader || name == "tracestate" },
		func(name, _ string) bool { return isOwn(name) && name != depthHeader },
		func(name, _ string) bool { return isOwn(name) },
	} {
		maps.DeleteFunc(custom, leftOut)
		if encoded, ok := encodeContext(custom); ok {
			return encoded, nil
		}
	}
	return "", &providers.Error{
		Failure: providers.FunctionFailed, Permanent: true,
		Message: "the event's attributes and the subscription's headers are larger than the client context AWS Lambda takes: " +
			"use a format that has the attributes in the payload, and fewer headers",
	}
}

// As they stand in the client context.
var (
	ownPrefix   = strings.ToLower(eventgateway.HeaderPrefix)
	depthHeader = ownPrefix + "depth"
	causeHeader = ownPrefix + "cause"
)

// isOwn reports whether a header is not the event's or the subscription's.
func isOwn(name string) bool {
	return strings.HasPrefix(name, ownPrefix) || name == "traceparent" || name == "tracestate"
}

// encodeContext returns the client context, and whether Lambda takes that much.
func encodeContext(custom map[string]string) (string, bool) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // which would take six bytes for one
	err := encoder.Encode(map[string]any{"custom": custom})
	encoded := base64.StdEncoding.EncodeToString(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	return encoded, err == nil && len(encoded) <= maxClientContext
}
