package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
)

// masked stands for a credential wherever fields are shown, and for the stored one where they are written.
const masked = "***"

// Types returns the function types this build can call, sorted.
func Types() []string {
	var types []string
	for _, m := range caddy.GetModules(Namespace) {
		types = append(types, m.ID.Name())
	}
	slices.Sort(types)
	return types
}

// Check decodes and validates a function's provider fields, strictly, and returns them in canonical form. Where a
// credential is "***", it takes the one previous holds under the same name (previous may be nil; it is refused then). References
// to secrets stay as they are; what is validated has them filled in.
func Check(fn, previous *eventgateway.Function, secrets Secrets) (fields json.RawMessage, err error) {
	defer func() {
		if recover() != nil {
			fields, err = nil, eventgateway.Errorf(eventgateway.Invalid, "provider: type %s panicked over these fields", fn.Type)
		}
	}()
	p, err := decode(fn)
	if err != nil {
		return nil, err
	}
	if s, ok := p.(Secretive); ok {
		if err := keepSecrets(s, storedSecrets(fn.Type, previous)); err != nil {
			return nil, err
		}
	}
	succeed(p, fn.Type, previous)
	if fields, err = encode(p); err != nil {
		return nil, err
	}
	if !refers(fields) {
		if err := validate(p); err != nil {
			return nil, err
		}
		return fields, nil
	}
	if secrets == nil {
		return fields, nil
	}
	canonical := *fn
	canonical.Provider = fields
	with, err := filled(&canonical, secrets)
	if err != nil {
		return nil, err
	}
	if p, err = decode(with); err == nil {
		err = validate(p)
	}
	if err != nil {
		return nil, withoutSecrets(err)
	}
	return fields, nil
}

// Mask returns a function's provider fields with every credential replaced by "***". Where nothing tells which fields
// are credentials, because the type is not built in or refuses the fields, every text is replaced. A credential that only refers
// to a secret stays as it is.
func Mask(fn *eventgateway.Function) (fields json.RawMessage) {
	defer func() {
		if recover() != nil {
			fields = maskAll(fn.Provider)
		}
	}()
	p, err := decode(fn)
	if err != nil {
		return maskAll(fn.Provider)
	}
	s, ok := p.(Secretive)
	if !ok {
		return fn.Provider
	}
	s.EachSecret(func(_, value string) string {
		if onlyReference.MatchString(value) {
			return value
		}
		return masked
	})
	if fields, err = encode(p); err != nil {
		return maskAll(fn.Provider)
	}
	return fields
}

// KeyExpression returns the expression among a function's provider fields that makes a key of each event, and the field it
// stands in, such as "provider.partitionKey"; empty when there is none.
func KeyExpression(fn *eventgateway.Function) (field, source string) {
	p, err := decode(fn)
	if err != nil {
		return "", ""
	}
	return keyExpression(p)
}

func keyExpression(p Provider) (field, source string) {
	k, ok := p.(Keyed)
	if !ok {
		return "", ""
	}
	if field, source = k.KeyExpression(); source == "" {
		return "", ""
	}
	return "provider." + field, source
}

// decode returns the provider of a function with its fields filled in, not validated yet.
func decode(fn *eventgateway.Function) (Provider, error) {
	p := newProvider(fn.Type)
	if p == nil {
		return nil, eventgateway.InvalidField("type", fn.Type, "one of the providers built in: "+strings.Join(Types(), ", "))
	}
	return p, unmarshalStrict(fn.Provider, p)
}

// newProvider returns an empty provider of the given type; nil when there is none.
func newProvider(typ string) Provider {
	if typ == "" || strings.Contains(typ, ".") {
		return nil
	}
	info, err := caddy.GetModule(Namespace + "." + typ)
	if err != nil {
		return nil
	}
	p, _ := info.New().(Provider)
	return p
}

// validate asks the provider, and makes what it says an *eventgateway.Error about a field of "provider".
func validate(p Provider) error {
	err := p.Validate()
	if err == nil {
		return nil
	}
	return &eventgateway.Error{Kind: eventgateway.Invalid, Message: "provider." + err.Error(), Err: errors.Unwrap(err)}
}

func encode(p Provider) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "provider: its fields cannot be written as JSON")
	}
	return bytes.TrimSpace(buf.Bytes()), nil
}

// storedSecrets returns the credentials of a function by name, none when it is of another type.
func storedSecrets(typ string, previous *eventgateway.Function) map[string]string {
	stored := make(map[string]string)
	if previous == nil || previous.Type != typ {
		return stored
	}
	p, err := decode(previous)
	if err != nil {
		return stored
	}
	if s, ok := p.(Secretive); ok {
		s.EachSecret(func(name, value string) string {
			stored[name] = value
			return value
		})
	}
	return stored
}

// keepSecrets puts the stored value in the place of every "***".
func keepSecrets(s Secretive, stored map[string]string) error {
	var missing string
	s.EachSecret(func(name, value string) string {
		if value != masked {
			return value
		}
		old, ok := stored[name]
		if !ok && missing == "" {
			missing = name
		}
		return old
	})
	if missing != "" {
		return eventgateway.Errorf(eventgateway.Invalid,
			`provider.%s: "***" is not accepted: it keeps the stored credential, and none is stored; want the credential itself`, missing)
	}
	return nil
}

// maskAll replaces every text in a JSON value. What is not JSON becomes an empty object.
func maskAll(data json.RawMessage) json.RawMessage {
	var value any
	if checkShape(data, nil) != nil || json.Unmarshal(data, &value) != nil {
		return json.RawMessage("{}")
	}
	out, err := json.Marshal(maskTexts(value))
	if err != nil {
		return json.RawMessage("{}")
	}
	return out
}

func maskTexts(value any) any {
	switch v := value.(type) {
	case string:
		return masked
	case []any:
		for i := range v {
			v[i] = maskTexts(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = maskTexts(v[name])
		}
	}
	return value
}
