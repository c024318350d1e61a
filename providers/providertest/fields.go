package providertest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// check runs providers.Check on fields of the provider's type.
func (s *suite) check(fields string, previous *eventgateway.Function) (string, error) {
	fn := s.function()
	fn.Provider = json.RawMessage(fields)
	out, err := providers.Check(fn, previous, nil)
	s.note(err)
	return string(out), err
}

// testFields checks that fields are read strictly and written back the same.
func (s *suite) testFields(t *testing.T) {
	fields := s.Fields(s.edge.url)
	canonical, err := s.check(fields, nil)
	if err != nil {
		t.Fatalf("valid fields are refused: %v", err)
	}
	again, err := s.check(canonical, nil)
	if err != nil || again != canonical {
		t.Errorf("the canonical form is not stable: %v", err)
	}

	opened := strings.TrimSuffix(strings.TrimSpace(fields), "}")
	refused := map[string]string{
		"unknown field":      opened + `,"noSuchField":1}`,
		"field twice":        opened + `,` + strings.TrimPrefix(strings.TrimSpace(fields), "{"),
		"no fields":          `{}`,
		"nothing":            ``,
		"null":               `null`,
		"list":               `[]`,
		"text":               `"x"`,
		"cut off":            opened,
		"two values":         fields + fields,
		"deep":               opened + `,"noSuchField":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		"deep and unclosed":  strings.Repeat(`{"a":`, 100_000),
		"invalid UTF-8":      opened + ",\"noSuchField\":\"\xff\"}",
		"not JSON":           `{url: x}`,
		"unbalanced":         fields + `}`,
		"empty field name":   opened + `,"":1}`,
		"name of other case": otherCase(t, canonical),
	}
	for name, value := range wrongTypes(t, canonical) {
		refused["type of "+name] = value
	}
	for name, text := range refused {
		t.Run(name, func(t *testing.T) {
			_, err := s.check(text, nil)
			if eventgateway.KindOf(err) != eventgateway.Invalid {
				t.Fatalf("got error %v, want an *eventgateway.Error of kind Invalid", err)
			}
			if !strings.HasPrefix(err.Error(), "provider") {
				t.Errorf("the error %q does not begin with the field", err)
			}
			if name == "unknown field" && !strings.Contains(err.Error(), "noSuchField") {
				t.Errorf("the error %q does not name the unknown field", err)
			}
			if field, ok := strings.CutPrefix(name, "type of "); ok && !strings.Contains(err.Error(), "provider."+field) {
				t.Errorf("the error %q does not name the field %s", err, field)
			}
		})
	}
}

// wrongTypes returns the fields with one field at a time of a type that no field has at once: an array holding a number.
func wrongTypes(t *testing.T, canonical string) map[string]string {
	wrong := make(map[string]string)
	for name := range object(t, canonical) {
		fields := object(t, canonical)
		fields[name] = json.RawMessage(`[[0.5]]`)
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		wrong[name] = string(text)
	}
	return wrong
}

// otherCase returns the fields with one name in capitals.
func otherCase(t *testing.T, canonical string) string {
	fields := object(t, canonical)
	for name, value := range fields {
		if upper := strings.ToUpper(name); upper != name {
			delete(fields, name)
			fields[upper] = value
			break
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func object(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// testSecrets checks that credentials are not shown, and kept where a client sends back what it was shown.
func (s *suite) testSecrets(t *testing.T) {
	if len(s.Secrets) == 0 {
		t.Skip("the provider has no secrets")
	}
	stored := s.function()
	canonical, err := providers.Check(stored, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range s.Secrets {
		if !strings.Contains(string(canonical), secret) {
			t.Fatalf("Fields do not hold the secret %q", secret)
		}
	}
	shown := string(providers.Mask(stored))
	for _, secret := range s.Secrets {
		if strings.Contains(shown, secret) {
			t.Errorf("the secret %q is shown", secret)
		}
	}
	if got := strings.Count(shown, "***"); got < len(s.Secrets) {
		t.Errorf("%d places are masked, want %d: %s", got, len(s.Secrets), shown)
	}
	if string(stored.Provider) != s.Fields(s.edge.url) {
		t.Error("masking changed the function itself")
	}
	if kept, err := s.check(shown, stored); err != nil || kept != string(canonical) {
		t.Errorf("writing back what is shown does not keep what is stored: error %v", err)
	}
	if _, err := s.check(shown, nil); err == nil || !strings.Contains(err.Error(), "***") {
		t.Errorf(`"***" with nothing stored: got error %v, want one about it`, err)
	}
	other := s.function()
	other.Type = "another"
	if _, err := s.check(shown, other); err == nil {
		t.Error(`"***" takes credentials of a function of another type`)
	}
}

// testCaddyfile checks that the Caddyfile form says the same as the JSON form.
func (s *suite) testCaddyfile(t *testing.T) {
	if s.Caddyfile == nil {
		t.Skip("no Caddyfile form given")
	}
	unmarshal := func(text string) (string, error) {
		info, err := caddy.GetModule(providers.Namespace + "." + s.Type)
		if err != nil {
			t.Fatal(err)
		}
		p := info.New()
		u, ok := p.(caddyfile.Unmarshaler)
		if !ok {
			t.Fatalf("%T is no caddyfile.Unmarshaler", p)
		}
		if err := u.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			return "", err
		}
		fields, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return s.check(string(fields), nil)
	}
	got, err := unmarshal(s.Caddyfile(s.edge.url))
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := s.check(s.Fields(s.edge.url), nil); got != want {
		t.Error("the Caddyfile form gives other fields than the JSON form")
	}
	_, err = unmarshal(s.Type + " {\n\tno_such_option x\n}\n")
	if err == nil || !strings.Contains(err.Error(), "no_such_option") || !strings.Contains(err.Error(), ":2") {
		t.Errorf("an unknown option: got error %v, want one with its name and line", err)
	}
}
