package awssns

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

const (
	standardTopic = "arn:aws:sns:eu-west-1:123456789012:orders"
	fifoTopic     = standardTopic + ".fifo"
)

// message is an entry of a PublishBatch.
type message struct {
	id, text, subject, group, deduplication string
	attributes                              map[string]string
}

// read checks that a request is a PublishBatch to the topic as SNS documents it, a form of numbered fields, and nothing else.
func read(t *testing.T, r *http.Request, topic string, body []byte) (messages []message) {
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Method != http.MethodPost || r.RequestURI != "/" ||
		r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("got %s %s %v %s: %v", r.Method, r.RequestURI, r.Header, body, err)
	}
	take := func(name string) string {
		value := form.Get(name)
		form.Del(name)
		return value
	}
	if action, version, arn := take("Action"), take("Version"), take("TopicArn"); action != "PublishBatch" || version != "2010-03-31" || arn != topic {
		t.Errorf("got %s of %s for %s", action, version, arn)
	}
	for i := 1; form.Has(fmt.Sprintf("PublishBatchRequestEntries.member.%d.Id", i)); i++ {
		field := func(name string) string { return take(fmt.Sprintf("PublishBatchRequestEntries.member.%d.%s", i, name)) }
		m := message{
			id: field("Id"), text: field("Message"), subject: field("Subject"), group: field("MessageGroupId"),
			deduplication: field("MessageDeduplicationId"), attributes: map[string]string{},
		}
		for j := 1; ; j++ {
			at := fmt.Sprintf("MessageAttributes.entry.%d.", j)
			name := field(at + "Name")
			if name == "" {
				break
			}
			if typ := field(at + "Value.DataType"); typ != "String" {
				t.Errorf("attribute %s is of type %q", name, typ)
			}
			m.attributes[name] = field(at + "Value.StringValue")
		}
		messages = append(messages, m)
	}
	if len(messages) == 0 || len(form) > 0 {
		t.Errorf("got %d messages and the fields %v beside", len(messages), form)
	}
	return messages
}

// answerAll answers as SNS does: the messages that refused gives an error code for are refused, the others, last to first, taken.
func answerAll(w http.ResponseWriter, messages []message, refused func(text string) (code string)) {
	var sent, failed string
	for _, m := range messages {
		if code := refused(m.text); code != "" {
			failed += "<member><Id>" + m.id + "</Id><Code>" + code + "</Code><Message>private</Message><SenderFault>true</SenderFault></member>"
			continue
		}
		sequence := ""
		if m.deduplication != "" {
			sequence = "<SequenceNumber>10000000000000003000</SequenceNumber>"
		}
		sent = "<member><MessageId>message-" + m.id + "</MessageId><Id>" + m.id + "</Id>" + sequence + "</member>" + sent
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>
		<Failed>%s</Failed><Successful>%s</Successful></PublishBatchResult>
		<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishBatchResponse>`, failed, sent)
}

func none(string) string { return "" }

// refuse answers as SNS does for an error of its own.
func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code>
		<Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code, text)
}

// open opens a function on an edge that checks every request and answers it with on.
func open(t *testing.T, topic, fields string, on func(w http.ResponseWriter, messages []message)) *providers.Handle {
	t.Helper()
	edge := awstest.StartEdge(t, "sns", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		on(w, read(t, r, topic, body))
	})
	h := providers.Open(&eventgateway.Function{
		Space: "s", ID: "f", Type: "awssns", Provider: json.RawMessage(`{"topicArn":"` + topic + `"` + fields + awstest.Fields(edge) + `}`),
	}, providers.Env{MaxResponse: 2000})
	t.Cleanup(h.Close)
	return h
}

func call(payload, key string) *providers.Call {
	return &providers.Call{
		Payload: []byte(payload), ContentType: "application/json", Key: key,
		Event:  &eventgateway.Event{Type: "order.placed", ID: "7", CloudEvent: &eventgateway.CloudEventAttributes{Source: "/shop"}},
		Header: http.Header{"Event-Gateway-Subscription-Id": {strings.Repeat("s", 10)}},
	}
}
