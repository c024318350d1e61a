package integration

import (
	"crypto/md5" // the checksum of the protocol
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

// queue is an SQS that refuses some messages at their first attempt, each with an error of its own.
type queue struct {
	endpoint string
	// hold is waited for before anything is answered.
	hold chan struct{}

	mu       sync.Mutex
	requests int
	attempts map[int]int
	// taken are the numbers of the messages taken, by their group.
	taken map[string][]int
}

// startQueue starts a queue that refuses a message of number n at first when n%7 is 3.
func startQueue(t *testing.T) *queue {
	t.Helper()
	q := &queue{hold: make(chan struct{}), attempts: map[int]int{}, taken: map[string][]int{}}
	q.endpoint = awstest.StartEdge(t, "sqs", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		select {
		case <-q.hold:
		case <-r.Context().Done():
			return
		}
		var request struct {
			Entries []struct{ ID, MessageBody, MessageGroupID string }
		}
		type object map[string]any
		// encoding/json reads Id into ID, whatever their case.
		if err := json.Unmarshal(body, &request); err != nil || len(request.Entries) == 0 || len(request.Entries) > 10 {
			t.Errorf("got %s: %v", body, err)
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		q.requests++
		var sent, failed []object
		for _, m := range request.Entries {
			var event struct{ Data struct{ N int } }
			if err := json.Unmarshal([]byte(m.MessageBody), &event); err != nil {
				t.Errorf("message %s: %v", m.MessageBody, err)
			}
			n := event.Data.N
			if q.attempts[n]++; n%7 == 3 && q.attempts[n] == 1 {
				failed = append(failed, object{"Id": m.ID, "Code": "InternalError", "SenderFault": false})
				continue
			}
			q.taken[m.MessageGroupID] = append(q.taken[m.MessageGroupID], n)
			sent = append(sent, object{
				"Id": m.ID, "MessageId": fmt.Sprint("m", n), "MD5OfMessageBody": fmt.Sprintf("%x", md5.Sum([]byte(m.MessageBody))),
			})
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(w).Encode(object{"Successful": sent, "Failed": failed})
	})
	return q
}

// start starts a gateway whose events "order" go to the queue of that name.
func (q *queue) start(t *testing.T, name, function, subscription string) *gatewaytest.Gateway {
	t.Helper()
	return gatewaytest.Start(t, gatewaytest.Extra("app", fmt.Sprintf(`function queue {
		awssqs https://sqs.%s.amazonaws.com/123456789012/%s {
			%s
			%s
		}
	}
	subscription order {
		function queue
		delivery {
			backoff 10ms
			%s
		}
	}`, awstest.Region, name, awstest.CaddyfileOptions(q.endpoint), function, subscription)))
}

// wait waits until so many messages have been taken, and returns them by their group.
func (q *queue) wait(t *testing.T, messages int) map[string][]int {
	t.Helper()
	gatewaytest.Eventually(t, 2*time.Minute, func() error {
		q.mu.Lock()
		defer q.mu.Unlock()
		total := 0
		for _, taken := range q.taken {
			total += len(taken)
		}
		if total < messages {
			return fmt.Errorf("%d of %d messages have been taken", total, messages)
		}
		return nil
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken
}

// Deliveries that wait go together, and what a request did not take is delivered again, and nothing else.
func TestSQSBatches(t *testing.T) {
	const events = 200
	q := startQueue(t)
	g := q.start(t, "orders", "", "")
	for n := range events {
		emit(t, g, "order", fmt.Sprintf(`{"n":%d}`, n), http.StatusAccepted)
	}
	close(q.hold)
	taken := q.wait(t, events)[""]
	slices.Sort(taken)
	for n := range events {
		if len(taken) != events || taken[n] != n {
			t.Fatalf("got messages %v, want each once", taken)
		}
		want := 1
		if n%7 == 3 {
			want = 2
		}
		if q.attempts[n] != want {
			t.Errorf("message %d was sent %d times, want %d", n, q.attempts[n], want)
		}
	}
	if q.requests >= events {
		t.Errorf("%d messages took %d requests: none went together", events, q.requests)
	}
}

// With an ordering key that is also the message group, a FIFO queue gets the events of each group in their order, also where
// one is refused at first.
func TestSQSOrder(t *testing.T) {
	const groups, each = 6, 15
	q := startQueue(t)
	close(q.hold)
	g := q.start(t, "orders.fifo", "message_group_id data.customer", "ordering_key data.customer")
	var all sync.WaitGroup
	for group := range groups {
		all.Go(func() {
			for i := range each {
				emit(t, g, "order", fmt.Sprintf(`{"customer":"c%d","n":%d}`, group, group*100+i), http.StatusAccepted)
			}
		})
	}
	all.Wait()
	for group, taken := range q.wait(t, groups*each) {
		if len(taken) != each || !slices.IsSorted(taken) {
			t.Errorf("group %s got %v, want all in their order", group, taken)
		}
	}
}
