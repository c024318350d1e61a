package providers_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// known are the secrets of the space of function.
func known(space, name string) (string, bool) {
	if space != "default" {
		return "", false
	}
	value, ok := map[string]string{"key": `s3c"ret\`, "does": "answer its key", "bad": "refuse plainly"}[name]
	return value, ok
}

func TestSecretReferences(t *testing.T) {
	elsewhere := function(`{"does":"x","key":"{secret.key}"}`)
	elsewhere.Space = "other"
	for name, test := range map[string]struct {
		fn      *eventgateway.Function
		secrets providers.Secrets
		want    string // empty for refused
		err     string
	}{
		"whole":           {function(`{"does":"x","key":"{secret.key}"}`), known, `{"does":"x","key":"{secret.key}"}`, ""},
		"part":            {function(`{"does":"x","key":"Bearer {secret.key}!"}`), known, `{"does":"x","key":"Bearer {secret.key}!"}`, ""},
		"written escaped": {function(`{"does":"x","key":"\u007bsecret.key}"}`), known, `{"does":"x","key":"{secret.key}"}`, ""},
		"nested":          {function(`{"does":"x","labels":{"a":"{secret.key}"}}`), known, `{"does":"x","labels":{"a":"{secret.key}"}}`, ""},
		"nobody knows":    {function(`{"does":"x","key":"{secret.nope}"}`), nil, `{"does":"x","key":"{secret.nope}"}`, ""},
		"unknown":         {function(`{"does":"x","key":"{secret.nope}"}`), known, "", `provider: secret "nope" is not known in space "default"`},
		"no name":         {function(`{"does":"x","key":"{secret.}"}`), known, "", `provider: secret "" is not known`},
		"another space's": {elsewhere, known, "", `provider: secret "key" is not known in space "other"`},
		"not accepted":    {function(`{"does":"{secret.bad}"}`), known, "", "provider.does: not accepted with the secrets it refers to"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := providers.Check(test.fn, nil, test.secrets)
			if test.want == "" {
				if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.err) ||
					strings.Contains(err.Error(), "refuse plainly") {
					t.Errorf("got %s, error %v; want %s", got, err, test.err)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, error %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestReferencesAreShown(t *testing.T) {
	for key, want := range map[string]string{
		"{secret.key}": "{secret.key}", "Bearer {secret.key}": "Bearer {secret.key}", "s3cret{secret.key}": "***", "{secret.key}x": "***",
	} {
		if got := string(providers.Mask(function(`{"does":"x","key":"` + key + `"}`))); got != `{"does":"x","key":"`+want+`"}` {
			t.Errorf("%s is shown as %s", key, got)
		}
	}
}

func TestCallWithSecrets(t *testing.T) {
	behaviours["answer its key"] = func(context.Context) (*providers.Result, error) {
		return &providers.Result{Body: []byte("called")}, nil
	}
	log := &lines{}
	env := providers.Env{Space: "default", FunctionID: "fn", Logger: slog.New(slog.NewTextHandler(log, nil)), MaxResponse: 10, Secrets: known}
	for fields, want := range map[string]string{
		`{"does":"{secret.does}"}`:           "",
		`{"does":"x","key":"{secret.nope}"}`: `the function is not usable: provider: secret "nope" is not known in space "default"`,
		`{"does":"{secret.bad}"}`:            "the function is not usable: provider.does: not accepted with the secrets it refers to",
	} {
		h := providers.Open(function(fields), env)
		defer h.Close()
		_, err := h.Invoke(t.Context(), &providers.Call{Payload: []byte("x"), ContentType: "text/plain"})
		var e *providers.Error
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", fields, err)
		case want != "" && (!errors.As(err, &e) || e.Failure != providers.Unreachable || !strings.HasPrefix(e.Message, want)):
			t.Errorf("%s: got error %v, want %s", fields, err, want)
		}
	}
}
