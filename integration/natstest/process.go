package natstest

import (
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

var binary struct {
	sync.Mutex
	dir, path string
}

// Run runs a package's tests and removes what was built for them. Call it in TestMain: os.Exit(natstest.Run(m)).
func Run(m *testing.M) int {
	defer Remove()
	return m.Run()
}

// Remove removes what was built for a package's tests; for a TestMain that cannot call Run.
func Remove() {
	binary.Lock()
	defer binary.Unlock()
	if binary.dir != "" {
		os.RemoveAll(binary.dir)
	}
	binary.dir, binary.path = "", ""
}

// build builds the server from the module this project pins, once for all tests of a package.
func build(t testing.TB) string {
	t.Helper()
	binary.Lock()
	defer binary.Unlock()
	if binary.path != "" {
		return binary.path
	}
	dir, err := os.MkdirTemp("", "natstest-")
	if err != nil {
		t.Fatal(err)
	}
	binary.dir = dir
	path := filepath.Join(dir, "nats-server.exe")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		t.Fatalf("building nats-server: %v\n%s", err, out)
	}
	binary.path = path
	return path
}

type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// startProcess starts a command that writes to a log file.
func startProcess(t testing.TB, logFile, path string, args ...string) *process {
	t.Helper()
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (p *process) stop() {
	if p.cmd.Process.Signal(os.Interrupt) != nil {
		_ = p.cmd.Process.Kill()
	}
	<-p.ended
}

// freePorts returns ports nobody listens on. They are outside of the range from which systems take the ports of outgoing
// connections: a member that is down for a while finds its ports free when it comes back.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		if tries == 1000 {
			t.Fatal("no free ports")
		}
		port := 15000 + rand.IntN(15000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, port)
	}
	return ports
}
