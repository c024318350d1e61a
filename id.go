package eventgateway

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"
)

// entropy is randomness fetched in advance: one read of the system's generator serves many ids.
type entropy struct {
	bytes [640]byte
	used  int
}

var entropies = sync.Pool{New: func() any { return &entropy{used: len(entropy{}.bytes)} }}

// take fills b and forgets what it gave.
func (e *entropy) take(b []byte) {
	if e.used+len(b) > len(e.bytes) {
		rand.Read(e.bytes[:]) // crashes the program rather than fail
		e.used = 0
	}
	fresh := e.bytes[e.used : e.used+len(b)]
	copy(b, fresh)
	clear(fresh)
	e.used += len(b)
}

// NewID returns a UUID of version 7: ids made later sort later, to the millisecond of at.
func NewID(at time.Time) string {
	var id [16]byte
	e := entropies.Get().(*entropy)
	e.take(id[6:])
	entropies.Put(e)
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80

	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
