package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

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

// unmarshalEncryption reads the keys that functions are encrypted with in the store. Syntax:
//
//	encryption {
//	    key <id> env|file <variable|path>
//	}
func (a *App) unmarshalEncryption(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	if a.Encryption == nil {
		a.Encryption = new(EncryptionConfig)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "key" {
			return d.Errf("unrecognized encryption subdirective %q: want key", d.Val())
		}
		var key EncryptionKey
		var from, at string
		if !d.AllArgs(&key.ID, &from, &at) {
			return d.ArgErr()
		}
		if err := key.unmarshalCaddyfile(d, from, at); err != nil {
			return err
		}
		a.Encryption.Keys = append(a.Encryption.Keys, key)
	}
	return nil
}
