package archive

import (
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The values of Archive.Compression.
const (
	CompressionGzip = "gzip"
	CompressionZstd = "zstd"
	CompressionNone = "none"
)

// extension is how the names of all files of the archive begin to end.
const extension = ".ndjson"

// suffixes are the ends of file names by compression.
var suffixes = map[string]string{CompressionGzip: extension + ".gz", CompressionZstd: extension + ".zst", CompressionNone: extension}

// compressionOf returns how a file is compressed, by its name, and whether it is a file of an archive at all.
func compressionOf(name string) (string, bool) {
	for compression, suffix := range suffixes {
		if strings.HasSuffix(name, suffix) {
			return compression, true
		}
	}
	return "", false
}

// encoder compresses. After Flush everything written so far can be read back, though the stream has no end yet.
type encoder interface {
	io.Writer
	Flush() error
	Close() error
}

func newEncoder(compression string, to io.Writer) (encoder, error) {
	switch compression {
	case CompressionNone:
		return plain{to}, nil
	case CompressionZstd:
		// Synchronous, and with a window that keeps an open file below some MB of memory.
		return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	default:
		return gzip.NewWriterLevel(to, gzip.DefaultCompression)
	}
}

// newDecoder returns a reader of what newEncoder wrote. Reading an unfinished stream gives all of it that was flushed, and
// then an error.
func newDecoder(compression string, from io.Reader) (io.Reader, func(), error) {
	switch compression {
	case CompressionNone:
		return from, func() {}, nil
	case CompressionZstd:
		d, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	default:
		d, err := gzip.NewReader(from)
		if err != nil {
			return nil, nil, err
		}
		return d, func() { _ = d.Close() }, nil
	}
}

// plain does not compress.
type plain struct{ io.Writer }

func (plain) Flush() error { return nil }
func (plain) Close() error { return nil }
