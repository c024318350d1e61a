package kafka

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway/integration/kafkatest"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/providertest"
	"github.com/twmb/franz-go/pkg/kgo"
)

func headersOf(r *kgo.Record) string {
	var b strings.Builder
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s=%s\n", h.Key, h.Value)
	}
	return b.String()
}

func TestRecord(t *testing.T) {
	broker := kafkatest.Start(t, "orders")
	h := function(t, broker.Address, `"topic":"orders"`)

	plain := call()
	plain.Header = http.Header{
		"Event-Gateway-Event-Id": {"1"}, "X-Tenant": {"7", "8"}, "Content-Type": {"text/plain"}, "Ce-Note": {"100%25"},
	}
	if got, want := write(t, h, plain), `{"topic":"orders","partition":0,"offset":0}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	binary := call()
	binary.Key = "customer 7"
	binary.ContentType = "text/plain"
	binary.Header = http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Type": {"made"}, "Ce-Id": {"1"}, "Ce-Source": {"/shop"}, "Ce-Subject": {"K%C3%A4se 100%25"},
		"Traceparent": {"00-1-2-01"},
	}
	if got, want := write(t, h, binary), `{"topic":"orders","partition":0,"offset":1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	records := broker.Read("orders", 2)
	if r := records[0]; string(r.Value) != string(plain.Payload) || r.Key != nil ||
		headersOf(r) != "content-type=application/json\nce-note=100%25\nevent-gateway-event-id=1\nx-tenant=7, 8\n" {
		t.Errorf("got key %q, value %q, headers\n%s", r.Key, r.Value, headersOf(r))
	}
	if r := records[1]; string(r.Key) != "customer 7" || headersOf(r) != "content-type=text/plain\nce_id=1\nce_source=/shop\n"+
		"ce_specversion=1.0\nce_subject=Käse 100%\nce_type=made\ntraceparent=00-1-2-01\n" {
		t.Errorf("got key %q, headers\n%s", r.Key, headersOf(r))
	}
}

// Records of one key stay in one partition and in order, and other keys get others.
func TestKeys(t *testing.T) {
	const keys, each = 20, 10
	broker := kafkatest.Start(t, "-partitions", "8", "orders")
	h := function(t, broker.Address, `"topic":"orders","key":"data.customer"`)
	if field, source := h.KeyExpression(); field != "provider.key" || source != "data.customer" {
		t.Errorf("got key expression %q %q", field, source)
	}
	for n := range each {
		var all sync.WaitGroup
		for key := range keys {
			c := call()
			c.Key, c.Payload = fmt.Sprint("customer ", key), fmt.Append(nil, n)
			all.Go(func() {
				if _, err := h.Invoke(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	next, partition, partitions := map[string]int{}, map[string]int32{}, map[int32]bool{}
	for _, r := range broker.Read("orders", keys*each) {
		key := string(r.Key)
		if got, want := string(r.Value), fmt.Sprint(next[key]); got != want {
			t.Fatalf("%s: record %s, want %s", key, got, want)
		}
		if next[key]++; next[key] > 1 && partition[key] != r.Partition {
			t.Fatalf("%s is in the partitions %d and %d", key, partition[key], r.Partition)
		}
		partition[key] = r.Partition
		partitions[r.Partition] = true
	}
	if len(partitions) < 2 {
		t.Errorf("%d keys are in %d partitions", keys, len(partitions))
	}
}

// A thousand functions on one cluster have one client, which goes with the last of them; another user's have another.
func TestSharedClient(t *testing.T) {
	noClients(t) // of other tests
	before := runtime.NumGoroutine()
	address := providertest.Listen(t, mute)
	open := func(topic int, fields string) *providers.Handle {
		return function(t, address, fmt.Sprintf(`"topic":"t%d"%s`, topic, fields))
	}
	var handles []*providers.Handle
	for n := range 1000 {
		handles = append(handles, open(n%100, ""))
	}
	handles = append(handles, open(1, `,"sasl":{"mechanism":"PLAIN","username":"u","password":"p"}`), open(1, `,"clientId":"other"`))
	clients.mu.Lock()
	if n := len(clients.open); n != 3 {
		t.Errorf("%d clients, want 3", n)
	}
	clients.mu.Unlock()
	for _, h := range handles {
		h.Close()
	}
	noClients(t)
	eventually(t, "their goroutines ended", func() bool { return runtime.NumGoroutine() <= before+1 }) // the listener's
}

// What waits for a cluster that says nothing is bounded, also when nobody waits for it any more, and goes with the function.
func TestBounded(t *testing.T) {
	noClients(t) // of other tests
	before := runtime.NumGoroutine()
	h := function(t, providertest.Listen(t, mute), `"topic":"orders"`)
	c := call()
	c.Payload = make([]byte, 900_000)
	gone, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range maxWaitingBytes / len(c.Payload) {
		all.Go(func() {
			if _, err := h.Invoke(gone, c); providers.FailureOf(err) != providers.Canceled {
				t.Errorf("got error %v", err)
			}
		})
	}
	eventually(t, "the buffer is full", func() bool {
		clients.mu.Lock()
		defer clients.mu.Unlock()
		for _, open := range clients.open {
			return open.BufferedProduceBytes() > maxWaitingBytes-int64(len(c.Payload))
		}
		return false
	})
	cancel()
	all.Wait()
	if e := fail(t, h, c); e.Failure != providers.Throttled || e.RetryAfter == 0 {
		t.Errorf("got %s: %v", e.Failure, e)
	}
	h.Close()
	noClients(t)
	eventually(t, "the goroutines ended", func() bool { return runtime.NumGoroutine() <= before+1 })
}
