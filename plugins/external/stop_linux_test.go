package external_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestTheProgramEndsWithThePlugin(t *testing.T) {
	for name, mode := range map[string]string{"willing": "sdk", "stubborn": "stubborn", "stopped": "sdk"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			host := start(t, program(t, mode))
			pid := ask[int](t, host, "tell pid")
			if !runs(t, pid) {
				t.Fatal("the program does not run")
			}
			if name == "stopped" {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			stop(t, host)
			if runs(t, pid) {
				t.Error("the program still runs")
			}
			if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestStopDoesNotOutlastItsContext(t *testing.T) {
	host := start(t, program(t, "stubborn"))
	pid := ask[int](t, host, "tell pid")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// It may say that it was late; what counts is that the program is gone.
	_ = host.Stop(ctx)
	eventually(t, "the program to be gone", func() bool { return !runs(t, pid) })
}

func TestWhatAProgramHasStartedEndsWithIt(t *testing.T) {
	for _, how := range []string{"stop", "crash"} {
		t.Run(how, func(t *testing.T) {
			host := start(t, program(t, "sdk"))
			child := ask[int](t, host, "start child")
			if !runs(t, child) {
				t.Fatal("the child does not run")
			}
			if how == "stop" {
				stop(t, host)
			} else if host.Emit(t.Context(), ordering("crash")) == nil {
				t.Fatal("no failure")
			}
			eventually(t, "the child to be gone", func() bool { return !runs(t, child) })
		})
	}
}

func TestTheProgramEndsWhenTheGatewayIsKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]string{
		// The program is the gateway's child: the system kills it.
		"child": "exec " + self,
		// It is a grandchild: its standard input ends.
		"grandchild": self + "; true",
	} {
		t.Run(name, func(t *testing.T) {
			gateway := exec.Command(self)
			gateway.Env = append(os.Environ(), programMode+"=gateway", "RUN="+run, "TMPDIR="+t.TempDir())
			out, err := gateway.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := gateway.Start(); err != nil {
				t.Fatal(err)
			}
			defer gateway.Wait()
			defer gateway.Process.Kill()
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			var pid int
			if err := json.Unmarshal([]byte(strings.TrimSpace(line)), &pid); err != nil || !runs(t, pid) {
				t.Fatalf("the gateway says %q", line)
			}
			if err := gateway.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the program to be gone", func() bool { return !runs(t, pid) })
		})
	}
}

func TestRestartsLeaveNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	host := start(t, program(t, "sdk"))
	left := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), "*"))
		return runtime.NumGoroutine() + len(files) + len(dirs)
	}
	restart := func() {
		before := ask[int](t, host, "tell pid")
		if host.Emit(t.Context(), ordering("crash")) == nil {
			t.Fatal("no failure")
		}
		eventually(t, "the program to be there again", func() bool {
			now, err := answer[int](host.Emit(t.Context(), ordering("tell pid")))
			return err == nil && now != before
		})
	}
	restart()
	before := left()
	const times = 10
	for range times {
		restart()
	}
	eventually(t, fmt.Sprintf("what is left to be about %d", before), func() bool { return left() < before+times })
}

// runs reports whether a process is there, and not only its remains.
func runs(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The state follows the name, which is in parentheses.
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}
