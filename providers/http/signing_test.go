package httpprovider

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

const vectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestSignatureVector holds the example that the libraries of Standard Webhooks are tested with.
func TestSignatureVector(t *testing.T) {
	keys, err := (&Signing{Secrets: []string{vectorSecret}}).keys()
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	sign(keys, header, &providers.Call{
		Payload: []byte(`{"test": 2432232314}`), Event: &eventgateway.Event{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek"},
	}, time.Unix(1614265330, 0))
	for name, want := range map[string]string{
		"webhook-id":        "msg_p5jXN8AQM9LWM0D4loKWxJek",
		"webhook-timestamp": "1614265330",
		"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestSigning(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got = r.Header
	}))
	defer server.Close()
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("another key of twenty-seven"))
	call := &providers.Call{
		Payload: []byte("{}"), ContentType: "application/json", Event: &eventgateway.Event{ID: "e-1"},
		Header: http.Header{"Webhook-Id": {"forged"}, "webhook-signature": {"forged"}},
	}
	signatures := func(secrets ...string) []string {
		t.Helper()
		before := time.Now().Truncate(time.Second)
		f := openIn(t, new(egress.Guard), &Provider{URL: server.URL, Signing: &Signing{Secrets: secrets}})
		if _, err := f.Invoke(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		seconds, err := time.ParseDuration(got.Get("Webhook-Timestamp") + "s")
		if at := time.Unix(0, 0).Add(seconds); err != nil || at.Before(before) || at.After(time.Now()) {
			t.Errorf("signed at %s: %v", got.Get("Webhook-Timestamp"), err)
		}
		if id := got.Values("Webhook-Id"); len(id) != 1 || id[0] != "e-1" {
			t.Errorf("webhook-id is %q", id)
		}
		if n := len(got.Values("Webhook-Signature")); n != 1 {
			t.Fatalf("%d headers of signatures", n)
		}
		// The same again, at the time the call was signed.
		keys, err := (&Signing{Secrets: secrets}).keys()
		if err != nil {
			t.Fatal(err)
		}
		again := http.Header{}
		sign(keys, again, call, time.Unix(0, 0).Add(seconds))
		if again.Get("Webhook-Signature") != got.Get("Webhook-Signature") {
			t.Errorf("got %s, want %s", got, again)
		}
		return strings.Split(got.Get("Webhook-Signature"), " ")
	}
	if one := signatures(vectorSecret); len(one) != 1 {
		t.Errorf("got %q for one secret", one)
	}
	if two := signatures(vectorSecret, other); len(two) != 2 || two[0] == two[1] {
		t.Errorf("got %q for two secrets", two)
	}
}

func TestWebhookID(t *testing.T) {
	for id, same := range map[string]bool{
		"e-1": true, "0f8fad5b-d9cb-469f-a165-70867728950e": true, strings.Repeat("a", 255): true, "a/b:c": true,
		"": false, "a.1614265330.{}": false, "a b": false, "ä": false, "a\n": false, strings.Repeat("a", 256): false,
	} {
		got := webhookID(&eventgateway.Event{ID: id})
		if (got == id) != same || strings.ContainsAny(got, ". \n") || len(got) > 255 || got == "" {
			t.Errorf("%q becomes %q", id, got)
		}
		if again := webhookID(&eventgateway.Event{ID: id}); again != got {
			t.Errorf("%q becomes %q and %q", id, got, again)
		}
	}
}
