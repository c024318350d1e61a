package processtest

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Serve starts a command that writes in its first line where it serves, and returns that line. The command is to end, without
// an error, when its input does, which is at the end of the test.
func Serve(t testing.TB, cmd *exec.Cmd) (line string) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if line, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%s did not say where it serves: %v", cmd.Path, err)
	}
	return strings.TrimSpace(line)
}
