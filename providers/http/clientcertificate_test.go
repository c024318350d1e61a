package httpprovider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, _, key := a.issue(template)
	a.pem, a.key = certificate, key
	block, _ := pem.Decode([]byte(certificate))
	var err error
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue returns a certificate and its key in PEM form; an authority without a certificate signs its own.
func (a *authority) issue(template *x509.Certificate) (certificate, keyPEM string, key *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})), key
}

func (a *authority) client(name string) *ClientCertificate {
	certificate, key, _ := a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return &ClientCertificate{Certificate: certificate, Key: key, CA: a.pem}
}

// start starts a server that demands a certificate of the authority and answers with its name. latest is the latest version of
// TLS that it speaks.
func (a *authority) start(latest uint16) *httptest.Server {
	certificate, key, _ := a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "function"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		a.t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(a.cert)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName+" "+r.RemoteAddr)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: latest}
	server.StartTLS()
	a.t.Cleanup(server.Close)
	return server
}

func TestClientCertificate(t *testing.T) {
	a := newAuthority(t)
	server, guard := a.start(tls.VersionTLS13), new(egress.Guard)
	mine := a.client("gateway")
	first := answerOf(t, openIn(t, guard, &Provider{URL: server.URL, ClientCertificate: mine}))
	if !strings.HasPrefix(first, "gateway ") {
		t.Errorf("the function was called by %s", first)
	}
	same := *mine
	if got := answerOf(t, openIn(t, guard, &Provider{URL: server.URL + "/other", ClientCertificate: &same})); got != first {
		t.Errorf("called by %s over another connection than %s", got, first)
	}
	if got := answerOf(t, openIn(t, guard, &Provider{URL: server.URL, ClientCertificate: a.client("second")})); !strings.HasPrefix(got, "second ") {
		t.Errorf("with another certificate, the function was called by %s", got)
	}

	stranger := newAuthority(t).client("stranger")
	// In TLS 1.3 a client may have sent its request before it hears that its certificate is refused, and see no more than a
	// connection that is reset.
	strict := a.start(tls.VersionTLS12)
	for name, test := range map[string]struct {
		certificate *ClientCertificate
		want        string
	}{
		"none":                       {&ClientCertificate{CA: a.pem}, "TLS: "},
		"of another authority":       {&ClientCertificate{Certificate: stranger.Certificate, Key: stranger.Key, CA: a.pem}, "TLS: "},
		"function of unknown origin": {&ClientCertificate{Certificate: mine.Certificate, Key: mine.Key}, "signed by an unknown authority"},
		"other authority":            {&ClientCertificate{CA: newAuthority(t).pem}, "signed by an unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openIn(t, guard, &Provider{URL: strict.URL, ClientCertificate: test.certificate}).Invoke(t.Context(), event)
			if e := failureOf(t, err, providers.Unreachable); !strings.Contains(e.Message, test.want) {
				t.Errorf("got %q, want %q in it", e.Message, test.want)
			}
		})
	}
}

// TestClientCertificateReleased holds that connections with a certificate end with the last function that has it.
func TestClientCertificateReleased(t *testing.T) {
	a := newAuthority(t)
	server, guard := a.start(tls.VersionTLS13), new(egress.Guard)
	mine := a.client("gateway")
	connection := func(t *testing.T) string {
		t.Helper()
		return answerOf(t, openIn(t, guard, &Provider{URL: server.URL, ClientCertificate: mine}))
	}
	before, during := "", ""
	t.Run("held", func(t *testing.T) {
		openIn(t, guard, &Provider{URL: server.URL, ClientCertificate: mine})
		t.Run("by two", func(t *testing.T) { before = connection(t) })
		during = connection(t)
	})
	if during != before {
		t.Errorf("%s and %s were used although one held them", before, during)
	}
	if after := connection(t); after == before {
		t.Errorf("%s is used although nobody held it in between", after)
	}
}

func TestClientCertificateRefused(t *testing.T) {
	a := newAuthority(t)
	mine, other := a.client("gateway"), a.client("other")
	const s3cret = "-----BEGIN s3cret"
	for name, test := range map[string]struct {
		url         string
		certificate ClientCertificate
		want        string
	}{
		"http":         {"http://a", *mine, "clientCertificate: not accepted beside an http URL"},
		"empty":        {"https://a", ClientCertificate{}, "clientCertificate.certificate: missing"},
		"no key":       {"https://a", ClientCertificate{Certificate: mine.Certificate}, "clientCertificate.key: missing"},
		"only the key": {"https://a", ClientCertificate{Key: mine.Key}, "clientCertificate.certificate: missing"},
		"other key":    {"https://a", ClientCertificate{Certificate: mine.Certificate, Key: other.Key}, "clientCertificate.certificate: not accepted"},
		"swapped":      {"https://a", ClientCertificate{Certificate: mine.Key, Key: mine.Certificate}, "clientCertificate.certificate: not accepted"},
		"no PEM":       {"https://a", ClientCertificate{Certificate: s3cret, Key: s3cret}, "clientCertificate.certificate: not accepted"},
		"no authority": {"https://a", ClientCertificate{CA: s3cret}, "clientCertificate.ca: not accepted"},
		"too long":     {"https://a", ClientCertificate{CA: strings.Repeat("a", 300<<10)}, "clientCertificate: not accepted: want at most 256 KiB"},
	} {
		err := (&Provider{URL: test.url, ClientCertificate: &test.certificate}).Validate()
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: got error %v, want %q", name, err, test.want)
		}
	}
	p := &Provider{URL: "https://a", ClientCertificate: mine}
	names := ""
	p.EachSecret(func(name, _ string) string {
		names += name
		return "***"
	})
	if names != "clientCertificate.key" || mine.Key != "***" || !bytes.Contains([]byte(mine.Certificate), []byte("BEGIN")) {
		t.Errorf("the secrets are %q", names)
	}
}
