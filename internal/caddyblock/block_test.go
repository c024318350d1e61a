package caddyblock

import (
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// settings have an option of each kind.
type settings struct {
	Name, Cert, Key string
	Number          int
	Size            int64
	Wait            caddy.Duration
	On              bool
	List, Lines     []string
	Inner, Shared   *settings
}

func (s *settings) options() []Option {
	return []Option{
		String("name", &s.Name),
		Int("number", &s.Number),
		Size("size", &s.Size),
		Duration("wait", &s.Wait),
		Flag("on", &s.On),
		Strings("list", &s.List),
		Args("cert", &s.Cert, &s.Key),
		Once("inner", &s.Inner, (*settings).read),
		Merged("shared", &s.Shared, (*settings).read),
	}
}

func (s *settings) read(d *caddyfile.Dispenser) error { return Read(d, "inner", s.options()...) }

func (s *settings) line(d *caddyfile.Dispenser) error {
	s.Lines = append(s.Lines, d.Val()+" "+strings.Join(d.RemainingArgs(), " "))
	return nil
}

func TestRead(t *testing.T) {
	got := new(settings)
	d := caddyfile.NewTestDispenser(`kind a {
		number 7
		size 2KiB
		wait 1m
		on
		list a b
		list c
		cert d e
		inner {
			name f
			inner
		}
		shared {
			number 8
		}
		shared {
			name g
		}
		other h i
		last
	}
	after`)
	if err := ReadModule(d, "test", &got.Name, append(got.options(), Else(got.line))...); err != nil {
		t.Fatal(err)
	}
	want := &settings{
		Name: "a", Number: 7, Size: 2048, Wait: caddy.Duration(60e9), On: true, List: []string{"a", "b", "c"}, Cert: "d", Key: "e",
		Lines: []string{"other h i", "last "}, Inner: &settings{Name: "f", Inner: new(settings)}, Shared: &settings{Name: "g", Number: 8},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !d.Next() || d.Val() != "after" {
		t.Errorf("the reader stands at %q", d.Val())
	}
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"kind a b":                             "wrong argument count",
		"kind a {\n name b\n}":                 "name is given twice, at Testfile:2",
		"kind {\n name\n}":                     "wrong argument count",
		"kind {\n name a b\n}":                 "wrong argument count",
		"kind {\n number 0\n}":                 `number: "0" is not accepted: want a positive number`,
		"kind {\n number x\n}":                 `number: "x" is not accepted`,
		"kind {\n number 1\n number 1\n}":      "number is given twice, at Testfile:3",
		"kind {\n size 0\n}":                   `size: "0" is not accepted: want a size such as 512KiB or 10GiB`,
		"kind {\n size 2PiB\n}":                `size: "2PiB" is not accepted`,
		"kind {\n size 30EB\n}":                `size: "30EB" is not accepted`,
		"kind {\n wait -1s\n}":                 `wait: "-1s" is not accepted: want a positive duration such as 30s or 12h`,
		"kind {\n wait soon\n}":                `wait: "soon" is not accepted`,
		"kind {\n on yes\n}":                   "wrong argument count",
		"kind {\n on\n on\n}":                  "on is given twice",
		"kind {\n list\n}":                     "wrong argument count",
		"kind {\n cert a\n}":                   "wrong argument count",
		"kind {\n cert a b\n cert a b\n}":      "cert is given twice",
		"kind {\n inner\n inner\n}":            "inner is given twice",
		"kind {\n inner a\n}":                  "wrong argument count",
		"kind {\n shared {\n number x\n}\n}":   `number: "x" is not accepted`,
		"kind {\n inner {\n other\n}\n}":       `unknown option "other" of inner: want name, number, size, wait, on, list, cert, inner or shared, at Testfile:3`,
		"kind {\n numbers 1\n}":                `unknown option "numbers" of test kind: want name, `,
		"kind {\n shared\n shared {\n on a\n}": "wrong argument count",
	} {
		got := new(settings)
		err := ReadModule(caddyfile.NewTestDispenser(text), "test", &got.Name, got.options()...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
	one := []Option{Flag("on", new(bool))}
	for want, options := range map[string][]Option{"of a: it has none": nil, "of a: want on, at": one} {
		d := caddyfile.NewTestDispenser("a {\n b\n}")
		d.Next()
		if err := Read(d, "a", options...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	if err := ReadModule(caddyfile.NewTestDispenser("kind a"), "test", nil); err == nil {
		t.Error("an argument is accepted that has no place")
	}
}
