// Package awsaccount is what the providers of AWS services share: the fields that say where and as whom they call, the
// credentials behind them, the connections, and what the errors of AWS mean.
//
// A provider embeds Account among its fields. Its Open takes a Client from Account.Open and makes the SDK's client of its
// service from that with Service; its Close releases it. The SDK's own retries are off: a call that failed may have been
// done, and whether to do it again is decided by the subscription's delivery. Only where a pooled connection turned out to
// be dead before anything was written, the request goes out on another one.
//
// No field names a file or a variable of the server: whoever may write functions is not to read what the server can. A web
// identity (a token file and a role, as Kubernetes gives them to a pod) is part of the server's own credentials, found in its
// environment; a function gets another role than the server's by roleArn.
package awsaccount

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// Account says where AWS is called and as whom. It is embedded in a provider, whose fields its own then are.
type Account struct {
	// Region is the AWS region that is called. Required.
	Region string `json:"region"`
	// AccessKeyID and SecretAccessKey are the credentials, both or neither. Default: the server's own, from its
	// environment, its shared AWS files, its web identity or its role.
	AccessKeyID     string `json:"awsAccessKeyId,omitempty"`
	SecretAccessKey string `json:"awsSecretAccessKey,omitempty"`
	// SessionToken belongs to temporary credentials. Default: none.
	SessionToken string `json:"awsSessionToken,omitempty"`
	// RoleARN is a role to assume with those credentials before calling. Default: none.
	RoleARN string `json:"roleArn,omitempty"`
	// ExternalID is what the role's trust policy asks for from other accounts. Default: none.
	ExternalID string `json:"externalId,omitempty"`
	// Endpoint is an http or https URL to call in place of AWS's own for the region. Default: none.
	Endpoint string `json:"endpoint,omitempty"`
}

var (
	roleARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\x21-\x7e]{1,512}$`)
	region     = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]+){1,3}-\d{1,2}$`)
	accessKey  = regexp.MustCompile(`^\w{1,128}$`)
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
)

// Validate reports the first field that is wrong as an *eventgateway.Error.
func (a *Account) Validate() error {
	switch {
	case a.Region == "":
		return Missing("region", "an AWS region such as us-east-1")
	case !region.MatchString(a.Region):
		return eventgateway.InvalidField("region", a.Region, "an AWS region such as us-east-1")
	case a.RoleARN != "" && !roleARN.MatchString(a.RoleARN):
		return eventgateway.InvalidField("roleArn", a.RoleARN,
			"the ARN of an IAM role, such as arn:aws:iam::123456789012:role/caller")
	case a.ExternalID != "" && a.RoleARN == "":
		return Missing("roleArn", "the role to assume beside externalId")
	case a.ExternalID != "" && (len(a.ExternalID) < 2 || len(a.ExternalID) > 1224 || !externalID.MatchString(a.ExternalID)):
		return eventgateway.InvalidField("externalId", a.ExternalID, "2 to 1224 letters, digits or any of _+=,.@:/-")
	}
	if err := a.validateCredentials(); err != nil {
		return err
	}
	return a.validateEndpoint()
}

// Missing is the error for a required field that is empty.
func Missing(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: missing: want %s", field, accepted)
}

// validateCredentials shows nothing of what it refuses: people swap the key and its id.
func (a *Account) validateCredentials() error {
	switch {
	case a.AccessKeyID == "" && a.SecretAccessKey != "":
		return Missing("awsAccessKeyId", "it beside awsSecretAccessKey, or neither")
	case a.AccessKeyID != "" && a.SecretAccessKey == "":
		return Missing("awsSecretAccessKey", "it beside awsAccessKeyId, or neither")
	case a.SessionToken != "" && a.AccessKeyID == "":
		return Missing("awsAccessKeyId", "it and awsSecretAccessKey beside awsSessionToken")
	case a.AccessKeyID != "" && !accessKey.MatchString(a.AccessKeyID):
		return unfit("awsAccessKeyId", "up to 128 letters, digits or underscores")
	case !printable(a.SecretAccessKey, 1024):
		return unfit("awsSecretAccessKey", "up to 1024 printable ASCII characters")
	case !printable(a.SessionToken, 16<<10):
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

func (a *Account) validateEndpoint() error {
	const accepted = "an http or https URL without user, query or fragment, such as http://localhost:4566"
	if a.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(a.Endpoint)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsAny(a.Endpoint, "?#") && len(a.Endpoint) <= 2048 {
		return nil
	}
	if strings.ContainsAny(a.Endpoint, "@?") { // there may be a credential in it
		return unfit("endpoint", accepted)
	}
	return eventgateway.InvalidField("endpoint", a.Endpoint, accepted)
}

// EachSecret implements providers.Secretive. The access key's id is one too: the contract masks credentials as a whole.
func (a *Account) EachSecret(visit func(name, value string) string) {
	for _, secret := range []struct {
		name  string
		value *string
	}{
		{"awsAccessKeyId", &a.AccessKeyID},
		{"awsSecretAccessKey", &a.SecretAccessKey},
		{"awsSessionToken", &a.SessionToken},
	} {
		if *secret.value != "" {
			*secret.value = visit(secret.name, *secret.value)
		}
	}
}
