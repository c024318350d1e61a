package caddymodule

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func textLog(b *bytes.Buffer, level slog.Level) slog.Handler {
	return slog.NewTextHandler(b, &slog.HandlerOptions{Level: level})
}

// TestSwitchHandler looks that a logger derived before the switch writes to the handler of after, with all it was given.
func TestSwitchHandler(t *testing.T) {
	var first, second bytes.Buffer
	s := newSwitchHandler(textLog(&first, slog.LevelInfo))
	logger := slog.New(s).With("a", 1).WithGroup("g").With("b", 2)
	logger.Info("one", "c", 3)
	s.use(textLog(&second, slog.LevelDebug))
	logger.Debug("two", "c", 3)

	for name, test := range map[string]struct{ got, want string }{
		"before": {first.String(), "msg=one a=1 g.b=2 g.c=3"},
		"after":  {second.String(), "msg=two a=1 g.b=2 g.c=3"},
	} {
		if !strings.Contains(test.got, test.want) || strings.Count(test.got, "\n") != 1 {
			t.Errorf("%s the switch: %q, want one line with %q", name, test.got, test.want)
		}
	}
}
