// Package sealed keeps functions encrypted in the configuration store, credentials and all: with AES-256-GCM, under keys that can be
// changed one after the other. It stands between the store and the mirror; neither knows of it.
package sealed

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/eventgateway/eventgateway/configapi"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Key encrypts functions.
type Key struct {
	// ID names the key in the store: up to 64 letters, digits, dots, dashes or underscores.
	ID string
	// Secret is KeySize random bytes.
	Secret []byte
}

// Keys are the keys in use: the first encrypts what is written, all decrypt. The zero Keys encrypt and decrypt nothing.
type Keys struct {
	current string
	byID    map[string]Key
}

var keyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// NewKeys returns keys, of which the first encrypts. An error names the key, and shows nothing of its secret.
func NewKeys(keys ...Key) (*Keys, error) {
	k := &Keys{byID: map[string]Key{}}
	for _, key := range keys {
		_, known := k.byID[key.ID]
		switch {
		case !keyID.MatchString(key.ID) || key.ID == plain:
			return nil, fmt.Errorf("key id %q is not accepted: want up to 64 letters, digits, dots, dashes or underscores, and not %q", key.ID, plain)
		case known:
			return nil, fmt.Errorf("key %s is given twice", key.ID)
		case len(key.Secret) != KeySize:
			return nil, fmt.Errorf("key %s has %d bytes: want %d", key.ID, len(key.Secret), KeySize)
		}
		k.byID[key.ID] = key
		if k.current == "" {
			k.current = key.ID
		}
	}
	return k, nil
}

// plain stands for the key of what is not encrypted.
const plain = "none"

// inForce is the id of the key that encrypts.
func (k *Keys) inForce() string {
	if k.current == "" {
		return plain
	}
	return k.current
}

// envelope is how an encrypted resource stands in the store.
type envelope struct {
	Sealed struct {
		Key  string `json:"key"`
		Data []byte `json:"data"`
	} `json:"sealed"`
}

// start tells an envelope from a resource, which has no such member.
var start = []byte(`{"sealed":`)

// saltSize is the length of what each value's own key is made with. AES-GCM with random nonces is good for 2^32 values under one
// key, and saving a copy of all functions whenever one has changed comes to more than that in weeks.
const saltSize = 16

// aead encrypts and decrypts one value.
func (key Key) aead(salt []byte) (cipher.AEAD, error) {
	own, err := hkdf.Expand(sha256.New, key.Secret, "event gateway function "+string(salt), KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts a resource's value under the current key. It is bound to the resource: under another name it does not decrypt.
func (k *Keys) seal(key configapi.Key, value []byte) []byte {
	if k.current == "" {
		return value
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // does not fail
	aead, err := k.byID[k.current].aead(salt)
	if err != nil { // in no case of a key that NewKeys took
		panic("sealed: " + err.Error())
	}
	var e envelope
	e.Sealed.Key, e.Sealed.Data = k.current, aead.Seal(salt, nil, value, boundTo(key))
	sealed, _ := json.Marshal(e) // cannot fail
	return sealed
}

// unseal decrypts a resource's value, and tells under which key it was: plain when it was not encrypted.
func (k *Keys) unseal(key configapi.Key, value []byte) (clear []byte, under string, err error) {
	if !bytes.HasPrefix(value, start) {
		return value, plain, nil
	}
	var e envelope
	if err := json.Unmarshal(value, &e); err != nil || len(e.Sealed.Data) < saltSize {
		return nil, e.Sealed.Key, errors.New("its encrypted form is damaged")
	}
	with, known := k.byID[e.Sealed.Key]
	if !known {
		return nil, e.Sealed.Key, errors.New("it is encrypted with a key that is not configured")
	}
	aead, err := with.aead(e.Sealed.Data[:saltSize])
	if err == nil {
		clear, err = aead.Open(nil, nil, e.Sealed.Data[saltSize:], boundTo(key))
	}
	if err != nil {
		return nil, with.ID, errors.New("it does not decrypt: the key of that id is another one, or the value was changed or moved in the store")
	}
	return clear, with.ID, nil
}

func boundTo(key configapi.Key) []byte {
	return []byte(strings.Join([]string{key.Space, string(key.Kind), key.ID}, "\x00"))
}

// NewSecret returns a random secret for a key.
func NewSecret() []byte {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // does not fail
	return secret
}
