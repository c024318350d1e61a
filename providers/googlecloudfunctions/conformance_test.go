package googlecloudfunctions_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	google := googletest.Start(t)
	const audience = "https://hello-abc-uc.a.run.app"
	var key struct {
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal([]byte(google.ServiceAccount()), &key); err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(google.ServiceAccount())
	if err != nil {
		t.Fatal(err)
	}
	verified := func(w http.ResponseWriter, r *http.Request) bool {
		err := google.CheckIdentity(r, audience)
		if err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusUnauthorized)
		}
		return err == nil
	}
	providertest.Run(t, providertest.Config{
		Type: "googlecloudfunctions",
		Fields: func(edge string) string {
			return `{"url":"` + edge + `/hello","audience":"` + audience + `","credentials":` + string(quoted) + `}`
		},
		Secrets: []string{strings.Split(key.PrivateKey, "\n")[3]},
		Caddyfile: func(edge string) string {
			return "googlecloudfunctions " + edge + "/hello {\n\taudience " + audience + "\n\tcredentials `" + google.ServiceAccount() + "`\n}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, body []byte) {
			if verified(w, r) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(body)
			}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, detail string) {
			if verified(w, r) {
				http.Error(w, detail, http.StatusInternalServerError)
			}
		},
	})
}
