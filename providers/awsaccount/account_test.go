package awsaccount

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

const role = "arn:aws:iam::123456789012:role/caller"

func TestValidate(t *testing.T) {
	change := func(f func(*Account)) Account {
		a := keys
		f(&a)
		return a
	}
	for name, a := range map[string]Account{
		"keys":        keys,
		"server's":    {Region: "us-gov-west-1"},
		"sovereign":   {Region: "eusc-de-east-1"},
		"role":        change(func(a *Account) { a.RoleARN = role }),
		"external id": change(func(a *Account) { a.RoleARN, a.ExternalID = role, "partner:7/x" }),
		"endpoint":    change(func(a *Account) { a.Endpoint = "http://localhost:4566" }),
	} {
		if err := a.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	endpoint := func(s string) Account { return change(func(a *Account) { a.Endpoint = s }) }
	for name, test := range map[string]struct {
		account Account
		field   string
	}{
		"no region":              {change(func(a *Account) { a.Region = "" }), "region"},
		"region no region":       {change(func(a *Account) { a.Region = "evil.example/" }), "region"},
		"region with a line":     {change(func(a *Account) { a.Region = "eu-west-1\n" }), "region"},
		"key without id":         {change(func(a *Account) { a.AccessKeyID = "" }), "awsAccessKeyId"},
		"id without key":         {change(func(a *Account) { a.SecretAccessKey = "" }), "awsSecretAccessKey"},
		"only a token":           {Account{Region: "eu-west-1", SessionToken: "secret"}, "awsAccessKeyId"},
		"bad id":                 {change(func(a *Account) { a.AccessKeyID = "secret/key" }), "awsAccessKeyId"},
		"bad key":                {change(func(a *Account) { a.SecretAccessKey = "secret key" }), "awsSecretAccessKey"},
		"bad token":              {change(func(a *Account) { a.SessionToken = "secret\r\n" }), "awsSessionToken"},
		"role no role":           {change(func(a *Account) { a.RoleARN = "caller" }), "roleArn"},
		"role is a user":         {change(func(a *Account) { a.RoleARN = "arn:aws:iam::123456789012:user/a" }), "roleArn"},
		"external id, no role":   {change(func(a *Account) { a.ExternalID = "partner" }), "roleArn"},
		"external id, short":     {change(func(a *Account) { a.RoleARN, a.ExternalID = role, "x" }), "externalId"},
		"external id, long":      {change(func(a *Account) { a.RoleARN, a.ExternalID = role, strings.Repeat("x", 1225) }), "externalId"},
		"external id, not taken": {change(func(a *Account) { a.RoleARN, a.ExternalID = role, "a b" }), "externalId"},
		"endpoint no URL":        {endpoint("localhost:4566"), "endpoint"},
		"endpoint scheme":        {endpoint("ftp://a"), "endpoint"},
		"endpoint user":          {endpoint("http://u:secret@a"), "endpoint"},
		"endpoint query":         {endpoint("http://a?x=secret"), "endpoint"},
		"endpoint no host":       {endpoint("http://"), "endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.account.Validate()
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.field+":") {
				t.Fatalf("got error %v, want an Invalid one that begins with %q", err, test.field)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("unfit message %q", err)
			}
		})
	}
}
