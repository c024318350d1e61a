package azureeventgrid_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	_ "github.com/eventgateway/eventgateway/providers/azureeventgrid"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type: "azureeventgrid",
		Fields: func(edge string) string {
			return `{"endpoint":"` + edge + `/api/events?sig=sig-s3cret","accessKey":"gr1d-k3y"}`
		},
		Secrets: []string{"gr1d-k3y", "sig-s3cret"},
		Caddyfile: func(edge string) string {
			return "azureeventgrid " + edge + "/api/events?sig=sig-s3cret {\n\taccess_key gr1d-k3y\n}\n"
		},
	})
}

func TestConformanceWithIdentity(t *testing.T) {
	entra := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Connection", "close")
		_, _ = w.Write([]byte(`{"token_type":"Bearer","expires_in":3599,"access_token":"t0ken"}`))
	}))
	defer entra.Close()
	providertest.Run(t, providertest.Config{
		Type: "azureeventgrid",
		Fields: func(edge string) string {
			return `{"endpoint":"` + edge + `/api/events","tenantId":"contoso.com","clientId":"app","clientSecret":"cl1ent-s3cret",` +
				`"authority":"` + entra.URL + `"}`
		},
		Secrets: []string{"cl1ent-s3cret"},
		Caddyfile: func(edge string) string {
			return "azureeventgrid {\n\tendpoint " + edge + "/api/events\n\ttenant_id contoso.com\n\tclient_id app\n" +
				"\tclient_secret cl1ent-s3cret\n\tauthority " + entra.URL + "\n}\n"
		},
	})
}
