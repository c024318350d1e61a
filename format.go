package eventgateway

// Format is how an event is written for a function.
type Format string

// The formats.
const (
	// FormatEvent is the gateway's own schema: event, id, receivedAt, data, dataType. The default.
	FormatEvent Format = "event"
	// FormatCloudEvents is a structured CloudEvent 1.0 in JSON.
	FormatCloudEvents Format = "cloudevents"
	// FormatCloudEventsBinary is the data alone, with the CloudEvents 1.0 attributes beside it as ce- headers.
	FormatCloudEventsBinary Format = "cloudevents-binary"
	// FormatRaw is the data alone.
	FormatRaw Format = "raw"
)

// Validate checks that the format is one of the above, or empty for the default.
func (f Format) Validate() error {
	switch f {
	case "", FormatEvent, FormatCloudEvents, FormatCloudEventsBinary, FormatRaw:
		return nil
	}
	return InvalidField("format", string(f), "event, cloudevents, cloudevents-binary or raw")
}
