package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
)

// TestProvidersTable holds the table in docs/providers/README.md to the providers of this build: one row for each, in their order,
// with nothing left open and with its page.
func TestProvidersTable(t *testing.T) {
	docs := filepath.Join("..", "docs", "providers")
	text, err := os.ReadFile(filepath.Join(docs, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile("^\\[`([a-z]+)`\\]\\(([a-z]+)\\.md\\)$")
	var types []string
	columns := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] == "type" {
			columns = len(cells)
		}
		name := first.FindStringSubmatch(cells[0])
		if name == nil {
			continue
		}
		types = append(types, name[1])
		if len(cells) != columns || slices.Contains(cells, "") {
			t.Errorf("the row of %s has %d cells of %d, or an empty one: %q", name[1], len(cells), columns, cells)
		}
		page, err := os.ReadFile(filepath.Join(docs, name[2]+".md"))
		if err != nil || name[1] != name[2] {
			t.Errorf("the page of %s: %v", name[1], err)
		}
		if !strings.HasPrefix(string(page), "# Provider `"+name[1]+"`\n") {
			t.Errorf("the page of %s is about something else", name[1])
		}
	}
	if want := providers.Types(); !slices.Equal(types, want) {
		t.Errorf("the table has %q, want %q", types, want)
	}
	api, err := os.ReadFile(filepath.Join("..", "docs", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range types {
		if !strings.Contains(string(api), "\n        - `"+typ+"`: ") {
			t.Errorf("docs/openapi.yaml does not list the fields of %s", typ)
		}
	}
}
