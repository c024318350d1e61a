package kafka

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/integration/kafkatest"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// A connection that the server's rules do not allow any more is not used any more.
func TestEgressRulesChange(t *testing.T) {
	broker := kafkatest.Start(t, "orders")
	guard := egress.New(egress.Policy{})
	h := providers.Open(&eventgateway.Function{
		Space: "test", ID: "fn", Type: "kafka", Provider: json.RawMessage(`{"brokers":["` + broker.Address + `"],"topic":"orders"}`),
	}, providers.Env{Space: "test", FunctionID: "fn", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 10, Egress: guard})
	t.Cleanup(h.Close)
	write(t, h, call())
	guard.Set(egress.Policy{Deny: egress.Places{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	for range 2 {
		expect(t, fail(t, h, call()), providers.Unreachable, false, "denies 127.0.0.0/8")
	}
	guard.Set(egress.Policy{})
	eventually(t, "it is allowed again", func() bool {
		_, err := h.Invoke(t.Context(), call())
		return err == nil
	})
}
