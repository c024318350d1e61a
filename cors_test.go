package eventgateway_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestCORSDefaults(t *testing.T) {
	var cors eventgateway.CORS
	cors.Normalize()
	want := eventgateway.CORS{
		Origins: []string{"*"},
		Methods: []string{"HEAD", "GET", "POST"},
		Headers: []string{"Origin", "Accept", "Content-Type"},
	}
	if !reflect.DeepEqual(cors, want) {
		t.Errorf("Normalize gives %+v, want %+v", cors, want)
	}
	set := eventgateway.CORS{
		Origins: []string{"https://a.example"}, Methods: []string{"PUT"}, Headers: []string{"X-A"}, AllowCredentials: true,
	}
	kept := set
	if kept.Normalize(); !reflect.DeepEqual(kept, set) {
		t.Errorf("Normalize makes %+v of %+v", kept, set)
	}
}

func TestCORSValidate(t *testing.T) {
	const (
		printable = ": want 1 to 255 printable ASCII characters without spaces or commas"
		token     = ": want an HTTP token"
	)
	list := func(values ...string) []string { return values }
	for _, test := range []struct {
		cors eventgateway.CORS
		want string
	}{
		{eventgateway.CORS{}, ""},
		{eventgateway.CORS{Origins: list("https://*.example.com", "null", "http://localhost:3000")}, ""},
		{eventgateway.CORS{Methods: list("PUT", "M-SEARCH"), Headers: list("*", "X-Custom_Header")}, ""},
		{eventgateway.CORS{Origins: list("")}, `cors.origins: "" is not accepted` + printable},
		{eventgateway.CORS{Origins: list("*", "a, b")}, `cors.origins: "a, b" is not accepted` + printable},
		{eventgateway.CORS{Origins: list("a\r\nb")}, `cors.origins: "a\r\nb" is not accepted` + printable},
		{eventgateway.CORS{Origins: list("https://ä.example")}, `cors.origins: "https://ä.example" is not accepted` + printable},
		{eventgateway.CORS{Origins: list("a\xff")}, `cors.origins: "a` + "\uFFFD" + `" is not accepted` + printable},
		{eventgateway.CORS{Methods: list("GET POST")}, `cors.methods: "GET POST" is not accepted` + printable},
		{eventgateway.CORS{Methods: list("GET/POST")}, `cors.methods: "GET/POST" is not accepted` + token},
		{eventgateway.CORS{Headers: list("X:Y")}, `cors.headers: "X:Y" is not accepted` + token},
		{
			eventgateway.CORS{Headers: list(strings.Repeat("x", 256))},
			`cors.headers: "` + strings.Repeat("x", 80) + `…" is not accepted` + printable,
		},
		{eventgateway.CORS{Origins: make([]string, 101)}, "cors.origins: 101 entries are not accepted: want at most 100"},
	} {
		wantError(t, fmt.Sprintf("%+v", test.cors), test.cors.Validate(), test.want)
	}
}

func TestCORSAllowsOrigin(t *testing.T) {
	for _, test := range []struct {
		pattern, origin string
		want            bool
	}{
		{"*", "https://any.example", true},
		{"*", "", true},
		{"https://a.example", "https://a.example", true},
		{"https://a.example", "HTTPS://A.Example", true},
		{"HTTPS://A.example", "https://a.example", true},
		{"https://a.example", "https://a.example:8443", false},
		{"https://a.example", "https://b.a.example", false},
		{"https://*.example", "https://a.b.example", true},
		{"https://*.example", "https://.example", true},
		{"https://*.example", "https://example", false},
		{"https://*.example", "http://a.example", false},
		{"https://*.example", "https://a.example.evil.test", false},
		{"http*://a.*", "https://a.test", true},
		{"*a*b*", "xaxbx", true},
		{"*a*b*", "xbxax", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"ab*bc*cd", "abbccd", true},
		{"ab*bc*cd", "abccd", false},
		{"**", "x", true},
	} {
		cors := eventgateway.CORS{Origins: []string{"other", test.pattern}}
		if got := cors.AllowsOrigin(test.origin); got != test.want {
			t.Errorf("%q allows %q: %v, want %v", test.pattern, test.origin, got, test.want)
		}
	}
	if (&eventgateway.CORS{}).AllowsOrigin("https://a.example") {
		t.Error("no origins allow an origin")
	}
}
