// Package gatewaytest runs a real gateway for tests: a caddy binary with the module, in a process of its own.
package gatewaytest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// BinaryVariable names an environment variable with the path of a caddy binary to test, such as the one xcaddy built.
// Without it the tests build one with the plain go command.
const BinaryVariable = "EVENT_GATEWAY_BINARY"

var binary = sync.OnceValues(build)

// Binary returns the path of a caddy binary with the module. It is built once per test process, with the race detector if
// the tests have it.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build() (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		return filepath.Abs(path)
	}
	// The path is the same for every run of the same checkout, so that unchanged code is not linked again.
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	name, args := "caddy", []string{"build"}
	if RaceEnabled {
		name, args = "caddy-race", append(args, "-race")
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	checkout := sha256.Sum256([]byte(root))
	path := filepath.Join(cache, "event-gateway-test", hex.EncodeToString(checkout[:8]), name)
	cmd := exec.Command("go", append(args, "-o", path, "./integration/caddy")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building caddy: %w\n%s", err, out)
	}
	return path, nil
}
