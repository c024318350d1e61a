package caddymodule

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// unmarshalCaddyfile reads the rest of a line: where a secret is.
//
//	env  <variable>
//	file <path>
func (s *SecretSource) unmarshalCaddyfile(d *caddyfile.Dispenser, from, at string) error {
	switch from {
	case "env":
		s.Env = at
	case "file":
		s.File = at
	default:
		return d.Errf("unrecognized source %q of a secret: want env or file", from)
	}
	return nil
}

// unmarshalSecret reads a secret of a space. Syntax:
//
//	secret <name> env|file <variable|path>
func (c *SpaceConfig) unmarshalSecret(d *caddyfile.Dispenser) error {
	var name, from, at string
	if !d.AllArgs(&name, &from, &at) {
		return d.ArgErr()
	}
	if c.Secrets[name] != nil {
		return d.Errf("secret %s is given twice", name)
	}
	if c.Secrets == nil {
		c.Secrets = map[string]*SecretSource{}
	}
	c.Secrets[name] = new(SecretSource)
	return c.Secrets[name].unmarshalCaddyfile(d, from, at)
}

// unmarshalCaddyfile reads the keys that functions are encrypted with in the store. Syntax:
//
//	encryption {
//	    key <id> env|file <variable|path>
//	}
func (c *EncryptionConfig) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "encryption", caddyblock.Func("key", func(d *caddyfile.Dispenser) error {
		var key EncryptionKey
		var from, at string
		if !d.AllArgs(&key.ID, &from, &at) {
			return d.ArgErr()
		}
		if err := key.unmarshalCaddyfile(d, from, at); err != nil {
			return err
		}
		c.Keys = append(c.Keys, key)
		return nil
	}))
}
