package external

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/eventgateway/eventgateway"
)

// startTimeout bounds how long a program may take until it can be called.
const startTimeout = time.Minute

// Start starts the program. It implements plugins.Starter.
func (p *Plugin) Start(ctx context.Context) error {
	first, err := p.startProgram(ctx)
	if err != nil {
		return eventgateway.Errorf(eventgateway.Invalid, "command: %s: %w", eventgateway.Quote(p.Command[0]), err)
	}
	p.subscriptions = first.subscriptions
	p.current.Store(first)
	p.logStart(first)
	ctx, p.cancel = context.WithCancel(context.Background())
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		p.supervise(ctx, first)
	}()
	return nil
}

// Stop ends the program, with two seconds' grace. It implements plugins.Starter.
func (p *Plugin) Stop(ctx context.Context) error {
	p.cancel()
	<-p.ended
	if last := p.current.Swap(nil); last != nil {
		last.close(ctx)
	}
	return nil
}

// supervise starts the program again when it has ended, until ctx is done.
func (p *Plugin) supervise(ctx context.Context, g *program) {
	delay := time.Duration(p.RestartBackoff)
	for {
		began := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-g.process.done:
		}
		p.current.Store(nil)
		ran := time.Since(began)
		p.logger.Error("the plugin's program has ended and is started again",
			slog.String("status", exitStatus(g.process.err)), slog.Duration("after", ran))
		g.close(ctx)
		if ran >= time.Duration(p.RestartMaximum) {
			delay = time.Duration(p.RestartBackoff)
		}
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(delay):
			}
			delay = min(2*delay, time.Duration(p.RestartMaximum))
			if g = p.restart(ctx); g != nil {
				break
			}
		}
		p.current.Store(g)
	}
}

// restart starts the program once, and returns nil when that did not succeed.
func (p *Plugin) restart(ctx context.Context) *program {
	timeout, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	g, err := p.startProgram(timeout)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil
	case err != nil:
		p.logger.Error("the plugin's program did not start", slog.String("error", err.Error()))
		return nil
	}
	if !slices.Equal(g.subscriptions, p.subscriptions) {
		p.logger.Warn("the plugin's program subscribes to other events than before: those of its first start count")
	}
	p.logStart(g)
	return g
}

func (p *Plugin) logStart(g *program) {
	p.logger.Info("the plugin's program has started", slog.Int("pid", g.process.cmd.Process.Pid))
}

func exitStatus(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// React has the program react to a system event. It implements plugins.Plugin.
func (p *Plugin) React(ctx context.Context, ev *eventgateway.Event) error {
	g := p.current.Load()
	if g == nil {
		return &downError{reason: errNotRunning.Error()}
	}
	return g.react(ctx, ev)
}

var errNotRunning = errors.New("it does not run")
