package httpprovider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Signing has calls signed as Standard Webhooks 1.0 says, in the headers webhook-id, webhook-timestamp and webhook-signature.
type Signing struct {
	// Secrets are one or two of the form whsec_ and base64 of 24 to 64 bytes. With two, calls have both signatures, so that the
	// function can go over from one to the other. Required.
	Secrets []string `json:"secrets"`
}

func (s *Signing) validate(p *Provider) error {
	if n := len(s.Secrets); n < 1 || n > 2 {
		return refuse("signing.secrets: %d entries are not accepted: want one, or two while functions go over to the second", n)
	}
	for i, secret := range s.Secrets {
		if _, err := decodeSecret(secret); err != nil {
			return refuse("signing.secrets[%d]: not accepted: want whsec_ and 24 to 64 bytes in base64", i)
		}
	}
	for _, name := range []string{webhookIDHeader, webhookTimestampHeader, webhookSignatureHeader} {
		if p.header(name) != "" {
			return refuse("headers.%s: not accepted beside signing, which sets it", name)
		}
	}
	return nil
}

func (s *Signing) eachSecret(visit func(name, value string) string) {
	for i, secret := range s.Secrets {
		if secret != "" {
			s.Secrets[i] = visit("signing.secrets["+strconv.Itoa(i)+"]", secret)
		}
	}
}

const (
	webhookIDHeader        = "Webhook-Id"
	webhookTimestampHeader = "Webhook-Timestamp"
	webhookSignatureHeader = "Webhook-Signature"
)

// decodeSecret returns the key in a secret.
func decodeSecret(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, refuse("not a secret")
	}
	return key, nil
}

// keys returns the keys in valid secrets.
func (s *Signing) keys() ([][]byte, error) {
	var keys [][]byte
	for _, secret := range s.Secrets {
		key, err := decodeSecret(secret)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// sign adds the headers for a call made now.
func sign(keys [][]byte, header http.Header, call *providers.Call, now time.Time) {
	id, timestamp := webhookID(call.Event), strconv.FormatInt(now.Unix(), 10)
	var signatures strings.Builder
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(call.Payload)
		if i > 0 {
			signatures.WriteByte(' ')
		}
		signatures.WriteString("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	header[webhookIDHeader] = []string{id}
	header[webhookTimestampHeader] = []string{timestamp}
	header[webhookSignatureHeader] = []string{signatures.String()}
}

// webhookID returns the event's ID, or a digest of one that comes from outside and does not fit: what is signed are ID,
// timestamp and payload with dots between them, so an ID with a dot could move the borders.
func webhookID(ev *eventgateway.Event) string {
	fits := ev.ID != "" && len(ev.ID) <= 255
	for i := 0; fits && i < len(ev.ID); i++ {
		fits = ev.ID[i] > ' ' && ev.ID[i] < 0x7f && ev.ID[i] != '.'
	}
	if fits {
		return ev.ID
	}
	digest := sha256.Sum256([]byte(ev.ID))
	return "sha256_" + base64.RawURLEncoding.EncodeToString(digest[:])
}
