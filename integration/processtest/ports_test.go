package processtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

const (
	portsOf   = "PROCESSTEST_PORTS"
	manyPorts = 3 * blockSize
)

// TestFreePorts has two processes ask for ports at the same time: none is given out twice.
func TestFreePorts(t *testing.T) {
	given := FreePorts(t, manyPorts)
	if os.Getenv(portsOf) != "" {
		if err := json.NewEncoder(os.Stderr).Encode(given); err != nil {
			t.Fatal(err)
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFreePorts$")
	cmd.Env = append(os.Environ(), portsOf+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var others []int
	if err := json.NewDecoder(stderr).Decode(&others); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range append(given, others...) {
		if seen[port] {
			t.Errorf("port %d is given out twice", port)
		}
		seen[port] = true
	}
	if len(seen) != 2*manyPorts {
		t.Errorf("%d ports are given out, want %d", len(seen), 2*manyPorts)
	}
}
