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
	// FormatAPIGatewayV1 is what a REST API of AWS API Gateway sends to a Lambda function by proxy integration, and so is
	// what the function answers. For http events only.
	FormatAPIGatewayV1 Format = "apigateway-v1"
	// FormatAPIGatewayV2 is what an HTTP API of AWS API Gateway sends to a Lambda function in payload format 2.0, and so is
	// what the function answers. For http events only.
	FormatAPIGatewayV2 Format = "apigateway-v2"
)

// OnlyHTTP reports whether only http events can be written in the format.
func (f Format) OnlyHTTP() bool { return f == FormatAPIGatewayV1 || f == FormatAPIGatewayV2 }

// Validate checks that the format is one of the above, or empty for the default.
func (f Format) Validate() error {
	switch f {
	case "", FormatEvent, FormatCloudEvents, FormatCloudEventsBinary, FormatRaw, FormatAPIGatewayV1, FormatAPIGatewayV2:
		return nil
	}
	return InvalidField("format", string(f), "event, cloudevents, cloudevents-binary, raw, apigateway-v1 or apigateway-v2")
}
