package httpprovider_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	withUser := func(edge string) string {
		return strings.Replace(edge, "http://", "http://gateway:pa55-w0rd@", 1) + "/hello?code=query-s3cret&page=2"
	}
	providertest.Run(t, providertest.Config{
		Type: "http",
		Fields: func(edge string) string {
			return `{"url":"` + withUser(edge) + `","headers":{"X-Api-Key":"api-k3y","X-Tenant":"7"}}`
		},
		Secrets: []string{"pa55-w0rd", "query-s3cret", "api-k3y"},
		Caddyfile: func(edge string) string {
			return "http " + withUser(edge) + " {\n\theader X-Api-Key api-k3y\n\theader X-Tenant 7\n}\n"
		},
	})
}

// TestConformanceCredentials runs the suite once for each way to authorize calls, all of them signed.
func TestConformanceCredentials(t *testing.T) {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"access-t0ken","token_type":"Bearer","expires_in":3600}`)
	}))
	defer issuer.Close()
	const first, second = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	const signing, signed = `"signing":{"secrets":["` + first + `","` + second + `"]}`, "\tsigning " + first + " " + second + "\n"
	for name, test := range map[string]struct {
		json, caddyfile string
		secrets         []string
	}{
		"basic":  {`"basic":{"username":"gateway","password":"pa55-w0rd"}`, "\tbasic gateway pa55-w0rd\n", []string{"pa55-w0rd"}},
		"bearer": {`"bearer":"bearer-t0ken"`, "\tbearer bearer-t0ken\n", []string{"bearer-t0ken"}},
		"oauth2": {
			`"oauth2":{"tokenUrl":"` + issuer.URL + `/token?key=query-s3cret","clientId":"gateway","clientSecret":"cl1ent-s3cret"}`,
			"\toauth2 " + issuer.URL + "/token?key=query-s3cret {\n\t\tclient_id gateway\n\t\tclient_secret cl1ent-s3cret\n\t}\n",
			[]string{"cl1ent-s3cret", "query-s3cret"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.Config{
				Type:      "http",
				Fields:    func(edge string) string { return `{"url":"` + edge + `",` + test.json + `,` + signing + `}` },
				Secrets:   append(test.secrets, first, second),
				Caddyfile: func(edge string) string { return "http " + edge + " {\n" + test.caddyfile + signed + "}\n" },
			})
		})
	}
}
