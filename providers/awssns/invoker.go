package awssns

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/internal/batch"
)

// What one PublishBatch request takes; a message may be as large as a request.
const (
	maxMessages = 10
	maxBytes    = 256 << 10
	maxRequests = 8
)

// invoker publishes to one topic.
type invoker struct {
	topic    string
	fifo     bool
	subject  *string
	service  awsaccount.Service
	account  *awsaccount.Client
	client   *sns.Client
	messages *batch.Sender[types.PublishBatchRequestEntry]
}

func newInvoker(p *Provider, account *awsaccount.Client, client *sns.Client) *invoker {
	name := p.TopicARN[strings.LastIndexByte(p.TopicARN, ':')+1:]
	f := &invoker{
		topic: p.TopicARN, fifo: strings.HasSuffix(name, ".fifo"), service: service(name), account: account, client: client,
	}
	if p.Subject != "" {
		f.subject = &p.Subject
	}
	f.messages = batch.New(batch.Config[types.PublishBatchRequestEntry]{
		Records: maxMessages, Bytes: maxBytes, Requests: maxRequests, Send: f.send,
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
	entry, order, size, err := f.message(call)
	if err != nil {
		return nil, err
	}
	result, err := f.messages.Do(ctx, entry, order, size)
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	return result, nil
}

// answer is what SNS says of a message it took.
type answer struct {
	MessageID      string `json:"MessageId"`
	SequenceNumber string `json:",omitempty"`
}

// send makes one request.
func (f *invoker) send(ctx context.Context, entries []types.PublishBatchRequestEntry) ([]batch.Outcome, error) {
	for i := range entries {
		entries[i].Id = aws.String(strconv.Itoa(i))
	}
	out, err := f.client.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: &f.topic, PublishBatchRequestEntries: entries})
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	outcomes := make([]batch.Outcome, len(entries))
	for i := range outcomes {
		outcomes[i].Err = providers.Errorf(providers.BadAnswer, "Amazon SNS did not say what became of the message")
	}
	for _, sent := range out.Successful {
		if i, ok := index(sent.Id, len(entries)); ok && sent.MessageId != nil {
			body, err := json.Marshal(answer{*sent.MessageId, aws.ToString(sent.SequenceNumber)})
			outcomes[i] = batch.Outcome{Result: &providers.Result{ContentType: "application/json", Body: body}, Err: err}
		}
	}
	for _, failed := range out.Failed {
		if i, ok := index(failed.Id, len(entries)); ok {
			outcomes[i] = batch.Outcome{Err: f.account.CodeFailure(&f.service, aws.ToString(failed.Code), 0, nil)}
		}
	}
	return outcomes, nil
}

// index is the place of the message that an answer is about.
func index(id *string, messages int) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < messages
}
