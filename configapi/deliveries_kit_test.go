package configapi_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/delivery"
)

// deliveries is a queue of which only the dead letters and the memory of events are there.
type deliveries struct {
	mu      sync.Mutex
	letters []*delivery.DeadLetter
	added   int
	traces  map[string]delivery.EventTrace
	// redriven are the IDs that were put back.
	redriven []string
	// largest is the largest page that was asked for.
	largest int
	// refuse is asked before every step: "add", "list", "get", "delete", "redrive" with the ID of a dead letter.
	refuse func(step, id string) error
}

func (q *deliveries) step(ctx context.Context, step, id string) error {
	if q.refuse != nil {
		if err := q.refuse(step, id); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (q *deliveries) DeadLetters() delivery.DeadLetters { return q }

func (q *deliveries) Event(_ context.Context, space, id string) (delivery.EventTrace, bool) {
	trace, ok := q.traces[space+" "+id]
	return trace, ok
}

func (q *deliveries) Remembers() (time.Duration, int) { return 15 * time.Minute, 100_000 }

func (q *deliveries) Redrive(ctx context.Context, d *delivery.DeadLetter) error {
	if err := q.step(ctx, "redrive", d.ID); err != nil {
		return err
	}
	q.mu.Lock()
	q.redriven = append(q.redriven, d.ID)
	q.mu.Unlock()
	_, err := q.Delete(ctx, d.Space, d.ID)
	return err
}

func (q *deliveries) Add(ctx context.Context, d *delivery.DeadLetter) error {
	if err := q.step(ctx, "add", ""); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.added++
	d.ID = fmt.Sprintf("%06d", q.added)
	q.letters = append(q.letters, d)
	return nil
}

func (q *deliveries) List(ctx context.Context, query *delivery.DeadLetterQuery) (list []*delivery.DeadLetter, more bool, err error) {
	if err := q.step(ctx, "list", query.After); err != nil {
		return nil, false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.largest = max(q.largest, query.Limit)
	for _, d := range q.letters {
		if d.ID <= query.After || !query.Matches(d) {
			continue
		}
		if query.Limit > 0 && len(list) == query.Limit {
			return list, true, nil
		}
		list = append(list, d)
	}
	return list, false, nil
}

func (q *deliveries) find(space, id string) int {
	return slices.IndexFunc(q.letters, func(d *delivery.DeadLetter) bool { return d.Space == space && d.ID == id })
}

func (q *deliveries) Get(ctx context.Context, space, id string) (*delivery.DeadLetter, error) {
	if err := q.step(ctx, "get", id); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := q.find(space, id); i >= 0 {
		return q.letters[i], nil
	}
	return nil, nil
}

func (q *deliveries) Delete(ctx context.Context, space, id string) (bool, error) {
	if err := q.step(ctx, "delete", id); err != nil {
		return false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	i := q.find(space, id)
	if i >= 0 {
		q.letters = slices.Delete(q.letters, i, i+1)
	}
	return i >= 0, nil
}

func (q *deliveries) Count() (count, bytes int64) { return int64(len(q.letters)), 0 }

// ids are those of the dead letters there are.
func (q *deliveries) ids() []string {
	var ids []string
	for _, d := range q.letters {
		ids = append(ids, d.ID)
	}
	return ids
}

// died is when the first of the tests' dead letters was given up; each next one a minute later.
var died = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// deadLetter returns one of an event with JSON data.
func deadLetter(space, sub, function, eventType, eventID, reason string) *delivery.DeadLetter {
	return &delivery.DeadLetter{
		Space: space, SubscriptionID: sub, FunctionID: function, Reason: reason, Attempts: 5,
		Event: &eventgateway.Event{
			Type: eventType, ID: eventID, ReceivedAt: died.Add(-time.Hour), DataType: "application/json", Data: []byte(`{"n": 1}`),
		},
	}
}

// withDeliveries gives an instance a queue with dead letters.
func withDeliveries(t testing.TB, letters ...*delivery.DeadLetter) (*instance, *deliveries) {
	t.Helper()
	in := newInstance(t, newStore(t), configapi.Static{})
	q := &deliveries{traces: map[string]delivery.EventTrace{}}
	in.handler.Deliveries = q
	for i, d := range letters {
		d.At = died.Add(time.Duration(i) * time.Minute)
		if err := q.Add(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	return in, q
}

// fullDeliveries returns a queue that knows of an event and a dead letter all there may be, or that refuses whatever is asked
// so that the answer has a status.
func fullDeliveries(t testing.TB, status string) *deliveries {
	t.Helper()
	q := new(deliveries)
	cloud := deadLetter("default", "s1", "f", "e", "1", "function_error")
	cloud.Event.CloudEvent = &eventgateway.CloudEventAttributes{Source: "/shop"}
	cloud.Status, cloud.Error, cloud.At = 500, "the function failed", died
	for _, d := range []*delivery.DeadLetter{cloud, deadLetter("default", "s2", "f", "e", "2", "expired")} {
		if err := q.Add(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	q.traces = map[string]delivery.EventTrace{"default 000001": {
		Space: "default", EventID: "000001", Type: "e", ReceivedAt: died, State: "pending", DuplicateOf: "0", Duplicates: 1, Truncated: 1,
		Deliveries: []delivery.DeliveryTrace{{
			SubscriptionID: "s1", FunctionID: "f", Type: "async", State: "pending", Next: died.Add(time.Minute),
			Attempts: []delivery.AttemptTrace{
				{Attempt: 1, At: died, Duration: 1500, Outcome: "retried", Reason: "function_error", Error: "the function failed", Status: 500},
			},
		}},
	}}
	q.refuse = func(step, _ string) error {
		switch {
		case status == "503":
			return delivery.ErrUnavailable
		case status == "409" && step == "redrive":
			return delivery.ErrTooLarge
		}
		return nil
	}
	return q
}
