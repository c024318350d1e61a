// Package azureaccount is the identity that providers call Azure with: an application with a secret, the managed identity of the
// machine or app that the gateway runs on, or a workload identity. It gets tokens from Microsoft Entra ID, keeps them, and
// renews them before they expire.
package azureaccount

import (
	"net/url"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// DefaultAuthority is where tokens of an application come from.
const DefaultAuthority = "https://login.microsoftonline.com"

// Account is an identity, or none: then no token is sent. It is embedded in the fields of a provider.
type Account struct {
	// TenantID is the directory the application is in: its ID or one of its domains. With WorkloadIdentity the default is
	// AZURE_TENANT_ID of the server's environment; else required beside ClientSecret.
	TenantID string `json:"tenantId,omitempty"`
	// ClientID is the application's ID, required beside ClientSecret. With ManagedIdentity it is the ID of a user-assigned
	// identity (default: the system-assigned one), with WorkloadIdentity the default is AZURE_CLIENT_ID of the environment.
	ClientID string `json:"clientId,omitempty"`
	// ClientSecret is the value of one of the application's secrets.
	ClientSecret string `json:"clientSecret,omitempty"`
	// ManagedIdentity uses the identity that Azure gives the machine or app the gateway runs on. Default: false.
	ManagedIdentity bool `json:"managedIdentity,omitempty"`
	// WorkloadIdentity uses the token that Kubernetes puts into the file AZURE_FEDERATED_TOKEN_FILE names. Default: false.
	WorkloadIdentity bool `json:"workloadIdentity,omitempty"`
	// Authority is the http or https URL that gives tokens for ClientSecret. Default: DefaultAuthority. A workload identity has
	// it from AZURE_AUTHORITY_HOST of the environment alone: the server's own credential is not to go where a function says.
	Authority string `json:"authority,omitempty"`
}

// IsSet reports whether there is an identity.
func (a *Account) IsSet() bool { return a.ClientSecret != "" || a.IsServers() }

// IsServers reports whether the identity is the server's own, and not one that the function brings.
func (a *Account) IsServers() bool { return a.ManagedIdentity || a.WorkloadIdentity }

// Validate reports the first field that is wrong as an *eventgateway.Error.
func (a *Account) Validate() error {
	if err := a.validateChoice(); err != nil {
		return err
	}
	switch {
	case !isName(a.TenantID):
		return eventgateway.InvalidField("tenantId", a.TenantID,
			"the ID of a directory, such as 72f988bf-86f1-41af-91ab-2d7cd011db47, or one of its domains")
	case !isName(a.ClientID):
		return eventgateway.InvalidField("clientId", a.ClientID,
			"the ID of an application, such as 6731de76-14a6-49ae-97bc-6eba6914391e")
	case !isPrintable(a.ClientSecret, 1024):
		return unfit("clientSecret", "up to 1024 printable ASCII characters")
	}
	return a.validateAuthority()
}

// validateChoice checks that the fields make one identity, or none.
func (a *Account) validateChoice() error {
	const others = "managedIdentity or workloadIdentity, or none of them"
	switch {
	case a.ManagedIdentity && a.WorkloadIdentity:
		return unfit("workloadIdentity", "it or managedIdentity, not both")
	case a.IsServers() && a.ClientSecret != "":
		return unfit("clientSecret", "it or "+others)
	case a.IsServers() && a.Authority != "":
		return unfit("authority", "it beside clientSecret only: the server's own identity goes to no other host")
	case a.ManagedIdentity && a.TenantID != "":
		return unfit("tenantId", "it beside clientSecret or workloadIdentity: a managed identity is in one directory")
	case a.IsServers():
		return nil
	case a.ClientSecret != "" && a.TenantID == "":
		return missing("tenantId", "it and clientId beside clientSecret")
	case a.ClientSecret != "" && a.ClientID == "":
		return missing("clientId", "it and tenantId beside clientSecret")
	case a.ClientSecret == "" && a.TenantID+a.ClientID+a.Authority != "":
		return missing("clientSecret", "it beside tenantId and clientId, or "+others)
	}
	return nil
}

func (a *Account) validateAuthority() error {
	const accepted = "an http or https URL of a host alone, such as " + DefaultAuthority
	if a.Authority == "" {
		return nil
	}
	u, err := url.Parse(a.Authority)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && !strings.ContainsAny(a.Authority, "?#") && len(a.Authority) <= 2048 {
		return nil
	}
	if strings.ContainsAny(a.Authority, "@?") { // there may be a credential in it
		return unfit("authority", accepted)
	}
	return eventgateway.InvalidField("authority", a.Authority, accepted)
}

// EachSecret calls visit with the credential, as providers.Secretive does.
func (a *Account) EachSecret(visit func(name, value string) string) {
	if a.ClientSecret != "" {
		a.ClientSecret = visit("clientSecret", a.ClientSecret)
	}
}

// ValidateResource checks the field that says what tokens are for.
func ValidateResource(field, resource string) error {
	const accepted = "the application ID URI of what is called, such as api://6731de76-14a6-49ae-97bc-6eba6914391e, without /.default"
	if !isPrintable(resource, 1024) || strings.HasSuffix(resource, "/.default") {
		return eventgateway.InvalidField(field, resource, accepted)
	}
	return nil
}

// isName reports whether s can be an ID or a domain, and so stand in a path; empty is one.
func isName(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
	return len(s) <= 253 && strings.Trim(s, allowed) == "" && s != "." && s != ".."
}

func isPrintable(s string, most int) bool {
	return len(s) <= most && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func missing(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: missing: want %s", field, accepted)
}

// unfit refuses a value that is not shown, because it may be a credential or says nothing.
func unfit(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: not accepted: want %s", field, accepted)
}
