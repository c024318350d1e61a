package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// fortress is a stage whose gateway gets hostile input, with what it was like before.
type fortress struct {
	*stage
	goroutines int
}

// newFortress starts a gateway that is to survive. "/alive" answers.
func newFortress(t *testing.T, opts ...gatewaytest.Option) *fortress {
	t.Helper()
	f := &fortress{stage: newStage(t, opts...)}
	f.function("alive", says(`{"body":"alive"}`))
	f.subscribe("http GET /alive alive")
	f.send("GET", "/alive", "").wants(t, 200, "alive")
	f.settle()
	f.goroutines = goroutines(t, f.Gateway)
	return f
}

// settle lets go of the connections that are kept for later requests, on both sides.
func (f *fortress) settle() {
	f.client.CloseIdleConnections()
	f.backend.CloseClientConnections()
}

// idleMemory is what the process takes when nothing goes on, with much room: Caddy, and an etcd server in it, take 60 to
// 120 MiB.
const idleMemory = 256 << 20

// survived checks that the gateway is as well as before, and that it never took more memory than limit beyond idleMemory.
func (f *fortress) survived(limit int64) {
	t := f.t
	t.Helper()
	select {
	case <-f.Exited():
		t.Fatalf("the gateway exited")
	default:
	}
	f.send("GET", "/alive", "").wants(t, 200, "alive")
	f.Do("GET", f.Config+"/v1/status", nil, 200)
	for line := range strings.Lines(f.Log()) {
		if strings.Contains(line, "panic") || strings.Contains(line, "fatal error") || strings.Contains(line, "DATA RACE") {
			t.Errorf("in the log: %.2000s", line)
		}
	}
	limit += idleMemory
	if gatewaytest.RaceEnabled {
		limit *= 10 // the race detector notes up to nine words for each one
	}
	peak := peakMemory(t, f.Gateway)
	if peak > limit {
		t.Errorf("the process took %d MiB at its peak, want at most %d MiB", peak>>20, limit>>20)
	}
	// Connections to functions are kept for 4 seconds, so this may take as long.
	n := 0
	gatewaytest.Eventually(t, patience, func() error {
		f.settle()
		if n = goroutines(t, f.Gateway); n > f.goroutines+5 {
			return fmt.Errorf("%d goroutines, %d before", n, f.goroutines)
		}
		return nil
	})
	t.Logf("memory at its peak: %d MiB of %d; goroutines: %d before, %d after", peak>>20, limit>>20, f.goroutines, n)
}

// peakMemory returns the most memory the process has had so far; where the system does not tell, what it has now.
func peakMemory(t *testing.T, g *gatewaytest.Gateway) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.Pid()))
	if err != nil {
		return int64(metric(t, g, "process_resident_memory_bytes"))
	}
	var kilobytes int64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscanf(rest, "%d kB", &kilobytes); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
	}
	return kilobytes << 10
}

// scaled is how many of something to do at once: fewer where the race detector makes each ten times as dear.
func scaled(n int) int {
	if gatewaytest.RaceEnabled {
		return n / 10
	}
	return n
}
