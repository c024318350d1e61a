package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/eventgateway/eventgateway/caddymodule"
)

var update = flag.Bool("update", false, "write the golden files anew")

// separator stands between a Caddyfile and what it adapts to: JSON, or an error.
const separator = "----------\n"

// TestAdapt holds every file in testdata/adapt: a Caddyfile, the separator, and the JSON or the error it adapts to.
func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(content), separator)
			got := strings.ReplaceAll(adapt(input), " picky", "") // a provider that only another test of this package has
			if *update {
				if err := os.WriteFile(file, []byte(input+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("adapts to:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func adapt(input string) string {
	body, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err.Error() + "\n"
	}
	var b bytes.Buffer
	for _, w := range warnings {
		b.WriteString("warning: " + w.String() + "\n")
	}
	if err := json.Indent(&b, body, "", "\t"); err != nil {
		return err.Error()
	}
	return b.String() + "\n"
}

// FuzzCaddyfile looks for Caddyfiles that make the adapter panic.
func FuzzCaddyfile(f *testing.F) {
	files, _ := filepath.Glob("testdata/adapt/*.caddyfiletest")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), separator)
		f.Add(input)
	}
	f.Fuzz(func(_ *testing.T, input string) {
		if len(input) > 1<<12 || strings.Contains(input, "import") {
			return // importing would read files
		}
		adapt(input)
	})
}
