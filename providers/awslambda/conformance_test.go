package awslambda

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	verified := func(w http.ResponseWriter, r *http.Request) bool {
		if err := checkInvoke(r, &Provider{ARN: testARN, Qualifier: "live"}); err != nil {
			t.Error(err)
		}
		return awstest.Verified(t, w, r, providertest.Body(r), "lambda", awstest.Example)
	}
	providertest.Run(t, providertest.Config{
		Type: "awslambda",
		Fields: func(edge string) string {
			return `{"arn":"` + testARN + `","qualifier":"live","invocationType":"RequestResponse"` + awstest.Fields(edge) + `}`
		},
		Secrets: awstest.Secrets(),
		Caddyfile: func(edge string) string {
			return "awslambda " + testARN + " {\n\tqualifier live\n\tinvocation_type RequestResponse\n" + awstest.CaddyfileOptions(edge) + "}\n"
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
}
