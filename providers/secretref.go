package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// Secrets looks up what a function of a space refers to as {secret.<name>} in its provider's fields. Nil means that nobody knows
// here which there are: references are then taken as they stand when fields are checked, and no function with one can be called.
type Secrets func(space, name string) (value string, ok bool)

// SecretName is what a secret may be called.
var SecretName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$`)

const referenceStart = "{secret."

var (
	reference = regexp.MustCompile(`\{secret\.([^{}]*)\}`)
	// onlyReference is a credential that holds nothing secret: a reference, perhaps after the scheme of an Authorization header.
	onlyReference = regexp.MustCompile(`^([A-Za-z]{1,16} )?\{secret\.[^{}]*\}$`)
)

// RefersToSecrets reports whether a function's provider fields, as Check returns them, refer to secrets.
func RefersToSecrets(fn *eventgateway.Function) bool { return refers(fn.Provider) }

// refers reports whether provider fields in canonical form refer to secrets.
func refers(fields json.RawMessage) bool { return bytes.Contains(fields, []byte(referenceStart)) }

// filled returns fn with the secrets that its provider's fields refer to in their places; fn itself when it refers to none.
func filled(fn *eventgateway.Function, secrets Secrets) (*eventgateway.Function, error) {
	if !refers(fn.Provider) {
		return fn, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(fn.Provider))
	decoder.UseNumber()
	var fields any
	if err := decoder.Decode(&fields); err != nil {
		return nil, refuse("provider: malformed JSON")
	}
	var missing []string
	fields = eachText(fields, func(text string) string {
		return reference.ReplaceAllStringFunc(text, func(ref string) string {
			name := ref[len(referenceStart) : len(ref)-1]
			if secrets != nil {
				if value, ok := secrets(fn.Space, name); ok {
					return value
				}
			}
			missing = append(missing, name)
			return ref
		})
	})
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, refuse("provider: secret %s is not known in space %s: want one that the server's own configuration lists for that space",
			eventgateway.Quote(missing[0]), eventgateway.Quote(fn.Space))
	}
	provider, err := json.Marshal(fields)
	if err != nil {
		return nil, refuse("provider: the fields cannot be written as JSON")
	}
	with := *fn
	with.Provider = provider
	return &with, nil
}

// eachText replaces every text in a JSON value, the names of members aside.
func eachText(value any, replace func(string) string) any {
	switch v := value.(type) {
	case string:
		return replace(v)
	case []any:
		for i := range v {
			v[i] = eachText(v[i], replace)
		}
	case map[string]any:
		for name := range v {
			v[name] = eachText(v[name], replace)
		}
	}
	return value
}

// withoutSecrets makes of an error about fields with secrets in them one that shows none: it keeps the field and what would be
// accepted.
func withoutSecrets(err error) error {
	text := err.Error()
	field, rest, ok := strings.Cut(text, ": ")
	if !ok || !strings.HasPrefix(field, "provider") || strings.ContainsAny(field, " \"") {
		return errors.New("provider: not accepted with the secrets it refers to")
	}
	const want = ": want "
	accepted := ""
	if i := strings.LastIndex(rest, want); i >= 0 && !strings.Contains(rest[i:], `"`) {
		accepted = rest[i:]
	}
	return refuse("%s: not accepted with the secrets it refers to%s", field, accepted)
}
