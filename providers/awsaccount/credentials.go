package awsaccount

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// patience bounds one look for credentials. The SDK lets it outlive the call that began it, for others that wait too.
const patience = 30 * time.Second

// credentialsError means that a call failed before it was made, for want of credentials.
type credentialsError struct {
	// role is the role that could not be assumed; empty when there were no credentials at all.
	role string
	err  error
}

func (e *credentialsError) Error() string { return "no AWS credentials" }

func (e *credentialsError) Unwrap() error { return e.err }

// newCredentials returns where the credentials of an account come from. It looks for none yet.
func newCredentials(a *Account, transport http.RoundTripper) aws.CredentialsProvider {
	var base aws.CredentialsProvider = &environment
	if a.AccessKeyID != "" {
		base = credentials.NewStaticCredentialsProvider(a.AccessKeyID, a.SecretAccessKey, a.SessionToken)
	}
	if a.RoleARN == "" {
		return base
	}
	return &assumedRole{arn: a.RoleARN, externalID: a.ExternalID, region: a.Region, base: base, transport: transport}
}

// serverCredentials are the server's own, by the SDK's default chain, a web identity among them. They are looked for when
// first needed, since that may read files and ask the network.
type serverCredentials struct {
	mu     sync.Mutex
	loaded *aws.Config
}

var environment serverCredentials

// ForgetServerCredentials makes the next call that needs the server's own credentials look for them again, in its
// environment and files too.
func ForgetServerCredentials() { environment.forget() }

// config returns the server's AWS configuration. A failure to load it is not kept.
func (e *serverCredentials) config(ctx context.Context) (aws.Config, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded == nil {
		loaded, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return aws.Config{}, err
		}
		e.loaded = &loaded
	}
	return e.loaded.Copy(), nil
}

// Retrieve implements aws.CredentialsProvider.
func (e *serverCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cfg, err := e.config(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{err: err}
	}
	found, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{err: err}
	}
	return found, nil
}

// forget makes the next Retrieve look again, in the files too.
func (e *serverCredentials) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.loaded = nil
}

// assumedRole are the credentials that AWS STS gives for a role.
type assumedRole struct {
	arn, externalID, region string
	base                    aws.CredentialsProvider
	transport               http.RoundTripper
}

// Retrieve implements aws.CredentialsProvider.
func (r *assumedRole) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cfg, err := environment.config(ctx) // for the settings of STS, such as its endpoint
	if err != nil {
		return aws.Credentials{}, &credentialsError{role: r.arn, err: err}
	}
	cfg.Region, cfg.Credentials = r.region, r.base
	cfg.HTTPClient = &bounded{limit: 1 << 20, transport: r.transport}
	role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), r.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "event-gateway"
		if r.externalID != "" {
			o.ExternalID = &r.externalID
		}
	})
	found, err := role.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{role: r.arn, err: err}
	}
	return found, nil
}
