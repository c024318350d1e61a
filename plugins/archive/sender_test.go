package archive

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// startFast starts an archive whose sender does not wait long after a failure.
func startFast(t *testing.T, a *Archive) *Archive {
	t.Helper()
	firstBackoff = time.Millisecond
	t.Cleanup(func() { firstBackoff = time.Second })
	return start(t, a)
}

func TestUpload(t *testing.T) {
	for _, compression := range compressions {
		t.Run(compression, func(t *testing.T) {
			e := newEdge(t)
			a := start(t, &Archive{
				Directory: t.TempDir(), S3: e.settings(), Compression: compression, Prefix: "raw/{space}/{year} {month}",
			})
			react(t, a, inSpace("blue", "1"), inSpace("blue", "2"))
			stop(t, a)
			want := regexp.MustCompile(`^/events/raw/blue/\d{4} \d\d/\d{8}T\d{6}\.\d{3}Z-[a-z0-9]{12}-000001\.ndjson`)
			for path := range e.stored() {
				if !want.MatchString(path) || !strings.HasSuffix(path, suffixes[compression]) {
					t.Errorf("got the object %s", path)
				}
			}
			checkEvents(t, e.lines(), "1", "2")
			if left, open := complete(t, a.Directory), hiddenFiles(t, a.Directory); len(left)+len(open) > 0 {
				t.Errorf("left on the disk: %q %q", left, open)
			}
			if s := a.Status(); s.Uploads != 1 || s.UploadFailures+s.DroppedFiles > 0 || s.WaitingFiles+s.WaitingBytes != 0 {
				t.Errorf("got the status %+v", s)
			}
		})
	}
}

func TestUploadWithoutPathStyle(t *testing.T) {
	settings := &S3{Bucket: "events", Region: testRegion, AccessKeyID: testKeyID, SecretAccessKey: testSecret}
	b, err := settings.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o := b.client.Options(); o.UsePathStyle || o.Region != testRegion || o.BaseEndpoint != nil {
		t.Errorf("got %v, %q, %v", o.UsePathStyle, o.Region, o.BaseEndpoint)
	}
}

func TestUploadWhileRunning(t *testing.T) {
	e := newEdge(t)
	a := start(t, &Archive{Directory: t.TempDir(), S3: e.settings(), MaxAge: second, Sync: true})
	react(t, a, about("1"))
	eventually(t, "the file is uploaded", func() bool { return len(e.stored()) == 1 })
	checkEvents(t, e.lines(), "1")
}

// TestUploadIsTriedAgain has the store fail in all ways it can, and recover; the log says why, and no secret.
func TestUploadIsTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter, path string) bool
		why    string
	}{
		"unavailable": {unavailable, "503 SlowDown"},
		"forbidden": {func(w http.ResponseWriter, _ string) bool {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", testSecret)
			return true
		}, "the store answered 403"},
		"broken off": {func(http.ResponseWriter, string) bool { panic(http.ErrAbortHandler) }, "the store cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t)
			e.answering(test.answer)
			logged := &safeBuffer{}
			a := startFast(t, &Archive{
				Directory: t.TempDir(), S3: e.settings(), MaxAge: second, Sync: true,
				log: slog.New(slog.NewTextHandler(logged, nil)),
			})
			react(t, a, about("1"))
			eventually(t, "it is tried again and again", func() bool { return e.attempts() > 3 })
			e.answering(nil)
			eventually(t, "the file is uploaded", func() bool { return a.Status().Uploads == 1 })
			checkEvents(t, e.lines(), "1")
			text := logged.String() + fmt.Sprintf("%v %+v %#v %s", a.S3, a.S3, *a.S3, a.S3.SecretAccessKey)
			if strings.Contains(text, "nowhere-to-be-seen") || !strings.Contains(text, test.why) {
				t.Errorf("logged %s", text)
			}
		})
	}
}

func TestUploadAfterRestart(t *testing.T) {
	e := newEdge(t)
	e.answering(unavailable)
	dir := t.TempDir()
	a := start(t, &Archive{Directory: dir, S3: e.settings(), Sync: true, Prefix: "{day}"})
	react(t, a, about("1"))
	stop(t, a)
	if got := complete(t, dir); len(got) != 1 {
		t.Fatalf("got the files %q", got)
	}
	b := start(t, &Archive{Directory: dir, S3: e.settings(), Sync: true})
	react(t, b, about("2"))
	crashed := copyDir(t, dir)
	e.answering(nil)
	start(t, &Archive{Directory: crashed, S3: e.settings(), Sync: true})
	eventually(t, "both files are uploaded", func() bool { return len(e.stored()) == 2 })
	checkEvents(t, e.lines(), "1", "2")
	eventually(t, "and removed", func() bool { return len(complete(t, crashed)) == 0 })
	if _, err := os.Stat(filepath.Join(crashed, time.Now().UTC().Format("02"))); err == nil {
		t.Error("an empty folder is left")
	}
}

// TestOneFileIsNotTaken has the store refuse one file for ever: the others are uploaded all the same.
func TestOneFileIsNotTaken(t *testing.T) {
	e := newEdge(t)
	e.answering(func(w http.ResponseWriter, path string) bool {
		if !strings.Contains(path, "/bad/") {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	})
	dir := t.TempDir()
	for name, data := range map[string]string{"bad/20200101T000000.000Z-a-1.ndjson": "{}\n", "20210101T000000.000Z-a-2.ndjson": "[]\n"} {
		if err := os.MkdirAll(filepath.Join(dir, "bad"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := startFast(t, &Archive{Directory: dir, S3: e.settings()})
	eventually(t, "the good file is uploaded, and the bad one left", func() bool {
		left := complete(t, dir)
		return len(e.stored()) == 1 && len(left) == 1 && strings.HasPrefix(left[0], "bad/")
	})
	eventually(t, "a failure is counted", func() bool { return a.Status().UploadFailures > 0 })
}

// put writes files that wait, each of 1 KiB, the oldest first.
func putWaiting(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("20200101T00000%d.000Z-a-1.ndjson", i)
		if err := os.WriteFile(filepath.Join(dir, name), append(bytes.Repeat([]byte{' '}, 1023), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBudgetDropsTheOldest(t *testing.T) {
	e := newEdge(t)
	e.answering(unavailable)
	dir := t.TempDir()
	putWaiting(t, dir, 5)
	logged := &safeBuffer{}
	a := start(t, &Archive{
		Directory: dir, S3: e.settings(), MaxSize: 1 << 10, MaxSpool: 3 << 10, log: slog.New(slog.NewTextHandler(logged, nil)),
	})
	if got := fmt.Sprint(complete(t, dir)); got != "[20200101T000002.000Z-a-1.ndjson 20200101T000003.000Z-a-1.ndjson 20200101T000004.000Z-a-1.ndjson]" {
		t.Errorf("left %s", got)
	}
	if s := a.Status(); s.DroppedFiles != 2 || s.DroppedBytes != 2<<10 || s.WaitingFiles != 3 || s.WaitingBytes != 3<<10 {
		t.Errorf("got the status %+v", s)
	}
	if !strings.Contains(logged.String(), "20200101T000001.000Z") {
		t.Errorf("logged %s", logged)
	}
}

// TestBudgetRefuses keeps what was acknowledged: where events wait, too much waiting refuses them.
func TestBudgetRefuses(t *testing.T) {
	e := newEdge(t)
	e.answering(unavailable)
	dir := t.TempDir()
	putWaiting(t, dir, 5)
	a := startFast(t, &Archive{Directory: dir, S3: e.settings(), MaxSize: 1 << 10, MaxSpool: 3 << 10, Sync: true})
	checkRefusal(t, a.React(t.Context(), about("1")), errFull)
	if got := complete(t, dir); len(got) != 5 || a.Status().Refused != 1 {
		t.Errorf("left %q, status %+v", got, a.Status())
	}
	e.answering(nil)
	eventually(t, "events are taken again", func() bool { return a.React(t.Context(), about("2")) == nil })
}

// TestBusyFileIsNotDropped drops the next one instead.
func TestBusyFileIsNotDropped(t *testing.T) {
	dir := t.TempDir()
	putWaiting(t, dir, 3)
	s := &spool{root: dir, max: 2 << 10, drop: true}
	if !s.take("20200101T000000.000Z-a-1.ndjson") {
		t.Fatal("the file is not there")
	}
	_, dropped, err := s.look(new(counts))
	if err != nil || len(dropped) != 1 || dropped[0].rel != "20200101T000001.000Z-a-1.ndjson" {
		t.Errorf("got %v, %v", dropped, err)
	}
}

// TestStopEndsWithItsContext stops while the store does not answer.
func TestStopEndsWithItsContext(t *testing.T) {
	e := newEdge(t)
	hang := make(chan struct{})
	e.answering(func(http.ResponseWriter, string) bool { <-hang; return true })
	defer close(hang)
	dir := t.TempDir()
	a := start(t, &Archive{Directory: dir, S3: e.settings(), Sync: true})
	react(t, a, about("1"))
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- a.Stop(ctx) }()
	eventually(t, "the upload hangs", func() bool { return e.attempts() == 1 })
	// The upload begins before the writer has ended; cut short, only the upload may remain.
	<-a.writer.done
	<-a.mender.done
	cancel()
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("stop: %v", err)
		}
	case <-time.After(patience):
		t.Error("stop did not end")
	}
	a.writer = nil
	checkEvents(t, linesIn(t, dir), "1")
}

// TestOneUploadsAtATime has two archives share a directory; the second uploads once the first has ended, also what that left.
func TestOneUploadsAtATime(t *testing.T) {
	e := newEdge(t)
	e.answering(unavailable)
	dir := t.TempDir()
	old := startFast(t, &Archive{Directory: dir, S3: e.settings(), Sync: true})
	react(t, old, about("1"))
	eventually(t, "the first holds the lock", func() bool {
		_, err := os.Stat(filepath.Join(dir, hidden, uploads+lockSuffix))
		return err == nil
	})
	young := startFast(t, &Archive{Directory: dir, S3: e.settings(), Sync: true})
	react(t, young, about("2"))
	stop(t, old)
	e.answering(nil)
	eventually(t, "the second uploads what the first left", func() bool { return young.Status().Uploads == 1 })
	stop(t, young)
	checkEvents(t, e.lines(), "1", "2")
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
