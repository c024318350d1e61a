package eventgateway_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestValidateID(t *testing.T) {
	for _, id := range []string{"a", "A-b_c.9", "...", "-", strings.Repeat("x", 255)} {
		wantError(t, id, eventgateway.ValidateID("functionId", id), "")
	}
	for id, shown := range map[string]string{
		"":                       `""`,
		".":                      `"."`,
		"..":                     `".."`,
		"a b":                    `"a b"`,
		"a/b":                    `"a/b"`,
		"ä":                      `"ä"`,
		"a\x00":                  `"a\x00"`,
		"\xff":                   `"` + "\uFFFD" + `"`,
		strings.Repeat("x", 256): `"` + strings.Repeat("x", 80) + `…"`,
	} {
		wantError(t, id, eventgateway.ValidateID("functionId", id),
			"functionId: "+shown+" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores")
	}
}

func TestValidateEventName(t *testing.T) {
	for _, name := range []string{
		"user.created", "http", "com.example/Some-Thing:v1", "größe", "a,b;c=\"d\"", strings.Repeat("x", 255),
	} {
		wantError(t, name, eventgateway.ValidateEventName("event", name), "")
	}
	for name, shown := range map[string]string{
		"":                       `""`,
		"user created":           `"user created"`,
		"user.*":                 `"user.*"`,
		"a\u00a0b":               `"a\u00a0b"`,
		"a\tb":                   `"a\tb"`,
		"a\x7f":                  `"a\x7f"`,
		"a\u200b":                `"a\u200b"`,
		"a\xff":                  `"a` + "\uFFFD" + `"`,
		strings.Repeat("x", 256): `"` + strings.Repeat("x", 80) + `…"`,
	} {
		wantError(t, name, eventgateway.ValidateEventName("event", name),
			"event: "+shown+" is not accepted: want 1 to 255 bytes of printable characters without spaces or *")
	}
}

func TestValidateEventPattern(t *testing.T) {
	for _, pattern := range []string{"*", "user.*", "user*", "user.created", "http", "größe*", strings.Repeat("x", 254) + "*"} {
		wantError(t, pattern, eventgateway.ValidateEventPattern("event", pattern), "")
	}
	for pattern, shown := range map[string]string{
		"":                             `""`,
		"**":                           `"**"`,
		"user.*.x":                     `"user.*.x"`,
		"*.created":                    `"*.created"`,
		"user *":                       `"user *"`,
		strings.Repeat("x", 255) + "*": `"` + strings.Repeat("x", 80) + `…"`,
	} {
		wantError(t, pattern, eventgateway.ValidateEventPattern("event", pattern),
			"event: "+shown+" is not accepted: want 1 to 255 bytes of printable characters without spaces, and * only at the end")
	}
}

func TestIsEventPattern(t *testing.T) {
	for pattern, want := range map[string]bool{"*": true, "user.*": true, "user": false, "": false} {
		if got := eventgateway.IsEventPattern(pattern); got != want {
			t.Errorf("IsEventPattern(%q) = %v, want %v", pattern, got, want)
		}
	}
}

func TestCanonicalEvent(t *testing.T) {
	for name, want := range map[string]string{
		"http": "http", "http.request": "http", "invoke": "invoke", "http.request.x": "http.request.x", "HTTP": "HTTP", "": "",
		"eventgateway.event.received": "gateway.event.received", "gateway.event.received": "gateway.event.received",
		"eventgateway.*": "gateway.*", "eventgateway.": "gateway.", "eventgateway": "eventgateway", "eventgateway*": "eventgateway*",
		"eventgateway.gateway.x": "gateway.gateway.x", "my.eventgateway.x": "my.eventgateway.x",
	} {
		if got := eventgateway.CanonicalEvent(name); got != want {
			t.Errorf("CanonicalEvent(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestIsSystemEvent(t *testing.T) {
	for name, want := range map[string]bool{
		"gateway.event.received": true, "eventgateway.function.invoked": true, "gateway.": true,
		"gateway": false, "gateways.x": false, "my.gateway.x": false, "Gateway.x": false, "": false,
	} {
		if got := eventgateway.IsSystemEvent(name); got != want {
			t.Errorf("IsSystemEvent(%q) = %v, want %v", name, got, want)
		}
	}
}
