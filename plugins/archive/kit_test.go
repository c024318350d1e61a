package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/eventgateway/eventgateway"
)

// patience is how long a test waits for what has to happen.
const patience = 30 * time.Second

var compressions = []string{CompressionGzip, CompressionZstd, CompressionNone}

// about returns the system event of an event received with this ID.
func about(id string) *eventgateway.Event {
	return &eventgateway.Event{
		Type: eventgateway.EventReceived, ID: "system-" + id, ReceivedAt: time.UnixMilli(1), DataType: "application/json",
		Data: fmt.Appendf(nil, `{"event":%s,"path":"/","headers":{}}`, eventText(id)),
	}
}

func eventText(id string) string {
	return fmt.Sprintf(`{"event":"user.created","id":%q,"receivedAt":1,"data":null,"dataType":"application/json"}`, id)
}

// inSpace returns a system event that tells its space.
func inSpace(space, id string) *eventgateway.Event {
	ev := about(id)
	ev.Data = fmt.Appendf(nil, `{"space":%q,"event":%s}`, space, eventText(id))
	return ev
}

// start starts an archive, which ends with the test.
func start(t *testing.T, a *Archive) *Archive {
	t.Helper()
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

// stop stops an archive, once.
func stop(t *testing.T, a *Archive) {
	t.Helper()
	if a.writer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	a.writer = nil
}

func react(t *testing.T, a *Archive, events ...*eventgateway.Event) {
	t.Helper()
	for _, ev := range events {
		if err := a.React(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// complete returns the paths of the complete files, sorted.
func complete(t *testing.T, dir string) []string {
	t.Helper()
	names, err := regularFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// content decodes a file, with other decoders than the archive's where there are any.
func content(t *testing.T, name string, data []byte) string {
	t.Helper()
	var from io.Reader = bytes.NewReader(data)
	var err error
	switch filepath.Ext(name) {
	case ".gz":
		from, err = gzip.NewReader(from)
	case ".zst":
		from, err = zstd.NewReader(from)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := io.ReadAll(from)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(text)
}

// linesIn returns the lines of all complete files.
func linesIn(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, name := range complete(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		text := content(t, name, data)
		if !strings.HasSuffix(text, "\n") {
			t.Fatalf("%s: the last line has no end", name)
		}
		all = append(all, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	return all
}

// checkEvents checks that the lines are those of these events, in any order.
func checkEvents(t *testing.T, got []string, ids ...string) {
	t.Helper()
	var want []string
	for _, id := range ids {
		want = append(want, eventText(id))
	}
	slices.Sort(want)
	got = slices.Sorted(slices.Values(got))
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines %.300q, want %d %.300q", len(got), got, len(want), want)
	}
}

// hiddenFiles returns what is left below the archive's own folder.
func hiddenFiles(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(dir, hidden), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err == nil && !entry.IsDir() && entry.Name() != uploads+lockSuffix {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// copyDir copies a directory as a crash would leave it: file by file while it is written to.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func ids(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%04d", prefix, i)
	}
	return list
}
