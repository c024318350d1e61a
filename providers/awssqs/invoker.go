package awssqs

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/internal/awsmessage"
	"github.com/eventgateway/eventgateway/providers/internal/batch"
)

// What one SendMessageBatch request takes; a message may be as large as a request.
const (
	maxMessages = 10
	maxBytes    = 1 << 20
	maxRequests = 8
)

// invoker sends messages to one queue.
type invoker struct {
	queue    string
	fifo     bool
	service  awsaccount.Service
	account  *awsaccount.Client
	client   *sqs.Client
	messages *batch.Sender[types.SendMessageBatchRequestEntry]
}

func newInvoker(queue string, account *awsaccount.Client, client *sqs.Client) *invoker {
	name := queue[strings.LastIndexByte(queue, '/')+1:]
	f := &invoker{queue: queue, fifo: strings.HasSuffix(name, ".fifo"), service: service(name), account: account, client: client}
	f.messages = batch.New(batch.Config[types.SendMessageBatchRequestEntry]{
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
	body := string(call.Payload)
	if err := checkBody(body); err != nil {
		return nil, err
	}
	message := types.SendMessageBatchRequestEntry{MessageBody: &body}
	var order string
	if group := awsmessage.GroupID(call, f.fifo); group != "" {
		message.MessageGroupId = &group
		if f.fifo {
			id := awsmessage.DeduplicationID(call)
			message.MessageDeduplicationId, order = &id, group
		}
	}
	result, err := f.messages.Do(ctx, message, order, len(body))
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	return result, nil
}

// answer is what SQS says of a message it took.
type answer struct {
	MessageID        string `json:"MessageId"`
	MD5OfMessageBody string
	SequenceNumber   string `json:",omitempty"`
}

// send makes one request.
func (f *invoker) send(ctx context.Context, messages []types.SendMessageBatchRequestEntry) ([]batch.Outcome, error) {
	for i := range messages {
		messages[i].Id = aws.String(strconv.Itoa(i))
	}
	out, err := f.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &f.queue, Entries: messages})
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	outcomes := make([]batch.Outcome, len(messages))
	for i := range outcomes {
		outcomes[i].Err = providers.Errorf(providers.BadAnswer, "Amazon SQS did not say what became of the message")
	}
	for _, sent := range out.Successful {
		if i, ok := index(sent.Id, len(messages)); ok && sent.MessageId != nil {
			body, err := json.Marshal(answer{*sent.MessageId, aws.ToString(sent.MD5OfMessageBody), aws.ToString(sent.SequenceNumber)})
			outcomes[i] = batch.Outcome{Result: &providers.Result{ContentType: "application/json", Body: body}, Err: err}
		}
	}
	for _, failed := range out.Failed {
		if i, ok := index(failed.Id, len(messages)); ok {
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
