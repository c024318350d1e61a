package jetstream

import (
	"context"
	"testing"
	"time"
)

// TestFlushWithoutASession ends although what was finished cannot be removed, and somebody else waits to remove it.
func TestFlushWithoutASession(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := newFinisher(&partition{log: &Log{link: newLink(nil, testLogger(t)), logger: testLogger(t)}})
	f.finish(1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx)
	}()
	eventually(t, "the finisher waits for a session", func() bool { return len(f.round) == 1 })
	f.finish(2)
	flushing, stop := context.WithTimeout(ctx, 10*time.Millisecond)
	defer stop()
	f.flush(flushing)
	if flushing.Err() == nil {
		t.Error("it says that all is removed")
	}
	cancel()
	<-done
}
