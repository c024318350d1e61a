package gatewaytest

import (
	"bytes"
	"sync"
)

// Log returns what the gateway has logged so far.
func (g *Gateway) Log() string { return g.log.String() }

// logBuffer keeps a process' output.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) tail() string {
	s := l.String()
	const limit = 20_000
	if len(s) > limit {
		return "…" + s[len(s)-limit:]
	}
	return s
}
