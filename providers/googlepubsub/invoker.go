package googlepubsub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/googleaccount"
	"github.com/eventgateway/eventgateway/providers/httpcall"
	"github.com/eventgateway/eventgateway/providers/internal/batch"
)

// What one publish request takes. Pub/Sub takes 10 MB; a message is counted as it is written here, a third larger than its data.
const (
	maxMessages = 1000
	maxBytes    = 9 << 20
	maxRequests = 8
	// maxOrdered is how many requests are in flight where each is one event.
	maxOrdered = 64
)

// maxAnswer bounds what Pub/Sub answers, in bytes: an id for each message takes some twenty.
const maxAnswer = 256 << 10

// invoker publishes to one topic.
type invoker struct {
	// topic and host are for messages.
	topic, host string
	template    http.Request
	transport   http.RoundTripper
	// tokens is nil where none is sent.
	tokens   *googleaccount.Source
	messages *batch.Sender[[]byte]
}

func (f *invoker) sender(ordered bool) *batch.Sender[[]byte] {
	config := batch.Config[[]byte]{Records: maxMessages, Bytes: maxBytes, Requests: maxRequests, Send: f.publish}
	if ordered {
		config.Records, config.Requests = 1, maxOrdered
	}
	return batch.New(config)
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	if f.tokens != nil {
		f.tokens.Release()
	}
	return nil
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	text, err := message(call)
	if err != nil {
		return nil, err
	}
	result, err := f.messages.Do(ctx, text, call.Key, len(text)+1)
	var known *providers.Error
	if err != nil && !errors.As(err, &known) {
		return nil, providers.NetworkError(ctx, f.host, err)
	}
	return result, err
}

// answer is what Pub/Sub says of the messages it took, and in the same form what each call is told of its own.
type answer struct {
	MessageIDs []string `json:"messageIds"`
}

// publish makes one request.
func (f *invoker) publish(ctx context.Context, messages [][]byte) ([]batch.Outcome, error) {
	body, err := f.exchange(ctx, messages)
	if err != nil {
		return nil, err
	}
	var took answer
	if json.Unmarshal(body, &took) != nil || len(took.MessageIDs) != len(messages) {
		return nil, providers.Errorf(providers.BadAnswer, "the answer of Google Pub/Sub does not say what became of each event")
	}
	outcomes := make([]batch.Outcome, len(messages))
	for i, id := range took.MessageIDs {
		body, err := json.Marshal(answer{[]string{id}})
		outcomes[i] = batch.Outcome{Result: &providers.Result{ContentType: "application/json", Body: body}, Err: err}
	}
	return outcomes, nil
}

func (f *invoker) exchange(ctx context.Context, messages [][]byte) ([]byte, error) {
	header := http.Header{"User-Agent": {"event-gateway"}, "Content-Type": {"application/json"}}
	if f.tokens != nil {
		value, err := f.tokens.Authorization(ctx)
		if err != nil {
			return nil, err
		}
		header["Authorization"] = value
	}
	body := requestOf(messages)
	req := f.template.WithContext(ctx)
	req.Header = header
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	resp, err := f.transport.RoundTrip(req)
	if err != nil {
		return nil, providers.NetworkError(ctx, f.host, err)
	}
	defer resp.Body.Close()
	said, err := httpcall.Read(ctx, resp, f.host, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		if resp.StatusCode == http.StatusUnauthorized && f.tokens != nil {
			f.tokens.Refused(header.Get("Authorization"))
		}
		return nil, f.failure(resp, said)
	}
	return said, err
}
