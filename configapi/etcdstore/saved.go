package etcdstore

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/eventgateway/eventgateway/configapi"
)

// A saved copy has one JSON object a line: a header, the entries, and a trailer with the checksum of all lines before it,
// so that a file cut short or damaged is not taken for the whole.
const savedFormat = 1

type savedHeader struct {
	Format   int       `json:"eventGatewaySnapshot"`
	Identity string    `json:"identity"`
	Revision int64     `json:"revision"`
	Saved    time.Time `json:"saved"`
}

type savedEntry struct {
	Space    string         `json:"space"`
	Kind     configapi.Kind `json:"kind,omitempty"`
	ID       string         `json:"id,omitempty"`
	Created  int64          `json:"created,omitempty"`
	Modified int64          `json:"modified"`
	Value    []byte         `json:"value,omitempty"`
}

type savedTrailer struct {
	Entries int    `json:"entries"`
	SHA256  string `json:"sha256"`
}

// trailerStart tells a trailer from an entry.
const trailerStart = `{"entries":`

// writeSaved writes a copy of what the sink holds in place of the file, all or nothing, and returns its revision.
func writeSaved(path, identity string, sink Sink) (revision int64, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	sum := sha256.New()
	buffer := bufio.NewWriterSize(file, 1<<16)
	out := json.NewEncoder(io.MultiWriter(buffer, sum))
	out.SetEscapeHTML(false)
	revision, entries := sink.Entries()
	header := savedHeader{Format: savedFormat, Identity: identity, Revision: revision, Saved: time.Now().UTC()}
	if err = out.Encode(header); err != nil {
		return 0, err
	}
	count := 0
	for change := range entries {
		if err = out.Encode(toSaved(change)); err != nil {
			return 0, err
		}
		count++
	}
	if err = out.Encode(savedTrailer{Entries: count, SHA256: hex.EncodeToString(sum.Sum(nil))}); err != nil {
		return 0, err
	}
	if err = buffer.Flush(); err != nil {
		return 0, err
	}
	if err = file.Sync(); err != nil {
		return 0, err
	}
	if err = file.Close(); err != nil {
		return 0, err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return 0, err
	}
	syncDir(filepath.Dir(path))
	return revision, nil
}

// syncDir makes a rename durable where directories can be synced; elsewhere the system sees to it.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

func toSaved(change configapi.Change) savedEntry {
	e := change.Entry
	return savedEntry{
		Space: e.Key.Space, Kind: e.Key.Kind, ID: e.Key.ID, Created: e.CreateRevision, Modified: e.ModRevision, Value: e.Value,
	}
}

func (e savedEntry) change() configapi.Change {
	return configapi.Change{
		Entry: configapi.Entry{
			Key:   configapi.Key{Space: e.Space, Kind: e.Kind, ID: e.ID},
			Value: e.Value, CreateRevision: e.Created, ModRevision: e.Modified,
		},
		SpaceVersion: e.Kind == "",
	}
}

// savedCopy tells what a loaded copy holds.
type savedCopy struct {
	at       time.Time
	revision int64
	entries  int
}

var errTorn = errors.New("the file ends before its end: it was not written completely")

// readSaved loads a copy into the sink. The sink sees nothing of a file that is damaged or belongs to another store.
func readSaved(path, identity string, sink Sink) (loaded savedCopy, err error) {
	file, err := os.Open(path)
	if err != nil {
		return savedCopy{}, err
	}
	defer file.Close()
	lines := &lineReader{in: bufio.NewReaderSize(file, 1<<16), sum: sha256.New()}
	var header savedHeader
	if err := lines.next(&header); err != nil {
		return savedCopy{}, err
	}
	if header.Format != savedFormat || header.Identity != identity {
		return savedCopy{}, errors.New("it is of another format or for another cluster or prefix")
	}
	loader := sink.Load()
	for {
		if trailer, err := lines.in.Peek(len(trailerStart)); err == nil && string(trailer) == trailerStart {
			break
		}
		var entry savedEntry
		if err := lines.next(&entry); err != nil {
			return savedCopy{}, err
		}
		loader.Add(entry.change())
		loaded.entries++
	}
	sum := hex.EncodeToString(lines.sum.Sum(nil))
	var trailer savedTrailer
	if err := lines.next(&trailer); err != nil {
		return savedCopy{}, err
	}
	if trailer.SHA256 != sum || trailer.Entries != loaded.entries {
		return savedCopy{}, errors.New("its checksum does not match: it is damaged")
	}
	loader.Commit(header.Revision)
	loaded.at, loaded.revision = header.Saved, header.Revision
	return loaded, nil
}

// lineReader reads lines of JSON and sums them up.
type lineReader struct {
	in   *bufio.Reader
	sum  hash.Hash
	line []byte
}

func (r *lineReader) next(into any) error {
	r.line = r.line[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.line = append(r.line, part...)
		if err == nil {
			break
		}
		if errors.Is(err, io.EOF) {
			return errTorn
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
	r.sum.Write(r.line)
	if err := json.Unmarshal(r.line, into); err != nil {
		return fmt.Errorf("a line of it is damaged: %w", err)
	}
	return nil
}
