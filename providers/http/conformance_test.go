package httpprovider_test

import (
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
