package awseventbridge

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/internal/awsmessage"
	"github.com/eventgateway/eventgateway/providers/internal/batch"
)

// What one PutEvents request takes.
const (
	maxEntries  = 10
	maxBytes    = 256 << 10
	maxRequests = 8
)

// defaultSource is the source of events that have none.
const defaultSource = "event-gateway"

// invoker puts events on one bus.
type invoker struct {
	bus, source string
	service     awsaccount.Service
	account     *awsaccount.Client
	client      *eventbridge.Client
	entries     *batch.Sender[types.PutEventsRequestEntry]
}

func newInvoker(p *Provider, account *awsaccount.Client, client *eventbridge.Client) *invoker {
	f := &invoker{
		bus: p.EventBusName, source: p.Source, service: service(p.EventBusName), account: account, client: client,
	}
	f.entries = batch.New(batch.Config[types.PutEventsRequestEntry]{
		Records: maxEntries, Bytes: maxBytes, Requests: maxRequests, Send: f.put,
	})
	return f
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.account.Release()
	return nil
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	detail := string(call.Payload)
	if detail == "" {
		detail = "{}" // it has to be an object
	}
	source := cmp.Or(f.source, awsmessage.Source(call), defaultSource)
	entry := types.PutEventsRequestEntry{
		EventBusName: &f.bus, Source: &source, DetailType: &call.Event.Type, Detail: &detail, Time: timeOf(call.Event),
	}
	const fixed = 14 // bytes that EventBridge counts for the time
	result, err := f.entries.Do(ctx, entry, "", fixed+len(source)+len(call.Event.Type)+len(detail))
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	return result, nil
}

// timeOf returns when the event happened as its sender has it, else when it was received.
func timeOf(ev *eventgateway.Event) *time.Time {
	if ev.CloudEvent != nil {
		if at, err := time.Parse(time.RFC3339, ev.CloudEvent.Time); err == nil {
			return &at
		}
	}
	if ev.ReceivedAt.IsZero() {
		return nil
	}
	return &ev.ReceivedAt
}

// answer is what EventBridge says of an event it took.
type answer struct {
	EventID string `json:"EventId"`
}

// put makes one request.
func (f *invoker) put(ctx context.Context, entries []types.PutEventsRequestEntry) ([]batch.Outcome, error) {
	out, err := f.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	outcomes := make([]batch.Outcome, len(entries))
	for i := range outcomes {
		switch {
		case i >= len(out.Entries):
			outcomes[i].Err = providers.Errorf(providers.BadAnswer, "Amazon EventBridge did not say what became of the event")
		case out.Entries[i].ErrorCode != nil || out.Entries[i].EventId == nil:
			outcomes[i].Err = f.account.CodeFailure(&f.service, aws.ToString(out.Entries[i].ErrorCode), 0, nil)
		default:
			body, err := json.Marshal(answer{*out.Entries[i].EventId})
			outcomes[i] = batch.Outcome{Result: &providers.Result{ContentType: "application/json", Body: body}, Err: err}
		}
	}
	return outcomes, nil
}
