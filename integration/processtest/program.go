package processtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Program is a main package that tests run.
type Program struct {
	// Package is its import path, or its path in Dir.
	Package string
	// Dir is the folder in whose module it is built, below integration. Default: that of the tests.
	Dir string
}

// built are the programs that tests of this process have built, by path.
var built struct {
	sync.Mutex
	dir   string
	paths map[Program]string
}

// Run runs a package's tests and removes the programs that were built for them. Call it in TestMain:
// os.Exit(processtest.Run(m)).
func Run(m *testing.M) int {
	defer func() {
		built.Lock()
		defer built.Unlock()
		if built.dir != "" {
			os.RemoveAll(built.dir)
		}
	}()
	return m.Run()
}

// Build builds the program from the modules that this project pins, once for all tests of a package, and returns its path.
func (p Program) Build(t testing.TB) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.paths[p]; ok {
		return path
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "processtest-")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.paths = dir, map[Program]string{}
	}
	dir, err := os.MkdirTemp(built.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program.exe")
	cmd := exec.Command("go", "build", "-o", path, p.Package)
	if p.Dir != "" {
		_, here, _, _ := runtime.Caller(0)
		cmd.Dir = filepath.Join(filepath.Dir(here), "..", p.Dir)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", p.Package, err, out)
	}
	built.paths[p] = path
	return path
}
