package external

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
)

// maxLine bounds a line of a program's output in the log; what is longer is cut.
const maxLine = 16 << 10

// output writes what a program writes to the gateway's log, line by line at its level.
type output struct {
	logger *slog.Logger
	level  slog.Level // of lines that tell none

	mu   sync.Mutex
	line []byte
	cut  bool
}

// Write implements io.Writer. It does not fail.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(o.line); len(line) > room {
			line, o.cut = line[:room], true
		}
		o.line = append(o.line, line...)
		rest = after
		if ended {
			o.flush()
		}
	}
	return len(p), nil
}

// end logs what was not ended by a newline.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
}

func (o *output) flush() {
	line := bytes.TrimSpace(o.line)
	if len(line) > 0 {
		level, message, attrs := readLine(line, o.level)
		if o.cut {
			attrs = append(attrs, slog.Bool("cut", true))
		}
		o.logger.LogAttrs(context.Background(), level, message, attrs...)
	}
	o.line, o.cut = o.line[:0], false
}

// readLine reads a line of a program's output: one of log/slog's, hclog's or pino's JSON, one that begins with its level in
// brackets, or another.
func readLine(line []byte, otherwise slog.Level) (level slog.Level, message string, attrs []slog.Attr) {
	if line[0] == '{' {
		var fields map[string]any
		if json.Unmarshal(line, &fields) == nil {
			return readFields(fields, otherwise)
		}
	}
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	if rest, ok := strings.CutPrefix(text, "["); ok {
		if name, rest, ok := strings.Cut(rest, "]"); ok {
			if level, ok := levelOf(name); ok {
				return level, strings.TrimSpace(rest), nil
			}
		}
	}
	return otherwise, text, nil
}

// readFields takes level and message out of a line in JSON. Its other fields are kept together, so that none is mistaken for
// one of the gateway's own.
func readFields(fields map[string]any, otherwise slog.Level) (level slog.Level, message string, attrs []slog.Attr) {
	level = otherwise
	for _, name := range []string{"@level", "level"} {
		if found, ok := levelOf(fields[name]); ok {
			level = found
		}
		delete(fields, name)
	}
	for _, name := range []string{"@message", "msg", "message"} {
		if text, ok := fields[name].(string); ok && message == "" {
			message = text
			delete(fields, name)
		}
	}
	for _, name := range []string{"@timestamp", "timestamp", "time"} {
		delete(fields, name)
	}
	if len(fields) > 0 {
		attrs = append(attrs, slog.Any("fields", fields))
	}
	return level, message, attrs
}

// levelOf reads a level: a name, or pino's number.
func levelOf(value any) (level slog.Level, ok bool) {
	switch v := value.(type) {
	case string:
		switch strings.ToLower(v) {
		case "trace", "debug":
			return slog.LevelDebug, true
		case "info":
			return slog.LevelInfo, true
		case "warn", "warning":
			return slog.LevelWarn, true
		case "error", "fatal":
			return slog.LevelError, true
		}
	case float64:
		switch {
		case v < 30:
			return slog.LevelDebug, true
		case v < 40:
			return slog.LevelInfo, true
		case v < 50:
			return slog.LevelWarn, true
		default:
			return slog.LevelError, true
		}
	}
	return 0, false
}
