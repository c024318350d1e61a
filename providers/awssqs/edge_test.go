package awssqs

import (
	"crypto/md5" // the checksum of the protocol
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

const (
	standardQueue = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
	fifoQueue     = standardQueue + ".fifo"
)

// sendMessageBatch is the request as SQS documents it.
type sendMessageBatch struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []struct {
		ID                     string `json:"Id"`
		MessageBody            string
		MessageGroupID         string `json:"MessageGroupId"`
		MessageDeduplicationID string `json:"MessageDeduplicationId"`
	}
}

// read checks that a request is a SendMessageBatch to the queue.
func read(t *testing.T, r *http.Request, queue string, body []byte) (request sendMessageBatch) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil || request.QueueURL != queue {
		t.Errorf("got %s: %v", body, err)
	}
	if r.Method != http.MethodPost || r.RequestURI != "/" || r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessageBatch" ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("got %s %s %v, want a SendMessageBatch", r.Method, r.RequestURI, r.Header)
	}
	return request
}

// answerAll answers as SQS does: the messages that refused gives an error code for are refused, the others, which come first
// in the answer and last to first, are taken.
func answerAll(w http.ResponseWriter, request sendMessageBatch, refused func(body string) (code string)) {
	type object map[string]any
	var sent, failed []object
	for _, m := range request.Entries {
		if code := refused(m.MessageBody); code != "" {
			failed = append(failed, object{"Id": m.ID, "Code": code, "SenderFault": true, "Message": "private " + m.MessageBody})
			continue
		}
		entry := object{
			"Id": m.ID, "MessageId": "message-" + m.ID, "MD5OfMessageBody": fmt.Sprintf("%x", md5.Sum([]byte(m.MessageBody))),
		}
		if m.MessageDeduplicationID != "" {
			entry["SequenceNumber"] = "18849496460467696128"
		}
		sent = append([]object{entry}, sent...)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(object{"Successful": sent, "Failed": failed})
}

func none(string) string { return "" }

// open opens a function on an edge that checks every request and answers it with on.
func open(t *testing.T, queue string, on func(w http.ResponseWriter, request sendMessageBatch)) *providers.Handle {
	t.Helper()
	edge := awstest.StartEdge(t, "sqs", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		on(w, read(t, r, queue, body))
	})
	h := providers.Open(&eventgateway.Function{
		Space: "s", ID: "f", Type: "awssqs", Provider: json.RawMessage(`{"queueUrl":"` + queue + `"` + awstest.Fields(edge) + `}`),
	}, providers.Env{MaxResponse: 2000})
	t.Cleanup(h.Close)
	return h
}

func call(body, key string) *providers.Call {
	return &providers.Call{
		Payload: []byte(body), ContentType: "application/json", Key: key, Event: &eventgateway.Event{Type: "order", ID: "id-" + body},
	}
}
