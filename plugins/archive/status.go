package archive

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// Status is what an archive has done since its start, and what waits.
type Status struct {
	// Lines and Bytes are what is in files, in bytes before compression.
	Lines, Bytes uint64
	// Lost are lines of events that did not wait and could not be written; Refused are events that waited and were refused.
	Lost, Refused uint64
	// Files are the completed files; Mended those of them that had been left incomplete.
	Files, Mended uint64
	// Failures are how often a file could not be made, written or completed.
	Failures uint64
	// Uploads and UploadFailures count attempts to upload a file.
	Uploads, UploadFailures uint64
	// WaitingFiles and WaitingBytes are what waits to be uploaded.
	WaitingFiles, WaitingBytes int64
	// DroppedFiles and DroppedBytes were dropped before they were uploaded, because too much waited.
	DroppedFiles, DroppedBytes uint64
}

// counts are the numbers behind Status.
type counts struct {
	lines, bytes, lost, refused, files, mended, failures, uploads, uploadFailures, droppedFiles, droppedBytes atomic.Uint64
	waitingFiles, waitingBytes                                                                                atomic.Int64
}

// Status returns the numbers. They are zero before Start.
func (a *Archive) Status() Status {
	c := &a.counts
	return Status{
		Lines: c.lines.Load(), Bytes: c.bytes.Load(), Lost: c.lost.Load(), Refused: c.refused.Load(),
		Files: c.files.Load(), Mended: c.mended.Load(), Failures: c.failures.Load(),
		Uploads: c.uploads.Load(), UploadFailures: c.uploadFailures.Load(),
		WaitingFiles: c.waitingFiles.Load(), WaitingBytes: c.waitingBytes.Load(),
		DroppedFiles: c.droppedFiles.Load(), DroppedBytes: c.droppedBytes.Load(),
	}
}

// troubles logs failures that may come with every event, at most one every ten seconds.
type troubles struct {
	log  *slog.Logger
	last atomic.Int64 // unix nanoseconds; 0 for never
	kept atomic.Uint64
}

func (t *troubles) warn(message string, args ...any) {
	const every = 10 * time.Second
	now, last := time.Now().UnixNano(), t.last.Load()
	if last != 0 && now-last < int64(every) || !t.last.CompareAndSwap(last, now) {
		t.kept.Add(1)
		return
	}
	if unsaid := t.kept.Swap(0); unsaid > 0 {
		args = append(args, "unsaid", unsaid)
	}
	t.log.Warn(message, args...)
}
