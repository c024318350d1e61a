package awsmessage

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func call(source, id, subscription, key string) *providers.Call {
	return &providers.Call{
		Event:  &eventgateway.Event{ID: id, CloudEvent: &eventgateway.CloudEventAttributes{Source: source}},
		Header: http.Header{"Event-Gateway-Subscription-Id": {subscription}, "Event-Gateway-Attempt": {source + id}},
		Key:    key,
	}
}

func TestDeduplicationID(t *testing.T) {
	seen := map[string]string{}
	for _, c := range [][3]string{{"a", "b", "c"}, {"ab", "", "c"}, {"a", "bc", ""}, {"", "", "abc"}, {"a", "b", "d"}} {
		id := DeduplicationID(call(c[0], c[1], c[2], ""))
		if previous, ok := seen[id]; ok || len(id) != 64 {
			t.Errorf("%v: got %s, as for %s", c, id, previous)
		}
		seen[id] = strings.Join(c[:], ",")
	}
	first, second := call("a", "b", "c", ""), call("a", "b", "c", "")
	second.Header.Set("Event-Gateway-Attempt", "2")
	if DeduplicationID(first) != DeduplicationID(second) {
		t.Error("another attempt has another id")
	}
	first.Event.CloudEvent, first.Header = nil, nil
	if DeduplicationID(first) == DeduplicationID(second) {
		t.Error("an event without a source has the id of one with it")
	}
}

func TestGroupID(t *testing.T) {
	long := strings.Repeat("x", 129)
	for _, test := range []struct {
		key, id string
		fifo    bool
		want    string
	}{
		{"k", "7", true, "k"},
		{"k", "7", false, "k"},
		{"", "7", true, "7"},
		{"", "7", false, ""},
		{"", "", true, "event"},
		{"two words", "7", true, Digest("two words")},
		{"ö", "7", false, Digest("ö")},
		{long, "7", true, Digest(long)},
		{long[:128], "7", true, long[:128]},
	} {
		if got := GroupID(call("", test.id, "", test.key), test.fifo); got != test.want {
			t.Errorf("key %q, id %q, FIFO %t: got %q, want %q", test.key, test.id, test.fifo, got, test.want)
		}
	}
}

func TestIsText(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "a\tb\r\nc ö 😀": true, "\xff": false, "a\x00": false, "\x1b": false, "\uffff": false,
	} {
		if IsText(text) != want {
			t.Errorf("%q: got %t", text, !want)
		}
	}
}
