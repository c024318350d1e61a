package awslambda

import (
	"context"
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

// newCredentials returns where the credentials of a function come from. It looks for none yet.
func newCredentials(s settings) aws.CredentialsProvider {
	var base aws.CredentialsProvider = &environment
	if s.keyID != "" {
		base = credentials.NewStaticCredentialsProvider(s.keyID, s.key, s.token)
	}
	if s.role == "" {
		return base
	}
	return &assumedRole{arn: s.role, region: s.region, base: base}
}

// serverCredentials are the server's own, by the SDK's default chain. They are looked for when first needed, since that
// may read files and ask the network.
type serverCredentials struct {
	mu     sync.Mutex
	loaded *aws.Config
}

var environment serverCredentials

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
	arn, region string
	base        aws.CredentialsProvider
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
	cfg.HTTPClient = &bounded{limit: 1 << 20, transport: shared}
	role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), r.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "event-gateway"
	})
	found, err := role.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{role: r.arn, err: err}
	}
	return found, nil
}
