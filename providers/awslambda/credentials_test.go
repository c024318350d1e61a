package awslambda

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

func TestServerCredentials(t *testing.T) {
	p := startEdge(t, static, func(w http.ResponseWriter, _ *http.Request, body []byte) { answerInvoke(w, "", body) })
	p.AccessKeyID, p.SecretAccessKey, p.SessionToken = "", "", ""
	awstest.SetEnvironment(t, nil)
	f := open(t, p)
	_, err := f.Invoke(t.Context(), event)
	e := failureOf(t, err, providers.Unreachable)
	if !strings.Contains(e.Message, "no AWS credentials: set provider.awsAccessKeyId") {
		t.Errorf("got %q", e.Message)
	}
	// What was missing at one call may be there at the next.
	t.Setenv("AWS_ACCESS_KEY_ID", awstest.Example.KeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", awstest.Example.Key)
	t.Setenv("AWS_SESSION_TOKEN", awstest.Example.Token)
	awsaccount.ForgetServerCredentials()
	if _, err := f.Invoke(t.Context(), event); err != nil {
		t.Error(err)
	}
}

func TestAssumedRole(t *testing.T) {
	sts := awstest.StartSTS(t)
	sts.Trusts[testRole] = awstest.Example
	awstest.SetEnvironment(t, map[string]string{"AWS_ENDPOINT_URL_STS": sts.URL})
	role, asRole := awstest.RoleCredentials(testRole), static
	asRole.AccessKeyID, asRole.SecretAccessKey, asRole.SessionToken = role.KeyID, role.Key, role.Token
	p := static
	p.Endpoint = startEdge(t, asRole, func(w http.ResponseWriter, _ *http.Request, body []byte) { answerInvoke(w, "", body) }).Endpoint
	p.RoleARN = testRole
	for range 3 {
		if _, err := open(t, p).Invoke(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(sts.Requests()); got != 1 {
		t.Errorf("the role was assumed %d times for three functions of equal settings, want once", got)
	}
}
