package awslambda

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

func TestValidate(t *testing.T) {
	change := func(f func(*Provider)) Provider {
		p := static
		f(&p)
		return p
	}
	for _, p := range []Provider{
		static,
		{ARN: testARN, Account: awsaccount.Account{Region: awstest.Region}},
		{ARN: "arn:aws-cn:lambda:cn-north-1:123456789012:function:a", Account: awsaccount.Account{Region: "cn-north-1"}},
		{ARN: "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:a:1", Account: awsaccount.Account{Region: "us-gov-west-1"}},
		{ARN: "arn:aws-eusc:lambda:eusc-de-east-1:123456789012:function:a", Account: awsaccount.Account{Region: "eusc-de-east-1"}},
		change(func(p *Provider) { p.RoleARN = testRole }),
		change(func(p *Provider) { p.Endpoint = "http://localhost:4566" }),
		change(func(p *Provider) { p.Qualifier = "live" }),
		change(func(p *Provider) { p.Qualifier = "$LATEST" }),
		change(func(p *Provider) { p.InvocationType = "Event" }),
		change(func(p *Provider) { p.InvocationType = "RequestResponse" }),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", p.ARN, err)
		}
	}
	arn := func(s string) Provider { return change(func(p *Provider) { p.ARN = s }) }
	for name, test := range map[string]struct {
		provider Provider
		field    string
	}{
		"nothing":             {Provider{}, "arn"},
		"no arn":              {arn(""), "arn"},
		"function name":       {arn("hello"), "arn"},
		"partial arn":         {arn("123456789012:function:hello"), "arn"},
		"other service":       {arn("arn:aws:sqs:eu-west-1:123456789012:hello"), "arn"},
		"layer":               {arn("arn:aws:lambda:eu-west-1:123456789012:layer:hello:1"), "arn"},
		"short account":       {arn("arn:aws:lambda:eu-west-1:12345:function:hello"), "arn"},
		"no function name":    {arn("arn:aws:lambda:eu-west-1:123456789012:function:"), "arn"},
		"long function name":  {arn(testARN + strings.Repeat("a", 64)), "arn"},
		"two qualifiers":      {arn(testARN + ":a:b"), "arn"},
		"empty qualifier":     {arn(testARN + ":"), "arn"},
		"path in it":          {arn(testARN + "/../x"), "arn"},
		"line break":          {arn(testARN + "\n"), "arn"},
		"no region":           {change(func(p *Provider) { p.Region = "" }), "region"},
		"region no region":    {change(func(p *Provider) { p.Region = "evil.example/" }), "region"},
		"region of other arn": {change(func(p *Provider) { p.Region = "us-east-1" }), "region"},
		"two qualifying":      {change(func(p *Provider) { p.ARN, p.Qualifier = testARN+":7", "7" }), "qualifier"},
		"bad qualifier":       {change(func(p *Provider) { p.Qualifier = "a b" }), "qualifier"},
		"dry run":             {change(func(p *Provider) { p.InvocationType = "DryRun" }), "invocationType"},
		"other case of type":  {change(func(p *Provider) { p.InvocationType = "event" }), "invocationType"},
		"key without id":      {change(func(p *Provider) { p.AccessKeyID = "" }), "awsAccessKeyId"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.provider.Validate()
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.field+":") {
				t.Fatalf("got error %v, want an Invalid one that begins with %q", err, test.field)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("unfit message %q", err)
			}
		})
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":   {"awslambda", "needs arn and region"},
		"no region": {"awslambda " + testARN, "needs arn and region"},
		"two args":  {"awslambda a b", "wrong argument count"},
		"unknown":   {"awslambda {\n\tregion eu-west-1\n\tarnn x\n}", `unknown option "arnn" of provider awslambda`},
		"line":      {"awslambda {\n\tregion eu-west-1\n\tarnn x\n}", "Testfile:3"},
		"twice":     {"awslambda x {\n\tarn y\n}", "arn is given twice, at Testfile:2"},
		"no value":  {"awslambda {\n\tarn\n}", "wrong argument count"},
		"too many":  {"awslambda {\n\trole_arn a b\n}", "wrong argument count"},
	} {
		t.Run(name, func(t *testing.T) {
			err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q in it", err, test.want)
			}
		})
	}
}
