package awsfirehose

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/internal/batch"
)

// What one PutRecordBatch request takes, and one record in it.
const (
	maxRecords  = 500
	maxBytes    = 4 << 20
	maxRecord   = 1000 << 10
	maxRequests = 4
)

// invoker puts records into one stream.
type invoker struct {
	stream  string
	service awsaccount.Service
	account *awsaccount.Client
	client  *firehose.Client
	records *batch.Sender[types.Record]
}

func newInvoker(stream string, account *awsaccount.Client, client *firehose.Client) *invoker {
	f := &invoker{stream: stream, service: service(stream), account: account, client: client}
	f.records = batch.New(batch.Config[types.Record]{Records: maxRecords, Bytes: maxBytes, Requests: maxRequests, Send: f.put})
	return f
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.account.Release()
	return nil
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	if len(call.Payload) > maxRecord {
		return nil, tooLarge()
	}
	result, err := f.records.Do(ctx, types.Record{Data: call.Payload}, "", len(call.Payload))
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	return result, nil
}

// answer is what Firehose says of a record it took.
type answer struct {
	RecordID string `json:"RecordId"`
}

// put makes one request.
func (f *invoker) put(ctx context.Context, records []types.Record) ([]batch.Outcome, error) {
	out, err := f.client.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: &f.stream, Records: records})
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	outcomes := make([]batch.Outcome, len(out.RequestResponses))
	for i, r := range out.RequestResponses {
		if r.ErrorCode != nil || r.RecordId == nil {
			outcomes[i].Err = f.account.CodeFailure(&f.service, aws.ToString(r.ErrorCode), 0, nil)
			continue
		}
		body, err := json.Marshal(answer{*r.RecordId})
		outcomes[i] = batch.Outcome{Result: &providers.Result{ContentType: "application/json", Body: body}, Err: err}
	}
	return outcomes, nil
}
