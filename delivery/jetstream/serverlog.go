package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// serverLog is where the embedded server logs to.
type serverLog struct {
	logger *slog.Logger
	// broken is told of faults after which the server does not write any more.
	broken func(error)
}

// expected are parts of warnings about what is as it should be in an embedded server, or sets itself right: after a
// process was killed, what stands in the files is read anew.
var expected = []string{
	"Maximum payloads over",
	"Stream state outdated",
	"Recovering stream state from index errored: prior state file",
}

// fatal are parts of messages of faults that the server does not get over by itself: of those that wanted to write it
// answers none from then on.
var fatal = []string{
	"critical write error",
	"Critical write error",
	"will be DISABLED",
	"disabling JetStream",
}

func (l *serverLog) log(level slog.Level, format string, args []any) {
	message := fmt.Sprintf(format, args...)
	// A fault of the protocol is shown with what was sent.
	if i := strings.Index(message, "proto="); i >= 0 {
		message = message[:i]
	}
	isPart := func(part string) bool { return strings.Contains(message, part) }
	switch {
	case level == slog.LevelWarn && slices.ContainsFunc(expected, isPart):
		level = slog.LevelDebug
	case level >= slog.LevelWarn && slices.ContainsFunc(fatal, isPart):
		l.broken(faultOf(message))
	}
	l.logger.Log(context.Background(), level, "embedded NATS server: "+message)
}

// Noticef implements server.Logger, as the others do. What the server says in passing is of interest only when looking
// for a fault.
func (l *serverLog) Noticef(format string, args ...any) { l.log(slog.LevelDebug, format, args) }
func (l *serverLog) Warnf(format string, args ...any)   { l.log(slog.LevelWarn, format, args) }
func (l *serverLog) Errorf(format string, args ...any)  { l.log(slog.LevelError, format, args) }

// Fatalf is for faults after which a server of its own would exit. This one only never becomes ready.
func (l *serverLog) Fatalf(format string, args ...any) {
	l.log(slog.LevelError, format, args)
	l.broken(faultOf(fmt.Sprintf(format, args...)))
}

// faultOf says what a message is about, to users who do not know of the server.
func faultOf(message string) error {
	if strings.Contains(message, "no space left") || strings.Contains(message, "not enough space") {
		return errors.New("the disk is full")
	}
	return fmt.Errorf("the embedded NATS server: %s", message)
}

// Debugf and Tracef are not called: they are switched off.
func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}
