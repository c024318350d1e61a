package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// failure tells why a record was not acknowledged. What brokers say beside their error codes is left out.
//
// Permanent is only what lies in the event itself: what a person can put right, such as a topic that is missing, may let a later
// attempt through.
func (f *invoker) failure(ctx context.Context, err error) *providers.Error {
	var (
		code  *kerr.Error
		early *kgo.ErrFirstReadEOF
	)
	switch {
	case errors.As(err, &code):
		return f.brokerError(code)
	case errors.Is(err, kgo.ErrMaxBuffered):
		return &providers.Error{
			Failure: providers.Throttled, RetryAfter: time.Second,
			Message: "too many records wait for " + f.host + " already",
		}
	case errors.Is(err, kgo.ErrClientClosed):
		return providers.Errorf(providers.Unreachable, "the function was changed or deleted before its record was written")
	case f.client.login.Load() != nil:
		return f.brokerError(kerr.SaslAuthenticationFailed)
	case errors.As(err, &early):
		return providers.Errorf(providers.Unreachable,
			"cannot reach %s: it closes connections at once, as brokers do that want another provider.tls or provider.sasl", f.host)
	}
	if down := f.client.down.Load(); down != nil {
		return providers.NetworkError(ctx, f.host, *down)
	}
	if errors.Is(err, kgo.ErrRecordTimeout) {
		return providers.Errorf(providers.TimedOut, "no acknowledgement from %s within %s", f.host, maxWait)
	}
	e := providers.NetworkError(ctx, f.host, err)
	if e.Failure == providers.BadAnswer {
		e.Message = f.host + " closed the connection, or answered with something else, before it acknowledged the record"
	}
	return e
}

// brokerError tells what an error code of Kafka's protocol means.
func (f *invoker) brokerError(code *kerr.Error) *providers.Error {
	e := &providers.Error{Failure: providers.Unreachable, Err: errors.New("kafka: " + code.Message)}
	who := "the gateway"
	if f.user != "" {
		who = "the user in provider.sasl"
	}
	switch code.Code {
	case kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code:
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "the record is larger than topic " + f.topic + " takes"
	case kerr.InvalidRecord.Code, kerr.InvalidTimestamp.Code:
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "topic " + f.topic + " does not take such a record; a compacted one wants provider.key"
	case kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code:
		e.Message = "there is no topic " + f.topic + " that " + who + " may see: create it, or check provider.topic"
	case kerr.InvalidTopicException.Code:
		e.Message = "the cluster does not take records for topic " + f.topic + ": check provider.topic"
	case kerr.TopicAuthorizationFailed.Code:
		e.Message = who + " may not write: it needs the permissions Describe and Write on topic " + f.topic
	case kerr.ClusterAuthorizationFailed.Code:
		e.Message = who + " may not write: it needs the permission IdempotentWrite on the cluster"
	case kerr.SaslAuthenticationFailed.Code:
		e.Message = "the cluster does not accept the credentials: check provider.sasl"
	case kerr.UnsupportedSaslMechanism.Code, kerr.IllegalSaslState.Code:
		e.Message = "the cluster does not take SASL with the mechanism in provider.sasl.mechanism on this port"
	case kerr.ThrottlingQuotaExceeded.Code:
		e.Failure, e.Message = providers.Throttled, "the cluster throttles the gateway"
	case kerr.NotEnoughReplicas.Code, kerr.NotEnoughReplicasAfterAppend.Code:
		e.Message = "too few replicas of topic " + f.topic + " are in sync to acknowledge the record"
	case kerr.RequestTimedOut.Code:
		e.Failure, e.Message = providers.TimedOut, "the replicas of topic "+f.topic+" did not acknowledge the record in time"
	default:
		e.Message = f.host + " did not take the record: " + code.Message
	}
	return e
}

func tooLarge(n int) *providers.Error {
	return &providers.Error{
		Failure: providers.FunctionFailed, Permanent: true,
		Message: fmt.Sprintf("the record has %d bytes: want at most %d", n, maxRecord),
	}
}
