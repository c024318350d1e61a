package jetstream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

const (
	crashDir  = "EVENT_GATEWAY_TEST_CRASH_DIR"
	crashSync = "EVENT_GATEWAY_TEST_CRASH_SYNC"
)

// The test binary is its own child: a process to be killed.
func init() {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashChild(dir, os.Getenv(crashSync)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

// crashWriter tells the parent, a line at a time, what the child has done.
type crashWriter struct {
	mu sync.Mutex
}

func (w *crashWriter) line(what string, ids ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		fmt.Println(what + " " + id)
	}
}

// crashReceiver finishes some records, writes some anew and keeps the rest.
type crashReceiver struct {
	log *Log
	out *crashWriter
}

func (r *crashReceiver) Receive(rec *delivery.Record) {
	ids := idsOf([]*delivery.Record{rec})
	r.out.line("got", ids...)
	switch rand.IntN(4) {
	case 0, 1:
		r.out.line("finishing", ids...)
		r.log.Finish(rec)
	case 2:
		go func() {
			// One delivery of the record is done, the others are still to be made.
			r.out.line("finishing", ids[0])
			if left := rec.Works[1:]; len(left) == 0 {
				r.log.Finish(rec)
			} else if _, err := r.log.Rewrite(context.Background(), rec, left); err != nil {
				panic(err)
			}
		}()
	}
}

func (r *crashReceiver) CaughtUp(int) {}
func (r *crashReceiver) Revoke(int)   {}

func (r *crashReceiver) Release([]*delivery.Work) {}

func crashChild(dir, sync string) error {
	q := &Queue{Sync: sync}
	log, err := q.Open(delivery.Env{DataDir: dir, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	out := &crashWriter{}
	log.Start(&crashReceiver{log.(*Log), out})
	failed := make(chan error)
	for sender := range 8 {
		go func() {
			prefix := fmt.Sprintf("%d-%d-", os.Getpid(), sender)
			for i := 0; ; i++ {
				id := prefix + strconv.Itoa(i)
				ids := []string{id + "a", id + "b"}[:1+i%2]
				if err := log.Append(context.Background(), works(ids...)); err != nil {
					failed <- err
					return
				}
				out.line("accepted", ids...)
			}
		}()
	}
	return <-failed
}

// crash runs a child until it has accepted some events, kills it, and returns what it told.
func crash(t *testing.T, dir, sync string) (accepted, finishing []string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir, crashSync+"="+sync)
	child.Stderr = t.Output()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = child.Start(); err != nil {
		t.Fatal(err)
	}
	alarm := time.AfterFunc(time.Minute, func() { child.Process.Kill() })
	defer alarm.Stop()
	limit := 100 + rand.IntN(2000)
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF { // what stands in the pipe when it is killed is read to the end
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch what, id, _ := strings.Cut(strings.TrimSpace(line), " "); what {
		case "accepted":
			if accepted = append(accepted, id); len(accepted) == limit {
				child.Process.Kill()
			}
		case "finishing":
			finishing = append(finishing, id)
		}
	}
	child.Wait()
	if len(accepted) < limit {
		t.Fatalf("the child ended by itself after %d of %d events", len(accepted), limit)
	}
	return accepted, finishing
}

// A process that is killed loses nothing of what it accepted, however often.
func TestKilled(t *testing.T) {
	rounds := 4
	if os.Getenv("EVENT_GATEWAY_LONG") != "" {
		rounds = 20
	}
	for _, sync := range []string{"", SyncAlways} {
		t.Run("sync="+sync, func(t *testing.T) {
			dir := t.TempDir()
			owed, total := map[string]bool{}, 0
			for range rounds {
				accepted, finishing := crash(t, dir, sync)
				total += len(accepted)
				for _, id := range accepted {
					owed[id] = true
				}
				for _, id := range finishing {
					delete(owed, id)
				}
			}
			_, s := started(t, &Queue{Sync: sync}, dir)
			s.awaitCaughtUp(t)
			for _, id := range s.ids() {
				delete(owed, id)
			}
			for id := range owed {
				t.Errorf("the accepted event %s is lost", id)
			}
			t.Logf("%d events accepted, %d there at the end", total, len(s.ids()))
		})
	}
}
