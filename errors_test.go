package eventgateway_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestErrorf(t *testing.T) {
	err := eventgateway.Errorf(eventgateway.Unavailable, "store: %w", io.ErrUnexpectedEOF)
	if err.Error() != "store: unexpected EOF" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v with the cause %v", err, err.Unwrap())
	}
	if plain := eventgateway.Errorf(eventgateway.Invalid, "%d%%", 5); plain.Error() != "5%" || plain.Unwrap() != nil {
		t.Errorf("got %v with the cause %v", plain, plain.Unwrap())
	}
	hidden := &eventgateway.Error{Kind: eventgateway.InUse, Message: "shown", Err: io.EOF}
	if hidden.Error() != "shown" || !errors.Is(hidden, io.EOF) {
		t.Errorf("got %v with the cause %v", hidden, hidden.Unwrap())
	}
}

func TestKindOf(t *testing.T) {
	exists := eventgateway.Errorf(eventgateway.Exists, "there")
	for _, test := range []struct {
		err  error
		want eventgateway.Kind
	}{
		{nil, 0},
		{io.EOF, 0},
		{exists, eventgateway.Exists},
		{fmt.Errorf("create: %w", exists), eventgateway.Exists},
		{errors.Join(io.EOF, exists), eventgateway.Exists},
		{eventgateway.Errorf(eventgateway.Unavailable, "outer: %w", exists), eventgateway.Unavailable},
	} {
		if got := eventgateway.KindOf(test.err); got != test.want {
			t.Errorf("KindOf(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{
		"":                            `""`,
		"plain":                       `"plain"`,
		`a"b`:                         `"a\"b"`,
		"line\nbreak\x00":             `"line\nbreak\x00"`,
		"grün":                        `"grün"`,
		"a\xffb":                      `"a` + "\uFFFD" + `b"`,
		strings.Repeat("x", 80):       `"` + strings.Repeat("x", 80) + `"`,
		strings.Repeat("x", 81):       `"` + strings.Repeat("x", 80) + `…"`,
		"x" + strings.Repeat("ä", 60): `"x` + strings.Repeat("ä", 39) + `…"`,
		"xx" + strings.Repeat("😀", 9) + strings.Repeat("😀", 20): `"xx` + strings.Repeat("😀", 19) + `…"`,
		strings.Repeat("\x80", 200):                             `"` + "\uFFFD" + `…"`,
	} {
		if got := eventgateway.Quote(s); got != want {
			t.Errorf("Quote(%q) = %s, want %s", s, got, want)
		}
	}
}
