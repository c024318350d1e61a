// Package processtest runs programs of others for tests, each in processes of their own.
package processtest

import (
	"os"
	"os/exec"
	"testing"
)

// Process is a program that runs.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Start starts a program that writes to a log file. Whoever starts it ends it.
func Start(t testing.TB, logFile, path string, args ...string) *Process {
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
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	return p
}

// Ended is closed when the program has ended, by itself or not.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill ends it at once, as a crash does, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Stop ends it as a shutdown does, and waits for its end.
func (p *Process) Stop() {
	if p.cmd.Process.Signal(os.Interrupt) != nil {
		_ = p.cmd.Process.Kill()
	}
	<-p.ended
}
