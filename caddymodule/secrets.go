package caddymodule

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi/sealed"
	"github.com/eventgateway/eventgateway/providers"
)

// SecretSource is where the server reads a secret when a configuration is loaded. Exactly one of its fields is set.
type SecretSource struct {
	// The name of an environment variable.
	Env string `json:"env,omitempty"`
	// The path of a file. One line break at its end is left out. Placeholders are expanded.
	File string `json:"file,omitempty"`
}

// maxSecret bounds a secret, in bytes.
const maxSecret = 64 << 10

// variable is how variables are called by custom. Nothing else is shown: whoever writes {$TOKEN} for TOKEN has put the secret itself
// in the place of its name.
var variable = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)

// read returns the secret. Its errors show nothing of it.
func (s *SecretSource) read() (string, error) {
	switch {
	case s == nil, (s.Env == "") == (s.File == ""):
		return "", errors.New("want either env or file")
	case s.Env != "":
		value := os.Getenv(s.Env)
		switch {
		case value != "":
			return value, nil
		case !variable.MatchString(s.Env):
			return "", errors.New("env is not the name of a variable that is set: want the name itself, such as SHIPPING_TOKEN, and not {$SHIPPING_TOKEN}")
		}
		return "", fmt.Errorf("environment variable %s is not set", s.Env)
	}
	path, err := caddy.NewReplacer().ReplaceOrErr(s.File, true, true)
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > maxSecret:
		return "", fmt.Errorf("%s is too large: want at most %d bytes", s.File, maxSecret)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("%s is empty", s.File)
	}
	return value, nil
}

// secretKey names a secret of a space.
type secretKey struct{ space, name string }

// secrets are what functions may refer to, by space.
type secrets map[secretKey]string

// lookup is a providers.Secrets.
func (s secrets) lookup(space, name string) (string, bool) {
	value, ok := s[secretKey{space, name}]
	return value, ok
}

// readSecrets reads the secrets of all spaces.
func (a *App) readSecrets() (secrets, error) {
	all := secrets{}
	for space, config := range a.Spaces {
		for name, source := range config.Secrets {
			if !providers.SecretName.MatchString(name) {
				return nil, eventgateway.InvalidField("spaces."+space+".secrets", name,
					"up to 128 letters, digits, dots, dashes or underscores")
			}
			value, err := source.read()
			if err != nil {
				return nil, fmt.Errorf("spaces.%s.secrets.%s: %w", space, name, err)
			}
			all[secretKey{space, name}] = value
		}
	}
	return all, nil
}

// EncryptionConfig has functions encrypted in the configuration store.
type EncryptionConfig struct {
	// The keys. The first encrypts what is written, all of them decrypt.
	Keys []EncryptionKey `json:"keys,omitempty"`
}

// EncryptionKey is 32 random bytes in base64, as `openssl rand -base64 32` makes them.
type EncryptionKey struct {
	// What the key is called in the store. It must not be given to another key.
	ID string `json:"id"`
	SecretSource
}

// encryptionKeys reads the keys.
func (a *App) encryptionKeys() (*sealed.Keys, error) {
	if a.Encryption == nil {
		return new(sealed.Keys), nil
	}
	if len(a.Encryption.Keys) == 0 {
		return nil, errors.New("encryption.keys: missing: want at least one key")
	}
	keys := make([]sealed.Key, len(a.Encryption.Keys))
	for i, key := range a.Encryption.Keys {
		text, err := key.read()
		if err != nil {
			return nil, fmt.Errorf("encryption.keys: %s: %w", key.ID, err)
		}
		secret, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("encryption.keys: %s: it is not base64: want %d random bytes in base64, such as `openssl rand -base64 32` makes",
				key.ID, sealed.KeySize)
		}
		keys[i] = sealed.Key{ID: key.ID, Secret: secret}
	}
	all, err := sealed.NewKeys(keys...)
	if err != nil {
		return nil, fmt.Errorf("encryption.keys: %w", err)
	}
	return all, nil
}
