package eventgateway

// The system events: what the gateway itself emits while it processes an event. Handling one emits none.
const (
	// EventReceived is emitted when the Events API has read an event. Data: event, path, headers.
	EventReceived = "gateway.event.received"
	// FunctionInvoking is emitted before a function is called. Data: space, event, functionId.
	FunctionInvoking = "gateway.function.invoking"
	// FunctionInvoked is emitted when a function has answered. Data: space, event, functionId, result.
	FunctionInvoked = "gateway.function.invoked"
	// FunctionInvocationFailed is emitted when a call of a function has failed. Data: space, event, functionId, error.
	FunctionInvocationFailed = "gateway.function.invocationFailed"
	// FunctionRetreated is emitted when a weighted function went back to earlier weights. It is about no event. Data: the fields
	// of a Retreat.
	FunctionRetreated = "gateway.function.retreated"
)

// SystemEvents are all system events, those about an event first and in the order in which they are emitted.
var SystemEvents = []string{EventReceived, FunctionInvoking, FunctionInvoked, FunctionInvocationFailed, FunctionRetreated}
