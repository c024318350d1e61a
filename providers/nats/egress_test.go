package natsprovider

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// A connection that the server's rules do not allow any more is not used any more.
func TestEgressRulesChange(t *testing.T) {
	s := serve(t, "")
	guard := egress.New(egress.Policy{})
	h := providers.Open(&eventgateway.Function{
		Space: "test", ID: "fn", Type: "nats", Provider: json.RawMessage(`{"urls":["nats://` + address(s) + `"],"subject":"a"}`),
	}, providers.Env{Space: "test", FunctionID: "fn", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 10, Egress: guard})
	t.Cleanup(h.Close)
	send(t, h, call())
	guard.Set(egress.Policy{Deny: egress.Places{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	eventually(t, "the connection is closed", func() bool { return s.NumClients() == 0 })
	eventually(t, "the rule is told", func() bool { return fail(t, h, call()).Failure == providers.Unreachable })
	expect(t, fail(t, h, call()), providers.Unreachable, false, "denies 127.0.0.0/8")
	guard.Set(egress.Policy{})
	send(t, h, call())
}
