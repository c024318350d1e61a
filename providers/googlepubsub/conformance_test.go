package googlepubsub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	google := googletest.Start(t)
	orders := &topic{google: google}
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
	providertest.Run(t, providertest.Config{
		Type: "googlepubsub",
		Fields: func(edge string) string {
			return `{"topic":"` + testTopic + `","credentials":` + string(quoted) + `,"endpoint":"` + edge + `"}`
		},
		Secrets: []string{strings.Split(key.PrivateKey, "\n")[3]},
		Caddyfile: func(edge string) string {
			return "googlepubsub {\n\ttopic " + testTopic + "\n\tcredentials `" + google.ServiceAccount() + "`\n\tendpoint " + edge + "\n}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if err := orders.take(w, r, providertest.Body(r)); err != nil {
				t.Error(err)
			}
		},
		Fail: func(w http.ResponseWriter, _ *http.Request, detail string) {
			refuse(w, http.StatusInternalServerError, "INTERNAL", detail)
		},
		Failed: providers.Unreachable,
		Takes: func(result []byte) error {
			var said answer
			if err := json.Unmarshal(result, &said); err != nil || len(said.MessageIDs) != 1 || said.MessageIDs[0] == "" {
				return fmt.Errorf("got %s, want one message id", result)
			}
			return nil
		},
	})
}
