package external

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// outputGrace is how long what a program has written is still read when it has ended.
const outputGrace = time.Second

// process is the process of a program. It does not outlive the gateway: its standard input ends when the gateway does, and
// where the system can, it is killed.
type process struct {
	cmd                   *exec.Cmd
	stdin, stdout, stderr *os.File // the gateway's ends

	done chan struct{} // closed when it has ended
	err  error         // set before done is closed

	mu      sync.Mutex
	running *os.Process // nil unless it runs
	killed  bool        // before it ran

	closeInput sync.Once
}

func newProcess(cmd *exec.Cmd) *process {
	return &process{cmd: cmd, done: make(chan struct{})}
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	var err1, err2, err3 error
	theirs[0], p.stdin, err1 = os.Pipe()
	p.stdout, theirs[1], err2 = os.Pipe()
	p.stderr, theirs[2], err3 = os.Pipe()
	err := errors.Join(err1, err2, err3)
	if err == nil {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1], theirs[2]
		tie(p.cmd)
		started := make(chan error, 1)
		go p.run(started)
		err = <-started
	}
	return err
}

// run keeps the thread that starts the process until the process has ended: the system takes the end of that thread for the
// end of the gateway.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	if err == nil {
		p.started()
	}
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	p.ended()
	// Somebody who holds the other end does not keep the readers waiting.
	deadline := time.Now().Add(outputGrace)
	_ = p.stdout.SetReadDeadline(deadline)
	_ = p.stderr.SetReadDeadline(deadline)
	close(p.done)
}

func (p *process) started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = p.cmd.Process
	if p.killed {
		killAll(p.running)
	}
}

func (p *process) ended() {
	p.mu.Lock()
	defer p.mu.Unlock()
	killAll(p.running) // what it has started itself
	p.running = nil
}

// endInput tells the program to end. It is called of a process that has started.
func (p *process) endInput() { p.closeInput.Do(func() { p.stdin.Close() }) }

// close puts away what is left when the process has ended, or did not start.
func (p *process) close() {
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// Wait implements runner.AttachedRunner.
func (p *process) Wait(context.Context) error {
	<-p.done
	return p.err
}

// Kill implements runner.AttachedRunner. A process that has not started is killed as soon as it has.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.running != nil {
		killAll(p.running)
	}
	return nil
}

// ID implements runner.AttachedRunner. It is never empty, so that what go-plugin has made for the process is put away even
// when it did not start.
func (p *process) ID() string { return p.cmd.Path }

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr implements runner.Runner.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// Name implements runner.Runner.
func (p *process) Name() string { return p.cmd.Path }

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.AddrTranslator.
func (p *process) PluginToHost(network, address string) (hostNetwork, hostAddress string, err error) {
	return network, address, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (p *process) HostToPlugin(network, address string) (pluginNetwork, pluginAddress string, err error) {
	return network, address, nil
}

var _ runner.Runner = (*process)(nil)
