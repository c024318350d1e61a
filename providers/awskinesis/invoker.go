package awskinesis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/internal/batch"
)

// What one PutRecords request takes. Kinesis takes 10 MiB, but what speaks its protocol elsewhere often 5.
const (
	maxRecords  = 500
	maxBytes    = 5 << 20
	maxRequests = 4
)

// invoker puts records into one stream.
type invoker struct {
	stream  string
	service awsaccount.Service
	account *awsaccount.Client
	client  *kinesis.Client
	records *batch.Sender[types.PutRecordsRequestEntry]
}

func newInvoker(stream string, account *awsaccount.Client, client *kinesis.Client) *invoker {
	f := &invoker{stream: stream, service: service(stream), account: account, client: client}
	f.records = batch.New(batch.Config[types.PutRecordsRequestEntry]{
		Records: maxRecords, Bytes: maxBytes, Requests: maxRequests, Send: f.put,
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
	key := partitionKey(call)
	record := types.PutRecordsRequestEntry{Data: call.Payload, PartitionKey: &key}
	result, err := f.records.Do(ctx, record, "", len(call.Payload)+len(key))
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	return result, nil
}

// partitionKey is what the provider's expression made of the event, or its id. Kinesis takes 256 characters, and only their MD5
// matters to it.
func partitionKey(call *providers.Call) string {
	key := cmp.Or(call.Key, call.Event.ID)
	if utf8.RuneCountInString(key) <= 256 {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// answer is what Kinesis says of a record it took.
type answer struct {
	SequenceNumber string
	ShardID        string `json:"ShardId"`
}

// put makes one request.
func (f *invoker) put(ctx context.Context, records []types.PutRecordsRequestEntry) ([]batch.Outcome, error) {
	out, err := f.client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &f.stream, Records: records})
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	outcomes := make([]batch.Outcome, len(out.Records))
	for i, r := range out.Records {
		if r.ErrorCode != nil || r.SequenceNumber == nil {
			outcomes[i].Err = f.account.CodeFailure(&f.service, aws.ToString(r.ErrorCode), 0, nil)
			continue
		}
		body, err := json.Marshal(answer{*r.SequenceNumber, aws.ToString(r.ShardId)})
		outcomes[i] = batch.Outcome{Result: &providers.Result{ContentType: "application/json", Body: body}, Err: err}
	}
	return outcomes, nil
}
