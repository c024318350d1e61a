package caddyblock

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// maxSize is the largest size in bytes: 1 PiB.
const maxSize = 1 << 50

// String returns an option with one argument. As all options that set one value, it is refused if there is one already.
func String[T ~string](name string, to *T) Option {
	return one(name, to, "", func(text string) (T, bool) { return T(text), true })
}

// Int returns an option whose argument is a positive number.
func Int(name string, to *int) Option {
	return one(name, to, "a positive number", func(text string) (int, bool) {
		n, err := strconv.Atoi(text)
		return n, err == nil && n > 0
	})
}

// Size returns an option whose argument is a number of bytes, such as 512KiB.
func Size(name string, to *int64) Option {
	return one(name, to, "a size such as 512KiB or 10GiB", func(text string) (int64, bool) {
		n, err := humanize.ParseBytes(text)
		return int64(n), err == nil && n > 0 && n <= maxSize
	})
}

// Duration returns an option whose argument is a positive duration, such as 30s.
func Duration[T ~int64](name string, to *T) Option {
	return one(name, to, "a positive duration such as 30s or 12h", func(text string) (T, bool) {
		v, err := caddy.ParseDuration(text)
		return T(v), err == nil && v > 0
	})
}

// one returns an option with one argument, which parse reports as unfit if it is not what is wanted.
func one[T comparable](name string, to *T, want string, parse func(string) (value T, fit bool)) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		var text string
		if *to != *new(T) {
			return twice(d)
		}
		if !d.AllArgs(&text) {
			return d.ArgErr()
		}
		value, fit := parse(text)
		if !fit {
			return d.Errf("%s: %q is not accepted: want %s", name, text, want)
		}
		*to = value
		return nil
	})
}

// Args returns an option with as many arguments as there are places for. It is refused if the first one is taken already.
func Args(name string, to ...*string) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		switch {
		case *to[0] != "":
			return twice(d)
		case !d.AllArgs(to...):
			return d.ArgErr()
		}
		return nil
	})
}

// Flag returns an option that has no argument.
func Flag(name string, to *bool) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		switch {
		case *to:
			return twice(d)
		case d.NextArg():
			return d.ArgErr()
		}
		*to = true
		return nil
	})
}

// Strings returns an option with one argument or more. Those of several lines add up.
func Strings(name string, to *[]string) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.ArgErr()
		}
		*to = append(*to, args...)
		return nil
	})
}

// Once returns an option that makes a new value, which read reads. It is refused if there is one already.
func Once[T any](name string, to **T, read func(*T, *caddyfile.Dispenser) error) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		if *to != nil {
			return twice(d)
		}
		*to = new(T)
		return read(*to, d)
	})
}

// Merged returns an option that read reads into the value there is, or into a new one.
func Merged[T any](name string, to **T, read func(*T, *caddyfile.Dispenser) error) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		if *to == nil {
			*to = new(T)
		}
		return read(*to, d)
	})
}

func twice(d *caddyfile.Dispenser) error { return d.Errf("%s is given twice", d.Val()) }
