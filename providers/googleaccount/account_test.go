package googleaccount_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers/googleaccount"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

// with returns credentials with one field changed; path is such as credential_source.url, a nil value removes it.
func with(t *testing.T, credentials, path string, value any) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(credentials), &fields); err != nil {
		t.Fatal(err)
	}
	at := fields
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		at = at[name].(map[string]any)
	}
	if at[names[len(names)-1]] = value; value == nil {
		delete(at, names[len(names)-1])
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestValidate(t *testing.T) {
	google := googletest.Start(t)
	account, federation := google.ServiceAccount(), google.Federation(true)
	const secret = "s3cret-in-it"
	refused := map[string]struct{ credentials, want string }{
		"no JSON":           {secret, "credentials: not accepted: want the JSON text"},
		"a list":            {`["` + secret + `"]`, "credentials: not accepted"},
		"no type":           {`{"private_key":"` + secret + `"}`, `credentials: there is no "type" in it`},
		"too large":         {`{"type":"service_account","x":"` + strings.Repeat("x", 64<<10) + `"}`, "at most 64 KiB"},
		"a user":            {`{"type":"authorized_user","refresh_token":"` + secret + `"}`, "credentials: its type is not accepted"},
		"impersonated":      {`{"type":"impersonated_service_account","source_credentials":{}}`, "credentials: its type is not accepted"},
		"wrong type":        {with(t, account, "private_key", 1), "credentials: a field has the wrong type"},
		"no email":          {with(t, account, "client_email", nil), "credentials: client_email: missing"},
		"no key":            {with(t, account, "private_key", secret), "credentials: private_key: not accepted"},
		"plain token_uri":   {with(t, account, "token_uri", "http://token.example/"+secret), "credentials: token_uri: not accepted"},
		"user in token_uri": {with(t, account, "token_uri", "https://a:"+secret+"@b"), "credentials: token_uri: not accepted"},
		"other universe":    {with(t, account, "universe_domain", secret+".example"), "credentials: universe_domain: not accepted"},
		"file": {
			with(t, federation, "credential_source", map[string]any{"file": "/etc/" + secret}),
			"credentials: credential_source.file: not accepted in a function: it would read the server's files",
		},
		"file beside url":  {with(t, federation, "credential_source.file", "/etc/"+secret), "credentials: credential_source.file: not accepted"},
		"file, other case": {with(t, federation, "credential_source.FILE", "/etc/"+secret), "credentials: credential_source.file: not accepted"},
		"executable": {
			with(t, federation, "credential_source", map[string]any{"executable": map[string]any{"command": "/bin/" + secret}}),
			"credentials: credential_source.executable: not accepted in a function: it would run a program",
		},
		"certificate": {
			with(t, federation, "credential_source", map[string]any{"certificate": map[string]any{"use_default_certificate_config": true}}),
			"credentials: credential_source.certificate: not accepted in a function",
		},
		"aws": {
			with(t, federation, "credential_source", map[string]any{"environment_id": "aws1", "region_url": "http://169.254.169.254/x"}),
			"credentials: credential_source.environment_id: not accepted in a function: it would take the server's own identity at AWS",
		},
		"no source":          {with(t, federation, "credential_source", nil), "credentials: credential_source.url: missing"},
		"source as file URL": {with(t, federation, "credential_source.url", "file:///etc/"+secret), "credentials: credential_source.url: missing or not accepted"},
		"format":             {with(t, federation, "credential_source.format.type", "xml"), "credentials: credential_source.format.type"},
		"format's field":     {with(t, federation, "credential_source.format.subject_token_field_name", ""), "credentials: credential_source.format.subject_token_field_name"},
		"no audience":        {with(t, federation, "audience", nil), "credentials: audience: missing"},
		"no subject type":    {with(t, federation, "subject_token_type", nil), "credentials: subject_token_type: missing"},
		"user project":       {with(t, federation, "workforce_pool_user_project", "p"), "credentials: workforce_pool_user_project"},
		"plain token_url":    {with(t, federation, "token_url", "http://sts.example/"), "credentials: token_url: not accepted"},
		"no impersonation":   {google.Federation(false), "credentials: service_account_impersonation_url: missing: only a service account has ID tokens"},
		"impersonation, plain": {
			with(t, federation, "service_account_impersonation_url", "http://iam.example/x:generateAccessToken"),
			"credentials: service_account_impersonation_url: not accepted",
		},
		"impersonation, another call": {
			with(t, federation, "service_account_impersonation_url", "https://iam.example/x:signBlob"),
			"credentials: service_account_impersonation_url: not accepted",
		},
	}
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			err := googleaccount.Validate(test.credentials, true)
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.Contains(err.Error(), test.want) ||
				!strings.HasPrefix(err.Error(), "credentials: ") || strings.Contains(err.Error(), secret) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
	for name, credentials := range map[string]string{
		"none": "", "service account": account, "without token_uri": with(t, account, "token_uri", nil), "federation": federation,
		"federation as text": with(t, federation, "credential_source.format", nil), "null": with(t, federation, "credential_source.executable", json.RawMessage("null")),
	} {
		if err := googleaccount.Validate(credentials, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := googleaccount.Validate(google.Federation(false), false); err != nil {
		t.Errorf("federation without impersonation, for access tokens: %v", err)
	}
}

func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		`{"type":"service_account","client_email":"a","private_key":"-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----"}`,
		`{"type":"external_account","credential_source":{"url":"http://a","executable":null}}`, `{"type":"external_account","credential_source":[]}`, `{}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, credentials string) {
		if err := googleaccount.Validate(credentials, true); err != nil && eventgateway.KindOf(err) != eventgateway.Invalid {
			t.Errorf("got %v of kind %v", err, eventgateway.KindOf(err))
		}
	})
}
