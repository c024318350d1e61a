//go:build !linux

package external

import (
	"os"
	"os/exec"
)

// tie does nothing where the system cannot tie a process to its parent: the end of its standard input has to do.
func tie(*exec.Cmd) {}

// killAll kills the process.
func killAll(process *os.Process) { _ = process.Kill() }
