package natsprovider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	certs := newCertificates(t)
	at := func(edge string) string { return strings.Replace(edge, "http://", "tls://", 1) }
	block := func(text string) string { return "`" + text + "`" }
	providertest.Run(t, providertest.Config{
		Type: "nats",
		Fields: func(edge string) string {
			return fmt.Sprintf(`{"urls":[%q],"subject":"orders.new","jetStream":true,"user":"gateway","password":"password-s3cret",`+
				`"tls":{"enabled":true,"ca":%s,"certificate":%s,"key":%s,"serverName":"127.0.0.1"}}`,
				at(edge), quote(certs.ca), quote(certs.certificate), quote(certs.key))
		},
		Secrets: []string{"password-s3cret", certs.secret()},
		Caddyfile: func(edge string) string {
			return "nats orders.new {\n\turls " + at(edge) + "\n\tjetstream\n\tuser gateway\n\tpassword password-s3cret\n\ttls {\n\t\tca " +
				block(certs.ca) + "\n\t\tcertificate " + block(certs.certificate) + "\n\t\tkey " + block(certs.key) +
				"\n\t\tserver_name 127.0.0.1\n\t}\n}\n"
		},
		Server: func(t *testing.T) string {
			s := serve(t, fmt.Sprintf(`jetstream {}
				authorization { user: gateway, password: "password-s3cret" }
				tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }`, certs.certFile, certs.keyFile, certs.caFile))
			c := connect(t, s, certs.login()...)
			addStream(t, c, "ORDERS", "orders.>")
			return "http://" + address(s)
		},
		Takes: func(result []byte) error {
			if !strings.HasPrefix(string(result), `{"stream":"ORDERS","seq":`) {
				return fmt.Errorf("got %s", result)
			}
			return nil
		},
	})
	noClients(t)
}
