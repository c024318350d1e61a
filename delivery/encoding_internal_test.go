package delivery

import (
	"bytes"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// Deliveries share an encoding unless it tells the subscription's path.
func TestEncodingsAreShared(t *testing.T) {
	ev := &eventgateway.Event{Type: "http", ID: "1", HTTP: &eventgateway.HTTPRequest{Method: "GET", Path: "/ü"}}
	const plain, escaped = "/ü", "/%C3%BC"
	var all encodings
	first := all.acquire(ev, eventgateway.FormatEvent, plain)
	if all.acquire(ev, eventgateway.FormatEvent, escaped) != first {
		t.Error("the format event was encoded twice")
	}
	a := all.acquire(ev, eventgateway.FormatAPIGatewayV2, plain)
	b := all.acquire(ev, eventgateway.FormatAPIGatewayV2, escaped)
	if all.acquire(ev, eventgateway.FormatAPIGatewayV2, plain) != a || a == b {
		t.Error("the format apigateway-v2 was not encoded once for each path")
	}
	if !bytes.Contains(a.Payload, []byte(`"GET /ü"`)) || !bytes.Contains(b.Payload, []byte(`"GET /%C3%BC"`)) {
		t.Errorf("got %s and %s", a.Payload, b.Payload)
	}
	for _, enc := range []*encoding{first, first, a, a, b} {
		all.release(enc)
	}
	if len(all.all) != 0 {
		t.Errorf("%d encodings are left", len(all.all))
	}
}
