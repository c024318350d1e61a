package azurefunctions_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	_ "github.com/eventgateway/eventgateway/providers/azurefunctions"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	// Entra ID is a server of its own: that its misbehaviour is none of the function's, the tests of azureaccount show.
	entra := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Connection", "close")
		_, _ = w.Write([]byte(`{"token_type":"Bearer","expires_in":3599,"access_token":"t0ken"}`))
	}))
	defer entra.Close()
	providertest.Run(t, providertest.Config{
		Type: "azurefunctions",
		Fields: func(edge string) string {
			return `{"url":"` + edge + `/api/hello?sig=sig-s3cret&page=2","functionKey":"f-k3y","resource":"api://hello","tenantId":"contoso.com",` +
				`"clientId":"6731de76-14a6-49ae-97bc-6eba6914391e","clientSecret":"cl1ent-s3cret","authority":"` + entra.URL + `"}`
		},
		Secrets: []string{"sig-s3cret", "f-k3y", "cl1ent-s3cret"},
		Caddyfile: func(edge string) string {
			return "azurefunctions " + edge + "/api/hello?sig=sig-s3cret&page=2 {\n\tfunction_key f-k3y\n\tresource api://hello\n" +
				"\ttenant_id contoso.com\n\tclient_id 6731de76-14a6-49ae-97bc-6eba6914391e\n\tclient_secret cl1ent-s3cret\n" +
				"\tauthority " + entra.URL + "\n}\n"
		},
	})
}
