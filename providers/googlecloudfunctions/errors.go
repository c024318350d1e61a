package googlecloudfunctions

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eventgateway/eventgateway/providers"
)

// explain tells what Google's gate in front of a function means by its status. The function behind it may answer with the same
// ones; the message says so. Both are Unreachable and not permanent: when a person has put right what is missing, the same
// event may be delivered by a later attempt.
func (f *invoker) explain(resp *http.Response, e *providers.Error) {
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		f.tokens.Refused(resp.Request.Header.Get("Authorization"))
		e.Failure, e.Permanent = providers.Unreachable, false
		e.Message = "the function's host does not accept the gateway's ID token (status 401, if not from the function itself): check " +
			"provider.audience; Cloud Run wants the service's own run.app URL or one of its custom audiences"
	case http.StatusForbidden:
		e.Failure, e.Permanent = providers.Unreachable, false
		e.Message = "the function's host does not let the gateway in (status 403, if not from the function itself): grant the gateway's " +
			"service account " + f.roles + ", and check the ingress settings"
	}
}

// roles names the role that calling a function at target takes.
func roles(target *url.URL) string {
	const run, first = "roles/run.invoker on the service", "roles/cloudfunctions.invoker on a function of the first generation"
	if strings.HasSuffix(strings.ToLower(target.Hostname()), ".run.app") {
		return run
	}
	return run + " (" + first + ")"
}

// denied tells whether the server's configuration lets a token of its own identity for audience go to another than that.
func denied(env providers.Env, audience string, target *url.URL) *providers.Error {
	host := strings.ToLower(target.Hostname())
	if target.Scheme == "https" && env.ServerIdentity != nil && env.ServerIdentity(audience, host) {
		return nil
	}
	return providers.Errorf(providers.Unreachable, "the gateway does not show its own identity to %s as to another: leave provider.audience "+
		"out, or set provider.credentials, or have the gateway's configuration allow it for the space, with server_identity, that "+
		"audience and this host", host)
}
