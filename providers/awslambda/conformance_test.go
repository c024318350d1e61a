package awslambda

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	verified := func(w http.ResponseWriter, r *http.Request) bool {
		err := verifyInvoke(r, providertest.Body(r), testARN, testKeyID, testKey, testToken)
		if err != nil {
			t.Error(err)
			refuseInvoke(w, http.StatusForbidden, "InvalidSignatureException", err.Error())
		}
		return err == nil
	}
	providertest.Run(t, providertest.Config{
		Type: "awslambda",
		Fields: func(edge string) string {
			return fmt.Sprintf(`{"arn":%q,"region":%q,"awsAccessKeyId":%q,"awsSecretAccessKey":%q,"awsSessionToken":%q,"endpoint":%q}`,
				testARN, testRegion, testKeyID, testKey, testToken, edge)
		},
		Secrets: []string{testKeyID, testKey, testToken},
		Caddyfile: func(edge string) string {
			return "awslambda {\n\tarn " + testARN + "\n\tregion " + testRegion + "\n\taccess_key_id " + testKeyID +
				"\n\tsecret_access_key " + testKey + "\n\tsession_token " + testToken + "\n\tendpoint " + edge + "\n}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, body []byte) {
			if verified(w, r) {
				answerInvoke(w, "", body)
			}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, detail string) {
			if verified(w, r) {
				answerInvoke(w, "Unhandled", fmt.Appendf(nil, `{"errorMessage":%q,"errorType":"Error","trace":[%q]}`, detail, detail))
			}
		},
	})
	clients.mu.Lock()
	defer clients.mu.Unlock()
	if n := len(clients.open); n != 0 {
		t.Errorf("%d clients are kept for no function", n)
	}
}
