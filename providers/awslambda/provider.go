// Package awslambda calls AWS Lambda functions. It is the Caddy module event_gateway.providers.awslambda.
//
// A call is one Invoke of type RequestResponse, without the function's log. The SDK's own retries are off: a call that
// failed may have run, and whether to run it again is decided by the subscription's delivery. Only where a pooled
// connection turned out to be dead before anything was written, the request goes out on another one.
//
// The tests run against an HTTP edge that checks the Signature Version 4 of every request and speaks the Invoke protocol.
// What it cannot show is what only AWS itself decides: whether a policy grants a call, which errors its services choose in
// a given state, how it throttles, and how long it keeps idle connections.
package awslambda

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a function on AWS Lambda.
type Provider struct {
	// ARN names the function, with an optional version or alias at its end:
	// arn:aws:lambda:us-east-1:123456789012:function:hello:live. Required.
	ARN string `json:"arn"`
	// Region is the AWS region that is called. It is the one in the ARN. Required.
	Region string `json:"region"`
	// AccessKeyID and SecretAccessKey are the credentials, both or neither. Default: the server's own, from its
	// environment, its shared AWS files or its role.
	AccessKeyID     string `json:"awsAccessKeyId,omitempty"`
	SecretAccessKey string `json:"awsSecretAccessKey,omitempty"`
	// SessionToken belongs to temporary credentials. Default: none.
	SessionToken string `json:"awsSessionToken,omitempty"`
	// RoleARN is a role to assume with those credentials before calling. Default: none.
	RoleARN string `json:"roleArn,omitempty"`
	// Endpoint is an http or https URL to call in place of AWS's own for the region. Default: none.
	Endpoint string `json:"endpoint,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awslambda", New: func() caddy.Module { return new(Provider) }}
}

var (
	functionARN = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:([a-z0-9-]+):\d{12}:function:([a-zA-Z0-9_-]{1,64})` +
		`(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128}))?$`)
	roleARN   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\x21-\x7e]{1,512}$`)
	region    = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]+){1,3}-\d{1,2}$`)
	accessKey = regexp.MustCompile(`^\w{1,128}$`)
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	parts := functionARN.FindStringSubmatch(p.ARN)
	switch {
	case p.ARN == "":
		return missing("arn", "the ARN of a Lambda function")
	case parts == nil:
		return eventgateway.InvalidField("arn", p.ARN, "the ARN of a Lambda function, such as "+
			"arn:aws:lambda:us-east-1:123456789012:function:hello, with an optional :version or :alias")
	case p.Region == "":
		return missing("region", "an AWS region such as us-east-1")
	case !region.MatchString(p.Region):
		return eventgateway.InvalidField("region", p.Region, "an AWS region such as us-east-1")
	case parts[1] != p.Region:
		return eventgateway.InvalidField("region", p.Region, "the region in provider.arn, "+parts[1])
	case p.RoleARN != "" && !roleARN.MatchString(p.RoleARN):
		return eventgateway.InvalidField("roleArn", p.RoleARN,
			"the ARN of an IAM role, such as arn:aws:iam::123456789012:role/caller")
	}
	if err := p.validateCredentials(); err != nil {
		return err
	}
	return p.validateEndpoint()
}

func missing(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: missing: want %s", field, accepted)
}

// validateCredentials shows nothing of what it refuses: people swap the key and its id.
func (p *Provider) validateCredentials() error {
	switch {
	case p.AccessKeyID == "" && p.SecretAccessKey != "":
		return missing("awsAccessKeyId", "it beside awsSecretAccessKey, or neither")
	case p.AccessKeyID != "" && p.SecretAccessKey == "":
		return missing("awsSecretAccessKey", "it beside awsAccessKeyId, or neither")
	case p.SessionToken != "" && p.AccessKeyID == "":
		return missing("awsAccessKeyId", "it and awsSecretAccessKey beside awsSessionToken")
	case p.AccessKeyID != "" && !accessKey.MatchString(p.AccessKeyID):
		return unfit("awsAccessKeyId", "up to 128 letters, digits or underscores")
	case !printable(p.SecretAccessKey, 1024):
		return unfit("awsSecretAccessKey", "up to 1024 printable ASCII characters")
	case !printable(p.SessionToken, 16<<10):
		return unfit("awsSessionToken", "up to 16 KiB of printable ASCII characters")
	}
	return nil
}

// unfit refuses a value that may be a credential, and so is not shown.
func unfit(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: not accepted: want %s", field, accepted)
}

func printable(s string, most int) bool {
	return len(s) <= most && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func (p *Provider) validateEndpoint() error {
	const accepted = "an http or https URL without user, query or fragment, such as http://localhost:4566"
	if p.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(p.Endpoint)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsAny(p.Endpoint, "?#") && len(p.Endpoint) <= 2048 {
		return nil
	}
	if strings.ContainsAny(p.Endpoint, "@?") { // there may be a credential in it
		return unfit("endpoint", accepted)
	}
	return eventgateway.InvalidField("endpoint", p.Endpoint, accepted)
}

// EachSecret implements providers.Secretive. The access key's id is one too: the contract masks credentials as a whole.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	for _, secret := range []struct {
		name  string
		value *string
	}{
		{"awsAccessKeyId", &p.AccessKeyID},
		{"awsSecretAccessKey", &p.SecretAccessKey},
		{"awsSessionToken", &p.SessionToken},
	} {
		if *secret.value != "" {
			*secret.value = visit(secret.name, *secret.value)
		}
	}
}

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	parts := functionARN.FindStringSubmatch(p.ARN)
	if parts == nil {
		return nil, p.Validate()
	}
	name := parts[2] + parts[3]
	client := clients.acquire(settings{
		region: p.Region, endpoint: p.Endpoint, role: p.RoleARN,
		keyID: p.AccessKeyID, key: p.SecretAccessKey, token: p.SessionToken,
		maxResponse: env.MaxResponse,
	})
	return &invoker{arn: p.ARN, name: name, region: p.Region, client: client}, nil
}
