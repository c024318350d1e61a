package processtest

import (
	"os/exec"
	"syscall"
)

// endWithParent has the process end also when the test's process does so without cleaning up.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
