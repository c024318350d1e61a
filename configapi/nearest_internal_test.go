package configapi

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// filteredTable returns subscriptions with filters that are false of an event of type e: some of type e, some of another.
func filteredTable(of map[string]int) (*matcher.Table, []*eventgateway.Subscription) {
	edit := (*matcher.Table)(nil).Edit()
	var list []*eventgateway.Subscription
	for event, n := range of {
		for i := range n {
			s := &eventgateway.Subscription{Event: event, FunctionID: fmt.Sprintf("%s%d", event, i), Filter: fmt.Sprintf("data.n == %d", i)}
			s.Normalize()
			edit.Insert(s)
			list = append(list, s)
		}
	}
	return edit.Table(), list
}

func explained(table *matcher.Table, list []*eventgateway.Subscription, limit int, deadline time.Time) *nearest {
	ev := &eventgateway.Event{Type: "e", DataType: "application/json", Data: []byte(`{"n":"no number"}`)}
	n := &nearest{limit: limit, deadline: deadline, explainer: table.Explain(&matcher.Query{
		Space: "default", Method: "POST", Path: "/", Event: "e", Input: expression.NewInput(ev),
	})}
	for _, s := range list {
		n.add(s)
	}
	return n
}

// What there is no time to look at is said not to have been looked at. What the data path looked at is known.
func TestNearestWithoutTime(t *testing.T) {
	table, list := filteredTable(map[string]int{"e": 1, "other": 1})
	now := time.Now()
	for _, test := range []struct {
		left      time.Duration
		want      [][]string
		truncated bool
	}{
		{time.Hour, [][]string{{"filter: is false"}, {"event: e is not other", "filter: is false"}}, false},
		{explainTime / 4, [][]string{
			{"filter: is false"},
			{"event: e is not other", "filter: not evaluated, as those of other subscriptions took too long"},
		}, true},
		{-time.Second, [][]string{
			{"filter: is false, or cannot be evaluated"},
			{"event: e is not other", "filter: not evaluated, as those of other subscriptions took too long"},
		}, true},
	} {
		got, truncated, err := explained(table, list, 10, now.Add(test.left)).explain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var reasons [][]string
		for _, o := range got {
			reasons = append(reasons, o.Reasons)
		}
		if !reflect.DeepEqual(reasons, test.want) || truncated != test.truncated {
			t.Errorf("%s left: got %q %t", test.left, reasons, truncated)
		}
	}
}

func TestNearestFirst(t *testing.T) {
	table, list := filteredTable(map[string]int{"e": 3, "other": 3})
	n := explained(table, list, 2, time.Now().Add(time.Hour))
	got, truncated, err := n.explain(t.Context())
	if err != nil || len(got) != 2 || !truncated {
		t.Fatalf("got %v %t %v", got, truncated, err)
	}
	for _, o := range got {
		if !strings.HasPrefix(o.FunctionID, "e") {
			t.Errorf("%+v is among the nearest", o)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := explained(table, list, 2, time.Now().Add(time.Hour)).explain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the client is gone: %v", err)
	}
}
