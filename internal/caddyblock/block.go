// Package caddyblock reads the blocks of a Caddyfile in which every line is an option with a name.
package caddyblock

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Option is one that a block may have.
type Option struct {
	name string
	read func(d *caddyfile.Dispenser) error
}

// Func returns an option that read reads, as often as it is given. The dispenser is at its name.
func Func(name string, read func(d *caddyfile.Dispenser) error) Option { return Option{name, read} }

// Else returns an option that stands for every name that no option before it has.
func Else(read func(d *caddyfile.Dispenser) error) Option { return Option{"", read} }

// Read reads the block that follows in the current line, if there is one. Nothing else may be left of the line. Errors call the
// block what, such as "dead_letters"; that of an unknown option names those there are.
func Read(d *caddyfile.Dispenser, what string, options ...Option) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		i := slices.IndexFunc(options, func(o Option) bool { return o.name == name || o.name == "" })
		if i < 0 {
			return d.Errf("unknown option %q of %s: %s", name, what, wanted(options))
		}
		if err := options[i].read(d); err != nil {
			return err
		}
	}
	return nil
}

// ReadModule reads a module: its name, one argument at the most, if argument is where to put it, and its block. Errors call it
// by its kind and name, such as "provider http".
func ReadModule(d *caddyfile.Dispenser, kind string, argument *string, options ...Option) error {
	d.Next()
	what := kind + " " + d.Val()
	if argument != nil && d.NextArg() {
		*argument = d.Val()
	}
	return Read(d, what, options...)
}

func wanted(options []Option) string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	last := len(names) - 1
	switch {
	case last < 0:
		return "it has none"
	case last == 0:
		return "want " + names[0]
	}
	return "want " + strings.Join(names[:last], ", ") + " or " + names[last]
}
