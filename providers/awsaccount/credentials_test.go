package awsaccount_test

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
	"github.com/eventgateway/eventgateway/providers/egress"
)

const (
	serverRole = "arn:aws:iam::123456789012:role/server"
	callerRole = "arn:aws:iam::123456789012:role/caller"
)

// whoami is a service that any provider could be for.
var whoami = awsaccount.Service{
	Name: "AWS STS", Permission: "sts:GetCallerIdentity", Resource: "identity", Field: "region", Action: "tell who calls",
}

// call makes one call of the account.
func call(t *testing.T, a awsaccount.Account, guard *egress.Guard) error {
	t.Helper()
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	c := a.Open(providers.Env{MaxResponse: 1 << 20, Egress: guard})
	defer c.Release()
	client := awsaccount.ServiceClient(c, func(cfg aws.Config) *sts.Client { return sts.NewFromConfig(cfg) })
	if _, err := client.GetCallerIdentity(t.Context(), new(sts.GetCallerIdentityInput)); err != nil {
		return c.Failure(t.Context(), &whoami, err)
	}
	return nil
}

// startService starts whoami for callers with these credentials.
func startService(t *testing.T, c awstest.Credentials) (endpoint string) {
	return awstest.StartEdge(t, "sts", c, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		if !strings.Contains(string(body), "GetCallerIdentity") {
			t.Errorf("got %s", body)
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
			<Arn>arn:aws:iam::123456789012:user/a</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`))
	})
}

// webIdentity gives the server a token file and a role, as Kubernetes does.
func webIdentity(t *testing.T, sts *awstest.STS, token string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	awstest.SetEnvironment(t, map[string]string{
		"AWS_ENDPOINT_URL_STS": sts.URL, "AWS_REGION": awstest.Region,
		"AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": serverRole, "AWS_ROLE_SESSION_NAME": "event-gateway",
	})
}

func TestWebIdentity(t *testing.T) {
	stub := awstest.StartSTS(t)
	stub.Identities[serverRole] = "header.claims.signature"
	webIdentity(t, stub, "header.claims.signature")
	endpoint := startService(t, awstest.RoleCredentials(serverRole))
	for range 2 {
		if err := call(t, awsaccount.Account{Region: awstest.Region, Endpoint: endpoint}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := stub.Requests(), []string{"AssumeRoleWithWebIdentity " + serverRole}; !slices.Equal(got, want) {
		t.Errorf("got %q, want the identity shown once for both functions: %q", got, want)
	}
}

// The server's web identity gets its own role, and with that the function's.
func TestRoleBehindWebIdentity(t *testing.T) {
	stub := awstest.StartSTS(t)
	stub.Identities[serverRole] = "header.claims.signature"
	stub.Trusts[callerRole] = awstest.RoleCredentials(serverRole)
	stub.ExternalID = "partner-7"
	webIdentity(t, stub, "header.claims.signature")
	endpoint := startService(t, awstest.RoleCredentials(callerRole))
	a := awsaccount.Account{Region: awstest.Region, Endpoint: endpoint, RoleARN: callerRole, ExternalID: "partner-7"}
	if err := call(t, a, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"AssumeRoleWithWebIdentity " + serverRole, "AssumeRole " + callerRole}
	if got := stub.Requests(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRefusedRoles(t *testing.T) {
	for name, test := range map[string]struct {
		code    string
		role    string
		failure providers.Failure
		message string
	}{
		"own role":     {"AccessDenied", callerRole, providers.Unreachable, "sts:AssumeRole"},
		"throttled":    {"Throttling", callerRole, providers.Throttled, "AWS throttles the gateway's requests for credentials"},
		"web identity": {"InvalidIdentityToken", "", providers.Unreachable, "the server's own identity"},
	} {
		t.Run(name, func(t *testing.T) {
			stub := awstest.StartSTS(t)
			stub.Refusal = test.code
			stub.Identities[serverRole] = "private-token"
			stub.Trusts[callerRole] = awstest.Example
			webIdentity(t, stub, "private-token")
			a := awsaccount.Account{Region: awstest.Region}
			if test.role != "" {
				a = awstest.Account("")
				a.RoleARN = test.role
			}
			err := call(t, a, nil)
			if providers.FailureOf(err) != test.failure || !strings.Contains(err.Error(), test.message) || strings.Contains(err.Error(), "private") {
				t.Errorf("got %v, want failure %s with %q", err, test.failure, test.message)
			}
		})
	}
}

// Credentials that AWS calls expired are looked for again.
func TestExpiredServerCredentials(t *testing.T) {
	old := awstest.Credentials{KeyID: "AKIDOLD", Key: "old"}
	refusing := awstest.StartEdge(t, "sts", old, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>ExpiredToken</Code><Message>private</Message></Error></ErrorResponse>`))
	})
	accepting := startService(t, awstest.Credentials{KeyID: awstest.Example.KeyID, Key: awstest.Example.Key})
	awstest.SetEnvironment(t, map[string]string{"AWS_ACCESS_KEY_ID": old.KeyID, "AWS_SECRET_ACCESS_KEY": old.Key})
	err := call(t, awsaccount.Account{Region: awstest.Region, Endpoint: refusing}, nil)
	if providers.FailureOf(err) != providers.Unreachable || !strings.Contains(err.Error(), "expired") {
		t.Fatalf("got %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", awstest.Example.KeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", awstest.Example.Key)
	if err := call(t, awsaccount.Account{Region: awstest.Region, Endpoint: accepting}, nil); err != nil {
		t.Error(err)
	}
}

// The egress rules hold for the service and for the STS that a function's role is asked from, not for the server's identity.
func TestEgress(t *testing.T) {
	stub := awstest.StartSTS(t)
	stub.Identities[serverRole] = "token"
	stub.Trusts[callerRole] = awstest.Example
	webIdentity(t, stub, "token")
	loopback := egress.Places{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	guard := egress.New(egress.Policy{Deny: loopback})
	withRole := awstest.Account("")
	withRole.RoleARN = callerRole
	for name, test := range map[string]struct {
		account awsaccount.Account
		message string
	}{
		"service": {awstest.Account("http://127.0.0.1:1"), "cannot reach AWS STS in eu-west-1: the gateway's egress"},
		"role":    {withRole, "cannot reach AWS STS in eu-west-1: the gateway's egress"},
		"service, own identity": {
			awsaccount.Account{Region: awstest.Region, Endpoint: "http://127.0.0.1:1"}, "cannot reach AWS STS in eu-west-1: the gateway's egress",
		},
	} {
		err := call(t, test.account, guard)
		if providers.FailureOf(err) != providers.Unreachable || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: got %v, want %q", name, err, test.message)
		}
	}
	if got, want := stub.Requests(), []string{"AssumeRoleWithWebIdentity " + serverRole}; !slices.Equal(got, want) {
		t.Errorf("got %q at STS, want %q", got, want)
	}
}

// A caller that gives up while credentials are looked for is told so.
func TestCanceledWhileLookingForCredentials(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	hanging := awstest.StartEdge(t, "sts", awstest.Example, func(_ http.ResponseWriter, r *http.Request, _ []byte) {
		close(asked)
		select {
		case <-r.Context().Done():
		case <-t.Context().Done():
		}
	})
	awstest.SetEnvironment(t, map[string]string{"AWS_ENDPOINT_URL_STS": hanging})
	guard := egress.New(egress.Policy{})
	a := awstest.Account("http://127.0.0.1:1")
	a.RoleARN = callerRole
	c := a.Open(providers.Env{MaxResponse: 1000, Egress: guard})
	defer c.Release()
	go func() {
		<-asked
		cancel()
	}()
	_, err := sts.NewFromConfig(c.Config()).GetCallerIdentity(ctx, new(sts.GetCallerIdentityInput))
	if e := c.Failure(ctx, &whoami, err); e.Failure != providers.Canceled {
		t.Errorf("got %s: %v", e.Failure, e)
	}
}
