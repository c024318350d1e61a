package azurefunctions

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers/azureaccount"
)

func TestValidate(t *testing.T) {
	managed := azureaccount.Account{ManagedIdentity: true}
	for name, test := range map[string]struct {
		provider Provider
		want     string
	}{
		"anonymous":         {Provider{URL: "http://localhost:7071/api/hello"}, ""},
		"managed identity":  {Provider{URL: "https://a.azurewebsites.net/api/hello", Resource: "api://a", Account: managed}, ""},
		"no url":            {Provider{}, "url: missing"},
		"not http":          {Provider{URL: "ftp://a"}, `url: "ftp://a" is not accepted`},
		"user":              {Provider{URL: "https://u:s3cret@a/"}, "url: not accepted: want a URL without a user"},
		"key in the url":    {Provider{URL: "https://a/?code=s3cret"}, "url: not accepted: want a URL without ?code=: the key belongs in functionKey"},
		"key with a line":   {Provider{URL: "https://a/", FunctionKey: "s3cret\r\n"}, "functionKey: not accepted"},
		"no resource":       {Provider{URL: "https://a/", Account: managed}, "resource: missing"},
		"resource alone":    {Provider{URL: "https://a/", Resource: "api://a"}, "resource: not accepted: want it beside"},
		"scope":             {Provider{URL: "https://a/", Resource: "api://a/.default", Account: managed}, `resource: "api://a/.default" is not accepted`},
		"identity over tcp": {Provider{URL: "http://a/", Resource: "api://a", Account: managed}, `url: "http://a" is not accepted: want https with managedIdentity`},
		"half an identity":  {Provider{URL: "https://a/", Account: azureaccount.Account{TenantID: "t"}}, "clientSecret: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.provider.Validate()
			switch {
			case test.want == "":
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			case eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) ||
				strings.Contains(err.Error(), "s3cret"):
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}
