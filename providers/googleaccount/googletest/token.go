package googletest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// claims are what a JSON web token says, with the id of the key it was signed with.
type claims struct {
	Kid      string `json:"-"`
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Scope    string `json:"scope,omitempty"`
	Target   string `json:"target_audience,omitempty"`
	Email    string `json:"email,omitempty"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Serial   int    `json:"jti,omitempty"`
}

const issuer = "https://accounts.google.com"

// identity returns a new ID token of the service account.
func (g *Google) identity(audience string) string { return g.sign(claims{Audience: audience}) }

// access returns a new access token. Google's say nothing to whoever has them; these can be checked.
func (g *Google) access(scope string) string { return g.sign(claims{Scope: scope}) }

func (g *Google) sign(c claims) string {
	g.mu.Lock()
	g.given++
	c.Serial = g.given
	g.mu.Unlock()
	now := time.Now()
	c.Issuer, c.Email, c.IssuedAt, c.Expires = issuer, Email, now.Unix(), now.Add(lifetime).Unix()
	payload, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"issuer"}`)) + "." + encode(payload)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, g.signer, crypto.SHA256, hash[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + encode(signature)
}

// verify checks a token's form, algorithm and signature, and returns what it says.
func verify(token string, key *rsa.PublicKey) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, errors.New("no JSON web token")
	}
	var header struct{ Alg, Kid string }
	var c claims
	for i, into := range []any{&header, &c} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return claims{}, fmt.Errorf("part %d cannot be read: %w", i, err)
		}
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || header.Alg != "RS256" {
		return claims{}, fmt.Errorf("algorithm %q, signature %w", header.Alg, err)
	}
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	c.Kid = header.Kid
	return c, rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], signature)
}

// CheckIdentity checks that a request carries an ID token for audience, as Google's gate in front of a function does.
func (g *Google) CheckIdentity(r *http.Request, audience string) error {
	c, err := g.check(r)
	if err == nil && (c.Audience != audience || c.Email != Email) {
		err = fmt.Errorf("the ID token is for %q, of %q", c.Audience, c.Email)
	}
	return err
}

// CheckAccess checks that a request carries an access token for Scope.
func (g *Google) CheckAccess(r *http.Request) error {
	c, err := g.check(r)
	if err == nil && c.Scope != Scope {
		err = fmt.Errorf("the access token is for %q", c.Scope)
	}
	return err
}

func (g *Google) check(r *http.Request) (claims, error) {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return claims{}, errors.New("there is no bearer token")
	}
	c, err := verify(bearer, &g.signer.PublicKey)
	if err == nil && c.Expires <= time.Now().Unix() {
		err = errors.New("the token has ended")
	}
	return c, err
}
