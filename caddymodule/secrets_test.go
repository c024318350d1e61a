package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("EVENT_GATEWAY_TEST_SECRET", "s3cret")
	t.Setenv("event.gateway/test", "s3cret")
	t.Setenv("EVENT_GATEWAY_TEST_EMPTY", "")
	for name, test := range map[string]struct {
		source    *SecretSource
		want, err string
	}{
		"variable":              {&SecretSource{Env: "EVENT_GATEWAY_TEST_SECRET"}, "s3cret", ""},
		"odd variable":          {&SecretSource{Env: "event.gateway/test"}, "s3cret", ""},
		"empty variable":        {&SecretSource{Env: "EVENT_GATEWAY_TEST_EMPTY"}, "", "environment variable EVENT_GATEWAY_TEST_EMPTY is not set"},
		"secret for a name":     {&SecretSource{Env: "s3cret"}, "", "want the name itself"},
		"file":                  {&SecretSource{File: write("plain", "s3cret")}, "s3cret", ""},
		"line break":            {&SecretSource{File: write("break", "s3cret\n")}, "s3cret", ""},
		"line break of Windows": {&SecretSource{File: write("windows", "s3cret\r\n")}, "s3cret", ""},
		"several lines":         {&SecretSource{File: write("lines", "s3\ncret\n\n")}, "s3\ncret\n", ""},
		"empty file":            {&SecretSource{File: write("empty", "\n")}, "", "is empty"},
		"largest":               {&SecretSource{File: write("largest", strings.Repeat("s", maxSecret))}, strings.Repeat("s", maxSecret), ""},
		"too large":             {&SecretSource{File: write("large", strings.Repeat("s", maxSecret+1))}, "", "is too large: want at most 65536 bytes"},
		"no file":               {&SecretSource{File: filepath.Join(dir, "none")}, "", "none"},
		"directory":             {&SecretSource{File: dir}, "", "directory"},
		"both":                  {&SecretSource{Env: "A", File: "b"}, "", "want either env or file"},
		"neither":               {&SecretSource{}, "", "want either env or file"},
		"null":                  {nil, "", "want either env or file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.source.read()
			if test.err == "" {
				if err != nil || got != test.want {
					t.Errorf("got %q, error %v; want %q", got, err, test.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %q, error %v; want %s", got, err, test.err)
			}
		})
	}
}
