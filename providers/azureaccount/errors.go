package azureaccount

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"golang.org/x/oauth2"
)

// noToken makes a failed exchange with a token service a failed call: the function was not called, whatever went wrong.
func noToken(ctx context.Context, host string, err error) *providers.Error {
	var e *providers.Error
	if !errors.As(err, &e) {
		e = providers.NetworkError(ctx, host, err)
	}
	return &providers.Error{Failure: providers.Unreachable, Message: "there is no token to call with: " + e.Message, Err: e.Err}
}

func machineUnreachable(ctx context.Context, host string, err error) *providers.Error {
	e := noToken(ctx, host, err)
	e.Message += ": provider.managedIdentity wants a gateway that runs on Azure and has an identity there"
	return e
}

// machineFailure tells what the identity service of a machine or app means. Its texts are left out.
func (s settings) machineFailure(resp *http.Response) *providers.Error {
	e := &providers.Error{Failure: providers.Unreachable, Status: resp.StatusCode}
	switch {
	case throttles(e, resp):
		e.Message = "Azure throttles the gateway's requests for tokens of its managed identity"
	case resp.StatusCode == http.StatusBadRequest && s.account.ClientID != "":
		e.Message = "Azure gives no token: assign the managed identity of provider.clientId to the machine or app that the gateway runs on, " +
			"and check the resource"
	case resp.StatusCode == http.StatusBadRequest:
		e.Message = "Azure gives no token: give the machine or app that the gateway runs on a system-assigned managed identity, " +
			"or set provider.clientId to that of a user-assigned one, and check the resource"
	case resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized:
		e.Message = "the identity service of the server's machine refuses the gateway: check that no proxy is between them, and IDENTITY_HEADER"
	default:
		e.Message = "the identity service of the server's machine gives no token now: status " + strconv.Itoa(resp.StatusCode)
	}
	return e
}

// entraFailure tells why Entra ID gave no token. Of its answer only the numbers of its errors are shown, which are documented;
// its texts name tenants and quote what was sent.
func (s settings) entraFailure(ctx context.Context, host string, err error) *providers.Error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		return noToken(ctx, host, err)
	}
	e := &providers.Error{Failure: providers.Unreachable, Status: refused.Response.StatusCode}
	if throttles(e, refused.Response) {
		e.Message = "Entra ID throttles the gateway's requests for tokens"
		return e
	}
	var answer struct {
		Codes []int64 `json:"error_codes"`
	}
	_ = json.Unmarshal(refused.Body, &answer) // what cannot be read has no codes
	var code int64
	if len(answer.Codes) > 0 {
		code = answer.Codes[0]
	}
	advice := s.advice(code, refused.ErrorCode)
	switch {
	case advice == "" && e.Status/100 == 2:
		e.Message = host + " answered with no token"
	case advice == "":
		e.Message = "Entra ID gives no token: status " + strconv.Itoa(e.Status)
	default:
		e.Message = "Entra ID gives no token: " + advice
	}
	if code > 0 {
		e.Message += " (AADSTS" + strconv.FormatInt(code, 10) + ")"
	}
	return e
}

// advice says what to do about an error of Entra ID, by its number, else by OAuth's word for it; empty when that is not known.
func (s settings) advice(code int64, word string) string {
	const (
		tenant     = "there is no such directory: check provider.tenantId"
		client     = "the directory has no such application: check provider.clientId and provider.tenantId"
		secret     = "provider.clientSecret is not one of the application's: want the value of a secret, not its ID"
		resource   = "there is no such resource in the directory: check the resource, which is an application ID URI without /.default"
		federation = "no federated credential of the application fits the server's token: check its issuer, subject and audience"
	)
	switch code {
	case 90002, 900023:
		return tenant
	case 700016, 90013, 900144:
		return client
	case 7000215, 7000216, 7000218:
		return secret
	case 7000222:
		return "provider.clientSecret has expired: give the application another, and set that"
	case 500011, 500014, 70011, 1002012:
		return resource
	case 501051:
		return "the resource wants an assignment: assign one of its roles to the application"
	case 70021, 700211, 700212, 700213, 700223:
		return federation
	case 700024:
		return "the server's federated token has expired: check that its file is renewed, and the server's clock"
	case 53003:
		return "a conditional access policy of the directory blocks the application"
	}
	switch {
	case word == "invalid_client" && s.account.WorkloadIdentity:
		return federation
	case word == "invalid_client":
		return "it does not accept provider.clientId with provider.clientSecret"
	case word == "unauthorized_client":
		return client
	case word == "invalid_scope", word == "invalid_resource", word == "invalid_target":
		return resource
	}
	return ""
}

// throttles reports whether a token service asked to come back later, and notes that in e.
func throttles(e *providers.Error, resp *http.Response) bool {
	after := resp.Header.Get("Retry-After")
	if resp.StatusCode != http.StatusTooManyRequests && (resp.StatusCode != http.StatusServiceUnavailable || after == "") {
		return false
	}
	e.Failure, e.RetryAfter = providers.Throttled, providers.RetryAfter(after, time.Now())
	return true
}
