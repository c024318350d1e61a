package jetstream

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestServerLog(t *testing.T) {
	var logged bytes.Buffer
	var broken []string
	l := &serverLog{
		logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn})),
		broken: func(err error) { broken = append(broken, err.Error()) },
	}
	l.Noticef("in passing %d", 1)
	l.Debugf("in passing %d", 2)
	l.Tracef("in passing %d", 3)
	l.Warnf("Maximum payloads over %s are in passing", "8MB")
	l.Errorf("client parser ERROR, state=%d: proto='%s...'", 7, "secret")
	l.Warnf("a warning")
	if len(broken) > 0 {
		t.Errorf("broken by %q", broken)
	}
	l.Errorf("Filestore [x] Critical write error: write /x: no space left on device")
	l.Errorf("JetStream stream '%s' critical write error: %v", "x", "input/output error")
	l.Warnf("Filesystem permission denied while writing msg, disabling JetStream: x")
	l.Fatalf("Can't start JetStream: %s", "x")
	text := logged.String()
	if strings.Contains(text, "in passing") || strings.Contains(text, "secret") {
		t.Errorf("logged %s", text)
	}
	if !strings.Contains(text, "parser ERROR") || !strings.Contains(text, "level=WARN msg=\"embedded NATS server: a warning\"") {
		t.Errorf("logged %s", text)
	}
	if len(broken) != 4 || broken[0] != "the disk is full" {
		t.Errorf("broken by %q", broken)
	}
}
