package queuetest

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// letter returns a small one in space "s", of the event id.
func letter(id string) *delivery.DeadLetter {
	return &delivery.DeadLetter{
		Space: "s", SubscriptionID: "sub", FunctionID: "fn", Event: work(id).Event,
		Reason: "timeout", Attempts: 5, At: time.Now().Round(0),
	}
}

// bury adds dead letters, and returns their IDs.
func (q *queue) bury(letters ...*delivery.DeadLetter) (ids []string) {
	q.s.Helper()
	q.ready()
	for _, d := range letters {
		d.ID = "to be set"
		if err := q.DeadLetters().Add(q.s.Context(), d); err != nil {
			q.s.Fatalf("Add: %v", err)
		}
		if d.ID == "" || d.ID == "to be set" {
			q.s.Fatalf("Add sets the ID %q", d.ID)
		}
		ids = append(ids, d.ID)
	}
	return ids
}

func (q *queue) list(query delivery.DeadLetterQuery) (list []*delivery.DeadLetter, more bool) {
	q.s.Helper()
	list, more, err := q.DeadLetters().List(q.s.Context(), &query)
	if err != nil {
		q.s.Fatalf("List: %v", err)
	}
	return list, more
}

// wantList checks what a query gives, by the IDs of the events.
func (q *queue) wantList(query delivery.DeadLetterQuery, more bool, events ...string) []*delivery.DeadLetter {
	q.s.Helper()
	list, gotMore := q.list(query)
	var got []string
	for _, d := range list {
		got = append(got, d.Event.ID)
	}
	if !slices.Equal(got, events) || gotMore != more {
		q.s.Fatalf("%+v: got %v and more %t, want %v and %t", query, got, gotMore, events, more)
	}
	return list
}

func (q *queue) get(space, id string) *delivery.DeadLetter {
	q.s.Helper()
	d, err := q.DeadLetters().Get(q.s.Context(), space, id)
	if err != nil {
		q.s.Fatalf("Get: %v", err)
	}
	return d
}

func (q *queue) delete(space, id string) bool {
	q.s.Helper()
	there, err := q.DeadLetters().Delete(q.s.Context(), space, id)
	if err != nil {
		q.s.Fatalf("Delete: %v", err)
	}
	return there
}

// letterDiffers returns how a dead letter differs from what it should be; "" when it does not.
func letterDiffers(got, want *delivery.DeadLetter) string {
	if got == nil {
		return "there is none"
	}
	if how := eventDiffers(got.Event, want.Event); how != "" {
		return how
	}
	a, b := *got, *want
	if !a.At.Equal(b.At) || !slices.Equal(a.Params, b.Params) {
		return fmt.Sprintf("it was given up at %s with parameters %q, want %s and %q", a.At, a.Params, b.At, b.Params)
	}
	a.Event, a.At, a.Params = b.Event, b.At, b.Params
	if !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("it is %+v, want %+v", a, b)
	}
	return ""
}

// fullLetters returns one for every kind of event, by the name of the kind.
func fullLetters() map[string]*delivery.DeadLetter {
	all := map[string]*delivery.DeadLetter{}
	for name, ev := range events() {
		all[name] = &delivery.DeadLetter{
			Space: "team.1-a", SubscriptionID: "5f4dcc3b5aa765d6", FunctionID: "a.function_1", Event: ev,
			Params: eventgateway.PathParams{{Name: "id", Value: "a/b ü\xff"}}, OrderingKey: "customer \"7\"\n\xff",
			Reason: "function_error", Error: "the function answered with status 500: \"ü\"", Status: 500, Attempts: 100,
			At: receivedAt.Add(1),
		}
	}
	return all
}
