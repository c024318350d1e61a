package external

import (
	"os"
	"os/exec"
	"syscall"
)

// tie makes the process the first of a group of its own, so that the group can be killed, and has the system kill it when the
// gateway ends, however that comes about.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killAll kills the process and those it has started.
func killAll(process *os.Process) { _ = syscall.Kill(-process.Pid, syscall.SIGKILL) }
