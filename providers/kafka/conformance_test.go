package kafka

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/certtest"
	"github.com/eventgateway/eventgateway/integration/kafkatest"
	"github.com/eventgateway/eventgateway/integration/processtest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

// certificates are an authority's, and a pair that it issued.
type certificates struct {
	ca, certificate, key string
	certFile, keyFile    string
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	ca := certtest.NewCA(t)
	c := new(certificates)
	c.certFile, c.keyFile = ca.Issue("gateway")
	c.ca, c.certificate, c.key = read(t, ca.File), read(t, c.certFile), read(t, c.keyFile)
	return c
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// secret is a line of the private key, which is how it would show.
func (c *certificates) secret() string { return strings.Split(c.key, "\n")[1] }

// block is a value in a Caddyfile that has several lines.
func block(text string) string { return "`" + text + "`" }

func TestConformance(t *testing.T) {
	certs := newCertificates(t)
	quote := func(text string) string {
		quoted, _ := json.Marshal(text)
		return string(quoted)
	}
	at := func(edge string) string { return strings.TrimPrefix(edge, "http://") }
	providertest.Run(t, providertest.Config{
		Type: "kafka",
		Fields: func(edge string) string {
			return fmt.Sprintf(`{"brokers":[%q],"topic":"orders","key":"data.customer","clientId":"shop",`+
				`"sasl":{"mechanism":"SCRAM-SHA-512","username":"writer","password":"writer-s3cret"},`+
				`"tls":{"enabled":true,"ca":%s,"certificate":%s,"key":%s,"serverName":"127.0.0.1"}}`,
				at(edge), quote(certs.ca), quote(certs.certificate), quote(certs.key))
		},
		Secrets: []string{"writer-s3cret", certs.secret()},
		Caddyfile: func(edge string) string {
			return "kafka orders {\n\tbrokers " + at(edge) + "\n\tkey data.customer\n\tclient_id shop\n" +
				"\tsasl SCRAM-SHA-512 writer writer-s3cret\n\ttls {\n\t\tca " + block(certs.ca) +
				"\n\t\tcertificate " + block(certs.certificate) + "\n\t\tkey " + block(certs.key) + "\n\t\tserver_name 127.0.0.1\n\t}\n}\n"
		},
		Server: func(t *testing.T) string {
			broker := kafkatest.Start(t, "-mechanism", "SCRAM-SHA-512", "-certificate", certs.certFile, "-key", certs.keyFile, "orders")
			return "http://" + broker.Address
		},
		Takes: func(result []byte) error {
			var said struct {
				Topic             string
				Partition, Offset *int64
			}
			if err := json.Unmarshal(result, &said); err != nil || said.Topic != "orders" || said.Partition == nil || said.Offset == nil {
				return fmt.Errorf("got %s, error %v", result, err)
			}
			return nil
		},
	})
	noClients(t)
}
