package caddymodule

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// switchHandler passes log records on to the handler of the configuration in force: the engine outlives the log writers
// of the configuration that made it.
type switchHandler struct {
	target *atomic.Pointer[slog.Handler]
	// with holds what WithAttrs and WithGroup added, to be applied to whatever the target is.
	with []func(slog.Handler) slog.Handler
}

func newSwitchHandler(h slog.Handler) *switchHandler {
	s := &switchHandler{target: new(atomic.Pointer[slog.Handler])}
	s.use(h)
	return s
}

// use makes h the target of this handler and of all derived from it.
func (s *switchHandler) use(h slog.Handler) { s.target.Store(&h) }

// Enabled implements slog.Handler.
func (s *switchHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return (*s.target.Load()).Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (s *switchHandler) Handle(ctx context.Context, record slog.Record) error {
	h := *s.target.Load()
	for _, with := range s.with {
		h = with(h)
	}
	return h.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (s *switchHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return s.derive(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (s *switchHandler) WithGroup(name string) slog.Handler {
	return s.derive(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (s *switchHandler) derive(with func(slog.Handler) slog.Handler) slog.Handler {
	return &switchHandler{target: s.target, with: append(s.with[:len(s.with):len(s.with)], with)}
}
