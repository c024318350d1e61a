package deny_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/plugins/examples/deny"
)

func Example() {
	d := new(deny.Deny)
	if err := d.UnmarshalCaddyfile(caddyfile.NewTestDispenser("deny user.deleted")); err != nil {
		fmt.Println(err)
	}
	ctx := context.Background()
	host := plugins.NewHost([]plugins.Named{{Name: "deny", Plugin: d}}, nil, nil)
	if err := host.Start(ctx); err != nil {
		fmt.Println(err)
	}
	for _, data := range []string{`{"event":{"event":"user.created"}}`, `{"event":{"event":"user.deleted"}}`} {
		fmt.Println(host.Emit(ctx, &eventgateway.Event{Type: eventgateway.EventReceived, Data: []byte(data)}))
	}
	if err := host.Stop(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// events of this type are denied
}

// TestTheDocumentationShowsIt compares what docs/plugins.md shows with the files that are compiled and tested.
func TestTheDocumentationShowsIt(t *testing.T) {
	page, err := os.ReadFile("../../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"deny.go", "../../external/examples/guard-go/main.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// What a command does, its page says.
		_, shown, _ := strings.Cut("\n"+string(source), "\npackage main\n")
		if shown == "" {
			shown = string(source)
		}
		if !strings.Contains(string(page), shown+"```") {
			t.Errorf("docs/plugins.md does not show %s as it is", file)
		}
	}
}
