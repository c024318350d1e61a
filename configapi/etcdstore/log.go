package etcdstore

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// slogCore is a zap core that writes to a slog.Logger: etcd logs through zap only.
type slogCore struct {
	logger *slog.Logger
	level  func(zapcore.Entry) slog.Level
}

// expected are parts of warnings and errors about what is as it should be in an embedded server, or sets itself right: it
// has no listeners, nobody logs in, and for its first moments it has no storage version and waits for its own log.
var expected = []string{
	"Running http and grpc server on single port",
	"simple token is not cryptographically signed",
	"Failed to detect schema version",
	"failed to update storage version",
	"cannot campaign at term",
}

// serverLevel is for the embedded server: what it says in passing is of interest only when looking for a fault.
func serverLevel(entry zapcore.Entry) slog.Level {
	isPart := func(part string) bool { return strings.Contains(entry.Message, part) }
	switch {
	case entry.Level <= zapcore.InfoLevel || entry.Level <= zapcore.ErrorLevel && slices.ContainsFunc(expected, isPart):
		return slog.LevelDebug
	case entry.Level == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// clientLevel is for clients: they warn at every attempt while a cluster is away, which the store says once by itself.
func clientLevel(zapcore.Entry) slog.Level { return slog.LevelDebug }

func newZap(logger *slog.Logger, level func(zapcore.Entry) slog.Level, options ...zap.Option) *zap.Logger {
	return zap.New(&slogCore{logger: logger, level: level}, options...)
}

// Enabled implements zapcore.Core. What etcd itself calls debugging is never logged: it has whole requests in it, and so
// the credentials of functions.
func (c *slogCore) Enabled(level zapcore.Level) bool {
	return c.shown(zapcore.Entry{Level: level})
}

// shown leaves out what etcd says below info, which is about each of its requests.
func (c *slogCore) shown(entry zapcore.Entry) bool {
	return entry.Level >= zapcore.InfoLevel && c.logger.Enabled(context.Background(), c.level(entry))
}

// With implements zapcore.Core.
func (c *slogCore) With(fields []zapcore.Field) zapcore.Core {
	return &slogCore{logger: c.logger.With(slogArgs(fields)...), level: c.level}
}

// Check implements zapcore.Core.
func (c *slogCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.shown(entry) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c *slogCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	c.logger.Log(context.Background(), c.level(entry), "etcd: "+strings.TrimSpace(entry.Message), slogArgs(fields)...)
	return nil
}

// Sync implements zapcore.Core.
func (c *slogCore) Sync() error { return nil }

// slogArgs converts one field at a time, so that their order stays.
func slogArgs(fields []zapcore.Field) []any {
	args := make([]any, 0, len(fields))
	for _, field := range fields {
		values := zapcore.NewMapObjectEncoder()
		field.AddTo(values)
		for key, value := range values.Fields {
			args = append(args, slog.Any(key, value))
		}
	}
	return args
}
