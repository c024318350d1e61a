package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
)

func TestLine(t *testing.T) {
	http := &eventgateway.Event{
		Type: "http", ID: "1", ReceivedAt: time.UnixMilli(5), DataType: "application/json", Data: []byte("{\"a\":\r\n\t1}"),
		HTTP: &eventgateway.HTTPRequest{Path: "/x", Method: "POST", Host: "h", Header: http.Header{}, Query: url.Values{}},
	}
	text := http.Encode(nil, eventgateway.FormatEvent, nil).Payload
	system := &eventgateway.Event{
		Type: eventgateway.EventReceived, ID: "2", ReceivedAt: time.UnixMilli(6), DataType: "application/json",
		Data: fmt.Appendf(nil, `{"path":"/x","event":%s,"headers":{"event":"no"}}`, text),
	}
	const line = `{"event":"http","id":"1","receivedAt":5,"data":{"path":"/x","method":"POST","headers":{},"host":"h","query":{},` +
		"\"params\":{},\"body\":{\"a\":  \t1}},\"dataType\":\"application/json\"}"
	for content, want := range map[string]string{
		ContentEvent: line + "\n",
		ContentSystemEvent: `{"event":"gateway.event.received","id":"2","receivedAt":6,"data":{"path":"/x","event":` + line +
			`,"headers":{"event":"no"}},"dataType":"application/json"}` + "\n",
	} {
		got, err := appendLine([]byte("before"), content, system)
		if err != nil || string(got) != "before"+want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", content, err, got, want)
		}
	}
	if strings.Contains(string(system.Data), "\r") == false {
		t.Error("the event was changed")
	}
	if _, err := appendLine(nil, ContentEvent, &eventgateway.Event{Data: []byte(`{"space":"a"}`)}); !errors.Is(err, errNoEvent) {
		t.Errorf("got %v for a system event without an event", err)
	}
}

func TestSubscriptions(t *testing.T) {
	for _, test := range []struct {
		archive *Archive
		want    string
	}{
		{&Archive{}, "[{gateway.event.received async}]"},
		{&Archive{Sync: true}, "[{gateway.event.received sync}]"},
		{
			&Archive{Events: []string{"eventgateway.function.invoked", "gateway.event.received"}},
			"[{gateway.function.invoked async} {gateway.event.received async}]",
		},
	} {
		if got := fmt.Sprint(test.archive.Subscriptions()); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestFilesAreCompleteOnStop(t *testing.T) {
	for _, compression := range compressions {
		for _, sync := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s sync=%v", compression, sync), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "not", "there")
				a := start(t, &Archive{Directory: dir, Compression: compression, Sync: sync, Fsync: true})
				react(t, a, about("1"), about("2"), about("3"))
				if got := complete(t, dir); len(got) != 0 {
					t.Errorf("complete before the end: %q", got)
				}
				stop(t, a)
				names := complete(t, dir)
				want := regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[a-z0-9]{12}-000001\.ndjson(\.gz|\.zst)?$`)
				if len(names) != 1 || !want.MatchString(names[0]) || !strings.HasSuffix(names[0], suffixes[compression]) {
					t.Errorf("got the files %q", names)
				}
				if got, want := linesIn(t, dir), []string{eventText("1"), eventText("2"), eventText("3")}; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("got %q, want %q", got, want)
				}
				if left := hiddenFiles(t, dir); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				if s := a.Status(); s.Lines != 3 || s.Files != 1 || s.Lost+s.Refused+s.Failures+s.Mended > 0 {
					t.Errorf("got the status %+v", s)
				}
			})
		}
	}
}

func TestNoEventMakesNoFile(t *testing.T) {
	a := start(t, &Archive{Directory: t.TempDir()})
	stop(t, a)
	if got := complete(t, a.Directory); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestRotationBySize(t *testing.T) {
	a := start(t, &Archive{Directory: t.TempDir(), Compression: CompressionNone, MaxSize: 1 << 10, Sync: true})
	// Lines that go past the writer's buffer, so that their size is known when they are written.
	big := about("big")
	big.Data = fmt.Appendf(nil, `{"event":%q}`, strings.Repeat("x", 128<<10))
	react(t, a, big, big, big)
	if got := complete(t, a.Directory); len(got) != 3 {
		t.Errorf("got the files %q, want three", got)
	}
	small := ids("small", 100) // some 10 KiB
	for _, id := range small {
		react(t, a, about(id))
	}
	stop(t, a)
	if got := len(complete(t, a.Directory)); got < 8 || got > 14 {
		t.Errorf("got %d files, want about 3 + 10", got)
	}
}

func TestRotationByAge(t *testing.T) {
	a := start(t, &Archive{Directory: t.TempDir(), MaxAge: caddy.Duration(time.Second)})
	react(t, a, about("1"))
	eventually(t, "the file is completed without further events", func() bool { return len(complete(t, a.Directory)) == 1 })
	react(t, a, about("2"))
	eventually(t, "the next one too", func() bool { return len(complete(t, a.Directory)) == 2 })
	checkEvents(t, linesIn(t, a.Directory), "1", "2")
}

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(text string) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func TestFolders(t *testing.T) {
	c := new(clock)
	c.set("2026-01-31T23:59:58Z")
	a := start(t, &Archive{
		Directory: t.TempDir(), Prefix: "events/{space}/y={year}/{month}-{day}/{hour}/", Sync: true, Compression: CompressionNone, now: c.now,
	})
	react(t, a, inSpace("blue", "1"), inSpace("red", "2"), inSpace("blue", "3"), about("4"))
	c.set("2026-02-01T01:00:00+01:00")
	react(t, a, inSpace("blue", "5"), inSpace("../red", "6"))
	stop(t, a)
	found := map[string]string{}
	for _, name := range complete(t, a.Directory) {
		dir := filepath.Dir(filepath.Join(a.Directory, name))
		rel, _ := filepath.Rel(a.Directory, dir)
		found[filepath.ToSlash(rel)] += fmt.Sprint(len(linesIn(t, dir)))
	}
	want := map[string]string{
		"events/blue/y=2026/01-31/23": "2", "events/red/y=2026/01-31/23": "1", "events/_/y=2026/01-31/23": "1",
		"events/blue/y=2026/02-01/00": "1", "events/_/y=2026/02-01/00": "1",
	}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", found, want)
	}
}

func TestManySpacesKeepFewFilesOpen(t *testing.T) {
	a := start(t, &Archive{Directory: t.TempDir(), Prefix: "{space}", Sync: true})
	for i := range maxOpen + 3 {
		react(t, a, inSpace(fmt.Sprintf("s%d", i), "1"))
	}
	if got := len(complete(t, a.Directory)); got != 3 {
		t.Errorf("got %d complete files, want the 3 that were written least recently", got)
	}
	stop(t, a)
	if got := len(linesIn(t, a.Directory)); got != maxOpen+3 {
		t.Errorf("got %d lines, want %d", got, maxOpen+3)
	}
}

func TestAsyncLinesAreFlushed(t *testing.T) {
	a := start(t, &Archive{Directory: t.TempDir(), FlushInterval: caddy.Duration(10 * time.Millisecond)})
	react(t, a, about("1"))
	eventually(t, "the line is in the file", func() bool { return a.Status().Lines == 1 })
	crashed := start(t, &Archive{Directory: copyDir(t, a.Directory)})
	eventually(t, "the line outlives a crash", func() bool { return crashed.Status().Mended == 1 })
	checkEvents(t, linesIn(t, crashed.Directory), "1")
}

// TestAsyncIsBounded fills the memory while the disk does not answer.
func TestAsyncIsBounded(t *testing.T) {
	blocked := make(chan struct{})
	a := start(t, &Archive{
		Directory: t.TempDir(),
		create: func(path string) (disk, error) {
			<-blocked
			return createOnDisk(path)
		},
	})
	free := sync.OnceFunc(func() { close(blocked) })
	defer free()
	big := about("big")
	big.Data = fmt.Appendf(nil, `{"event":%q}`, strings.Repeat("x", 1<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	accepted, err := 0, error(nil)
	for err == nil && accepted < 100 {
		if err = a.React(ctx, big); err == nil {
			accepted++
		}
	}
	if !errors.Is(err, context.Canceled) || accepted > 2*maxPending>>20 || a.Status().Lost != 1 {
		t.Errorf("got %v after %d events, status %+v", err, accepted, a.Status())
	}
	waits := make(chan error)
	go func() { waits <- a.React(t.Context(), big) }()
	free()
	if err := <-waits; err != nil {
		t.Errorf("an event that waited for room: %v", err)
	}
	stop(t, a)
	if got := len(linesIn(t, a.Directory)); got != accepted+1 {
		t.Errorf("got %d lines, want %d", got, accepted+1)
	}
}

func TestStoppedRefuses(t *testing.T) {
	a := start(t, &Archive{Directory: t.TempDir(), Sync: true})
	w := a.writer
	stop(t, a)
	a.writer = w
	defer func() { a.writer = nil }()
	checkRefusal(t, a.React(t.Context(), about("1")), errStopped)
}

// checkRefusal checks that the sender is told to try again, and the log why.
func checkRefusal(t *testing.T, err, cause error) {
	t.Helper()
	var refusal *plugins.Refusal
	if !errors.As(err, &refusal) || refusal.StatusCode() != http.StatusServiceUnavailable || !errors.Is(err, cause) {
		t.Errorf("got %v, want a refusal with 503 because of %v", err, cause)
	}
}

func TestStartNamesWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	f, err := createOnDisk(file)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	var path *fs.PathError
	if err := (&Archive{Directory: filepath.Join(file, "below")}).Start(t.Context()); !errors.As(err, &path) {
		t.Errorf("got %v for a directory that cannot be made", err)
	}
}
