package kafka

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/twmb/franz-go/pkg/kgo"
)

// defaultClientID is what brokers know the gateway as unless a function says otherwise.
const defaultClientID = "event-gateway"

// Open implements providers.Provider. It connects to nothing.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	s := settings{brokers: strings.Join(p.Brokers, ","), clientID: p.ClientID, guard: env.Egress}
	if s.clientID == "" {
		s.clientID = defaultClientID
	}
	if p.SASL != nil {
		s.sasl = *p.SASL
	}
	if p.TLS != nil {
		s.tls = *p.TLS
	}
	c, err := clients.acquire(s, p.Topic)
	if err != nil {
		return nil, err
	}
	return &invoker{topic: p.Topic, host: "Kafka at " + p.Brokers[0], user: s.sasl.Username, client: c}, nil
}

// invoker writes to one topic.
type invoker struct {
	topic string
	// host names the cluster in messages, user whom it knows the gateway as; empty when it does not.
	host, user string
	client     *client
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	clients.release(f.client, f.topic)
	return nil
}

// Invoke implements providers.Invoker.
//
// The record does not go with ctx. The library gives up all records that wait for a partition together with the one it was told
// to give up, and they are other callers'. A record whose caller went may still be written, within maxWait.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	record := &kgo.Record{Topic: f.topic, Value: call.Payload, Headers: headers(call)}
	if call.Key != "" {
		record.Key = []byte(call.Key)
	}
	if n := size(record); n > maxRecord {
		return nil, tooLarge(n)
	}
	done := make(chan error, 1)
	f.client.TryProduce(context.Background(), record, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			return nil, f.failure(ctx, err)
		}
	case <-ctx.Done():
		return nil, providers.NetworkError(ctx, f.host, ctx.Err())
	}
	return answer(record)
}

// size is how much of a batch a record takes, near enough.
func size(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// answer is what the cluster said.
func answer(r *kgo.Record) (*providers.Result, error) {
	body, err := json.Marshal(struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
	}{r.Topic, r.Partition, r.Offset})
	if err != nil {
		return nil, err
	}
	return &providers.Result{ContentType: "application/json", Body: body}, nil
}

// headers are what goes beside the payload: its type; in format cloudevents-binary the attributes, as CloudEvents' Kafka binding
// names and writes them; and the rest under names in lower case. They are in the order of their names.
func headers(call *providers.Call) []kgo.RecordHeader {
	list := make([]kgo.RecordHeader, 1, len(call.Header)+1)
	list[0] = kgo.RecordHeader{Key: "content-type", Value: []byte(call.ContentType)}
	_, binary := call.Header["Ce-Specversion"]
	for name, values := range call.Header {
		value := strings.Join(values, ", ")
		if name = http.CanonicalHeaderKey(name); name == "Content-Type" {
			continue
		}
		attribute, ok := strings.CutPrefix(name, "Ce-")
		if name = strings.ToLower(name); binary && ok {
			name = "ce_" + strings.ToLower(attribute)
			// HTTP's way to write what is not ASCII, which is not Kafka's.
			if text, err := url.PathUnescape(value); err == nil {
				value = text
			}
		}
		list = append(list, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	slices.SortFunc(list[1:], func(a, b kgo.RecordHeader) int { return strings.Compare(a.Key, b.Key) })
	return list
}
