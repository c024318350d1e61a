package eventgateway_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestEventTypeNormalize(t *testing.T) {
	et := eventgateway.EventType{Name: "user.created", SchemaMode: eventgateway.SchemaReject, Schema: []byte("null")}
	et.Normalize()
	if et.Space != "default" || et.SchemaMode != "" || et.Schema != nil {
		t.Errorf("got %+v", et)
	}
	et = eventgateway.EventType{Space: "a", Name: "e", SchemaMode: eventgateway.SchemaOff, Schema: []byte("false")}
	et.Normalize()
	if et.Space != "a" || et.SchemaMode != "off" || string(et.Schema) != "false" {
		t.Errorf("got %+v", et)
	}
}

func TestEventTypeID(t *testing.T) {
	for name, want := range map[string]string{"http": "http", "http.request": "http", "invoke": "invoke", "http.requests": "http.requests"} {
		if got := (&eventgateway.EventType{Name: name}).ID(); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestEventTypeValidate(t *testing.T) {
	const own = " is not accepted: want a type without the prefix gateway. or eventgateway., which only the gateway's own events have"
	for _, test := range []struct {
		et   eventgateway.EventType
		want string
	}{
		{eventgateway.EventType{Name: "https://example.com/ü"}, ""},
		{eventgateway.EventType{Name: "http.request", AuthorizerID: "f", Schema: []byte("{}"), SchemaMode: "flag"}, ""},
		{eventgateway.EventType{Name: strings.Repeat("x", 255), SchemaMode: "off", Metadata: map[string]string{"k": ""}}, ""},
		{eventgateway.EventType{Name: "...", Schema: make([]byte, eventgateway.MaxSchemaLength)}, ""},
		{eventgateway.EventType{Name: "e", Space: "a/b"}, `space: "a/b" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`},
		{eventgateway.EventType{}, `name: "" is not accepted: want 1 to 255 bytes of printable characters without spaces or *`},
		{eventgateway.EventType{Name: "user.*"}, `name: "user.*" is not accepted: want 1 to 255 bytes of printable characters without spaces or *`},
		{eventgateway.EventType{Name: "."}, `name: "." is not accepted: want a name that can stand in a URL, so neither . nor ..`},
		{eventgateway.EventType{Name: ".."}, `name: ".." is not accepted: want a name that can stand in a URL, so neither . nor ..`},
		{eventgateway.EventType{Name: "gateway.x"}, `name: "gateway.x"` + own},
		{eventgateway.EventType{Name: "eventgateway.x"}, `name: "eventgateway.x"` + own},
		{eventgateway.EventType{Name: "e", AuthorizerID: ".."}, `authorizerId: ".." is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`},
		{eventgateway.EventType{Name: "e", SchemaMode: "Reject"}, `schemaMode: "Reject" is not accepted: want "reject", "flag" or "off"`},
		{eventgateway.EventType{Name: "e", Schema: make([]byte, eventgateway.MaxSchemaLength+1)}, `schema: 262145 bytes are not accepted: want at most 262144`},
		{eventgateway.EventType{Name: "e", Metadata: map[string]string{"": "x"}}, `metadata key: "" is not accepted: want 1 to 128 bytes`},
	} {
		test.et.Normalize()
		wantError(t, test.et.Name, test.et.Validate(), test.want)
	}
}
