package awssns

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/internal/awsmessage"
)

// maxAttributes is how many attributes a message may have that goes on to a queue of SQS as it is; SQS drops one with more.
const maxAttributes = 10

// message returns what is published for a call, the group within which it keeps its order, if any, and its size.
func (f *invoker) message(call *providers.Call) (entry types.PublishBatchRequestEntry, order string, size int, err error) {
	text := string(call.Payload)
	switch {
	case text == "":
		return entry, "", 0, refused("Amazon SNS takes no empty message: use format event or cloudevents")
	case !awsmessage.IsText(text):
		return entry, "", 0, refused("Amazon SNS takes no message but text: use format event or cloudevents")
	}
	attributes := attributesOf(call)
	entry = types.PublishBatchRequestEntry{Message: &text, Subject: f.subject, MessageAttributes: attributes}
	if group := awsmessage.GroupID(call, f.fifo); group != "" {
		entry.MessageGroupId = &group
		if f.fifo {
			id := awsmessage.DeduplicationID(call)
			entry.MessageDeduplicationId, order = &id, group
		}
	}
	size = len(text) + len(aws.ToString(f.subject))
	for name, a := range attributes {
		size += len(name) + len(*a.DataType) + len(*a.StringValue)
	}
	return entry, order, size, nil
}

func refused(message string) error {
	return &providers.Error{Failure: providers.FunctionFailed, Permanent: true, Message: message}
}

// attributesOf returns the message attributes, by which subscriptions of the topic filter: the event's type, id and source, and in
// the format cloudevents-binary its CloudEvents attributes, as many as there is room for.
func attributesOf(call *providers.Call) map[string]types.MessageAttributeValue {
	attributes := make(map[string]types.MessageAttributeValue, 3)
	add := func(name, value string) {
		if value != "" && awsmessage.IsText(value) && len(attributes) < maxAttributes {
			attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	add("eventType", call.Event.Type)
	add("eventId", call.Event.ID)
	add("eventSource", awsmessage.Source(call))
	if call.Header.Get("Ce-Id") == "" {
		return attributes
	}
	for _, name := range slices.Sorted(maps.Keys(call.Header)) {
		if strings.HasPrefix(name, "Ce-") {
			add(strings.ToLower(name), call.Header.Get(name))
		}
	}
	return attributes
}
