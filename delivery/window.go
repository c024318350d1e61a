package delivery

import (
	"hash/maphash"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// window remembers under which keys events were accepted lately. It is safe for concurrent use.
//
// A key is kept as a hash of 128 bits, with seeds of this process, in one of two generations. When the younger is as old as
// the window is long the older is dropped and a new one begun: so a key is remembered for at least the length of the window,
// and at most for twice that. There are no pointers in what is remembered, which spares the garbage collector a million of
// them.
type window struct {
	// length is how long keys are remembered, in nanoseconds.
	length atomic.Int64
	seeds  [2]maphash.Seed
	// most is how many keys one generation of one shard holds, and mostText how many bytes of IDs.
	most, mostText int
	shards         [windowShards]windowShard
}

const (
	windowShards = 16
	// windowIDSize is what the ID of an event that does not end its key takes on average at most; more of them, or longer
	// ones, are forgotten early.
	windowIDSize = 64
)

// keyState tells how a key stands.
type keyState uint8

const (
	// keyFresh is a key that is now the caller's, who has to settle it.
	keyFresh keyState = iota
	// keyInFlight is a key that another caller has not settled yet.
	keyInFlight
	// keySeen is a key under which an event was accepted.
	keySeen
)

type keyHash [2]uint64

type windowShard struct {
	mu sync.Mutex
	// began is when the younger generation was begun, in nanoseconds since 1970.
	began          int64
	younger, older generation
	inFlight       map[keyHash]flight
	_              [64]byte // keeps shards out of each other's cache lines
}

// flight is a key that was claimed and not settled yet.
type flight struct {
	id string
	at int64
	// done is made when somebody waits.
	done chan struct{}
}

// generation holds keys, and beside them the IDs of their events.
type generation struct {
	keys map[keyHash]keyEntry
	ids  []byte
}

// keyEntry is what is remembered of a key: when its event was received, and where the event's ID stands.
type keyEntry struct {
	at int64
	// start is where in the generation's ids the ID stands, or endOfKey; length is the ID's.
	start, length uint32
}

// endOfKey says that an ID stands at the end of its key, as that of a CloudEvent does: then it is not kept again.
const endOfKey = math.MaxUint32

// newWindow returns a window of DefaultWindow that remembers at most that many keys: beyond them the older generation goes
// early.
func newWindow(most int) *window {
	w := &window{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	w.most = max(most/2/windowShards, 1)
	w.mostText = w.most * windowIDSize
	w.setWindow(DefaultWindow)
	now := time.Now().UnixNano()
	for i := range w.shards {
		w.shards[i].began = now
	}
	return w
}

// setWindow changes how long keys are remembered, those in it included.
func (w *window) setWindow(d time.Duration) { w.length.Store(int64(d)) }

// claim asks for a key on behalf of the event id, received at now. A keyFresh is the caller's: settle must follow. Of a
// keyInFlight done is closed when it is settled, then the caller asks again; meanwhile it should hold no key itself, lest two
// callers wait for each other. Of a keySeen acceptedAs is the ID of the event that was accepted.
func (w *window) claim(key, id string, now time.Time) (state keyState, acceptedAs string, done <-chan struct{}) {
	h := w.hash(key)
	s := w.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := now.UnixNano()
	s.turn(at, w.length.Load())
	if e, g := s.find(h); g != nil {
		return keySeen, g.id(e, key), nil
	}
	f, taken := s.inFlight[h]
	switch {
	case !taken:
		if s.inFlight == nil {
			s.inFlight = map[keyHash]flight{}
		}
		s.inFlight[h] = flight{id: id, at: at}
		return keyFresh, "", nil
	case f.done == nil:
		f.done = make(chan struct{})
		s.inFlight[h] = f
	}
	return keyInFlight, "", f.done
}

// settle ends a claim: accepted tells that the event was accepted, else the key is free again. It does nothing for a key
// that nobody claimed.
func (w *window) settle(key string, accepted bool) {
	h := w.hash(key)
	s := w.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	f, taken := s.inFlight[h]
	if !taken {
		return
	}
	delete(s.inFlight, h)
	if f.done != nil {
		close(f.done)
	}
	if !accepted {
		return
	}
	if _, g := s.find(h); g == nil {
		w.remember(s, h, key, f.id, f.at, f.at)
	}
}

// note remembers a key that was accepted, here or by another process, with an event received at that time; nothing happens
// if that is longer ago than the window is long.
func (w *window) note(key, id string, at time.Time) {
	h := w.hash(key)
	s := w.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixNano()
	s.turn(now, w.length.Load())
	if _, g := s.find(h); g != &s.younger {
		w.place(s, h, key, id, at.UnixNano(), now)
	}
}

// first reports whether no other event is remembered under a key, and remembers the event, received at that time, if so.
// Events are told apart by when they were received: the same one may come again, in another record.
func (w *window) first(key string, at time.Time) bool {
	h := w.hash(key)
	s := w.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixNano()
	s.turn(now, w.length.Load())
	if e, g := s.find(h); g != nil {
		return e.at == at.UnixNano()
	}
	w.place(s, h, key, "", at.UnixNano(), now)
	return true
}

func (w *window) hash(key string) keyHash {
	return keyHash{maphash.String(w.seeds[0], key), maphash.String(w.seeds[1], key)}
}

func (w *window) shard(h keyHash) *windowShard { return &w.shards[h[0]%windowShards] }

// turn begins new generations as far as it is time. Callers hold mu.
func (s *windowShard) turn(now, length int64) {
	switch age := now - s.began; {
	case age >= 2*length:
		s.younger, s.older, s.began = generation{}, generation{}, now
	case age >= length:
		s.younger, s.older, s.began = generation{}, s.younger, s.began+length
	}
}

// find returns a key's entry and its generation; nil when it is not remembered. Callers hold mu.
func (s *windowShard) find(h keyHash) (keyEntry, *generation) {
	if e, ok := s.younger.keys[h]; ok {
		return e, &s.younger
	}
	if e, ok := s.older.keys[h]; ok {
		return e, &s.older
	}
	return keyEntry{}, nil
}

// place remembers a key in the generation it belongs to by its time. Callers hold the shard's mu.
func (w *window) place(s *windowShard, h keyHash, key, id string, at, now int64) {
	switch {
	case at >= s.began:
		w.remember(s, h, key, id, at, now)
	case at >= s.began-w.length.Load() && !w.full(&s.older):
		s.older.add(h, key, id, at)
	}
}

// remember puts a key into the younger generation. Callers hold the shard's mu.
func (w *window) remember(s *windowShard, h keyHash, key, id string, at, now int64) {
	if w.full(&s.younger) {
		s.younger, s.older, s.began = generation{}, s.younger, max(now, s.began)
	}
	s.younger.add(h, key, id, at)
}

func (w *window) full(g *generation) bool { return len(g.keys) >= w.most || len(g.ids) >= w.mostText }

func (g *generation) add(h keyHash, key, id string, at int64) {
	if g.keys == nil {
		g.keys = map[keyHash]keyEntry{}
	}
	e := keyEntry{at: at, start: endOfKey, length: uint32(len(id))}
	if !strings.HasSuffix(key, id) {
		e.start = uint32(len(g.ids))
		g.ids = append(g.ids, id...)
	}
	g.keys[h] = e
}

// id returns the ID in e, which is the entry of key.
func (g *generation) id(e keyEntry, key string) string {
	if e.start == endOfKey {
		return key[len(key)-int(e.length):]
	}
	return string(g.ids[e.start : e.start+e.length])
}
