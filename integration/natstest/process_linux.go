package natstest

import (
	"os/exec"
	"syscall"
)

// endWithParent has the process end also when the test's process does so without cleaning up.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// pause has the process stand still; resume ends that.
func (p *process) pause() error  { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }
