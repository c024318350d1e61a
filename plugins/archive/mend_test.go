package archive

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCrashLosesNothingAcknowledged copies the directory while events are written, and starts from the copy.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	for _, compression := range compressions {
		t.Run(compression, func(t *testing.T) {
			a := start(t, &Archive{Directory: t.TempDir(), Compression: compression, Sync: true, MaxSize: 2 << 10})
			var mu sync.Mutex
			acknowledged := map[string]bool{}
			ctx, cancel := context.WithCancel(t.Context())
			var writers sync.WaitGroup
			for i := range 4 {
				writers.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						id := fmt.Sprintf("%d-%d", i, n)
						if err := a.React(t.Context(), about(id)); err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						acknowledged[eventText(id)] = true
						mu.Unlock()
					}
				})
			}
			for round := range 5 {
				eventually(t, "events are acknowledged", func() bool {
					mu.Lock()
					defer mu.Unlock()
					return len(acknowledged) > 40*(round+1)
				})
				mu.Lock()
				var before []string
				for text := range acknowledged {
					before = append(before, text)
				}
				mu.Unlock()
				crashed := copyMoving(t, a.Directory)
				b := start(t, &Archive{Directory: crashed})
				eventually(t, "what the crash left is completed", func() bool { return len(hiddenFiles(t, crashed)) == 1 })
				found := map[string]int{}
				for _, line := range linesIn(t, crashed) {
					found[line]++
				}
				for _, text := range before {
					if found[text] != 1 {
						t.Fatalf("round %d: %s is there %d times", round, text, found[text])
					}
				}
				stop(t, b)
			}
			cancel()
			writers.Wait()
			stop(t, a)
			if got := linesIn(t, a.Directory); len(got) != len(acknowledged) {
				t.Errorf("got %d lines, want %d", len(got), len(acknowledged))
			}
		})
	}
}

// copyMoving copies a directory whose files move while it is copied: hidden ones first, so that a file that is completed
// meanwhile may be copied twice but not be missed; what is complete replaces what was not.
func copyMoving(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	inner := filepath.Join(from, hidden)
	sessions, err := os.ReadDir(inner)
	if err != nil {
		t.Fatal(err)
	}
	copyFiles := func(dir, into string) {
		if err := os.MkdirAll(into, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, rel := range complete(t, dir) {
			// Gone is completed: it is copied from there.
			if data, err := os.ReadFile(filepath.Join(dir, rel)); err == nil {
				if err := os.WriteFile(filepath.Join(into, rel), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, entry := range sessions {
		if entry.IsDir() {
			copyFiles(filepath.Join(inner, entry.Name()), filepath.Join(to, hidden, entry.Name()))
		}
	}
	copyFiles(from, to)
	return to
}

// written returns a file as it is after so many flushed lines, and its name; without an end, or with one.
func written(t *testing.T, compression string, lines int, ended bool) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc, err := newEncoder(compression, &buf)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		fmt.Fprintln(enc, eventText(fmt.Sprint(i)))
		if err := enc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if ended {
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// TestMendCutAnywhere cuts a file after every byte: what is left is the lines before the cut.
func TestMendCutAnywhere(t *testing.T) {
	const lines = 3
	for _, compression := range compressions {
		t.Run(compression, func(t *testing.T) {
			whole := written(t, compression, lines, true)
			ends := make([]int, lines+1) // how many bytes hold so many lines
			for i := range ends {
				if i > 0 {
					ends[i] = len(written(t, compression, i, false))
				}
			}
			dir := t.TempDir()
			path, final := filepath.Join(dir, "part"+suffixes[compression]), filepath.Join(dir, "out", "whole"+suffixes[compression])
			for cut := range len(whole) + 1 {
				if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
					t.Fatal(err)
				}
				saved, err := mend(t.Context(), path, final)
				if err != nil {
					t.Fatalf("cut after %d bytes: %v", cut, err)
				}
				var got []string
				if saved {
					got = linesIn(t, filepath.Dir(final))
				}
				least := 0
				for least < lines && ends[least+1] <= cut {
					least++
				}
				if len(got) < least || len(got) > least+1 {
					t.Fatalf("cut after %d bytes: got %d lines, want %d", cut, len(got), least)
				}
				for i, line := range got {
					if line != eventText(fmt.Sprint(i)) {
						t.Fatalf("cut after %d bytes: line %d is %q", cut, i, line)
					}
				}
				if left := complete(t, dir); len(left) > 1 || len(left) == 1 && !saved {
					t.Fatalf("cut after %d bytes: left %q", cut, left)
				}
				os.RemoveAll(filepath.Dir(final))
			}
		})
	}
}

// TestMendBrokenOff starts mending from every state in which it may have been broken off.
func TestMendBrokenOff(t *testing.T) {
	broken := written(t, CompressionGzip, 3, false)
	whole := written(t, CompressionGzip, 3, true)
	for name, state := range map[string]struct {
		path, copied, final []byte
	}{
		"nothing done":          {path: broken},
		"copy begun":            {path: broken, copied: whole[:len(whole)/2]},
		"copy made":             {path: broken, copied: whole},
		"moved but not removed": {path: broken, final: whole},
		"only not moved":        {path: whole},
	} {
		dir := t.TempDir()
		path, final := filepath.Join(dir, "a.ndjson.gz"), filepath.Join(dir, "out", "a.ndjson.gz")
		for file, data := range map[string][]byte{path: state.path, path + mendedSuffix: state.copied, final: state.final} {
			if data != nil {
				os.MkdirAll(filepath.Dir(file), 0o755)
				if err := os.WriteFile(file, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		if saved, err := mend(t.Context(), path, final); !saved || err != nil {
			t.Errorf("%s: got %v, %v", name, saved, err)
		}
		checkEvents(t, linesIn(t, dir), "0", "1", "2")
	}
}

// TestMendAfterPowerLoss puts what was never written behind what was.
func TestMendAfterPowerLoss(t *testing.T) {
	for _, compression := range compressions {
		for name, tail := range map[string][]byte{
			"zeros": make([]byte, 5000), "noise": bytes.Repeat([]byte{0x5a, '\n', 0xff, '{'}, 1000),
		} {
			dir := t.TempDir()
			path, final := filepath.Join(dir, "a"+suffixes[compression]), filepath.Join(dir, "out", "a"+suffixes[compression])
			if err := os.WriteFile(path, append(written(t, compression, 3, false), tail...), 0o644); err != nil {
				t.Fatal(err)
			}
			if saved, err := mend(t.Context(), path, final); !saved || err != nil {
				t.Fatalf("%s %s: got %v, %v", compression, name, saved, err)
			}
			checkEvents(t, linesIn(t, dir), "0", "1", "2")
		}
	}
}

func TestMendStopsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ndjson.gz")
	if err := os.WriteFile(path, written(t, CompressionGzip, 3, false), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if saved, err := mend(ctx, path, path+".final"); saved || err == nil {
		t.Errorf("got %v, %v", saved, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

// TestLivingSessionIsLeftAlone has two archives in one directory, as while a configuration is loaded.
func TestLivingSessionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	old := start(t, &Archive{Directory: dir, Sync: true})
	react(t, old, about("1"))
	young := start(t, &Archive{Directory: dir, Sync: true})
	react(t, young, about("2"))
	young.mender.mendDead(t.Context())
	if got := complete(t, dir); len(got) > 0 || young.Status().Mended > 0 {
		t.Errorf("files of the living were taken: %q", got)
	}
	react(t, old, about("3"))
	stop(t, old)
	stop(t, young)
	checkEvents(t, linesIn(t, dir), "1", "2", "3")
	if left := hiddenFiles(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestBeginningSessionIsLeftAlone looks for dead sessions between the moment in which one has made its lock and that in which it
// holds it. A lock that has been without a folder for long is removed.
func TestBeginningSessionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	lock := filepath.Join(dir, hidden, "begins"+lockSuffix)
	if err := os.MkdirAll(filepath.Dir(lock), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, age := range []time.Duration{0, 2 * beginning} {
		then := time.Now().Add(-age)
		if err := os.Chtimes(lock, then, then); err != nil {
			t.Fatal(err)
		}
		dead, err := deadSessions(dir)
		if len(dead) > 0 || err != nil {
			t.Fatalf("got %v, %v", dead, err)
		}
		if _, err := os.Stat(lock); (err == nil) != (age == 0) {
			t.Errorf("after %s: %v", age, err)
		}
	}
}

func FuzzMend(f *testing.F) {
	for i, compression := range compressions {
		var buf bytes.Buffer
		enc, _ := newEncoder(compression, &buf)
		fmt.Fprintln(enc, eventText("1"))
		enc.Flush()
		f.Add(i, buf.Bytes())
		enc.Close()
		f.Add(i, buf.Bytes())
		f.Add(i, bytes.Repeat(buf.Bytes(), 2))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		compression := compressions[uint(which)%uint(len(compressions))]
		name := fmt.Sprintf("%d-%d", time.Now().UnixNano(), rand.Uint64())
		path, final := filepath.Join(dir, name+suffixes[compression]), filepath.Join(dir, name+"-final"+suffixes[compression])
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(final)
		saved, err := mend(t.Context(), path, final)
		if err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(final)
		if (err == nil) != saved {
			t.Errorf("saved is %v, the file: %v", saved, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("the broken file is still there")
		}
		if saved {
			lines, whole, err := copyLines(t.Context(), final, compression, new(strings.Builder))
			if lines == 0 || !whole || err != nil {
				t.Errorf("mended into %d lines, %v, %v", lines, whole, err)
			}
		}
	})
}
