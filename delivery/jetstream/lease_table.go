package jetstream

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway"
)

const (
	memberPrefix    = "instance."
	partitionPrefix = "partition."
)

func memberKey(id string) string { return memberPrefix + id }

func partitionKey(partition int) string { return partitionPrefix + strconv.Itoa(partition) }

// memberValue is what the key of an instance holds. The host is for people.
type memberValue struct {
	Host string                `json:"host"`
	TTL  eventgateway.Duration `json:"ttl"`
}

func sightingOf(host string, ttl time.Duration) []byte {
	value, _ := json.Marshal(memberValue{Host: host, TTL: eventgateway.Duration(ttl)}) // it has nothing that can fail
	return value
}

// table is what the bucket's watch has told.
type table struct {
	ttl     time.Duration
	members map[string]sighting
	// missing are instances that hold partitions and have no key that is known of, and since when.
	missing map[string]time.Time
	leases  map[int]lease
	// complete tells that all there was when the watch began is in.
	complete bool
	// before are the members of the watch before this one.
	before map[string]sighting
}

// sighting is when the key of an instance was last seen to change.
type sighting struct {
	revision uint64
	at       time.Time
	ttl      time.Duration
}

func (s sighting) expiry() time.Time { return s.at.Add(s.ttl) }

// lease is the key of a partition.
type lease struct {
	// holder is empty when the partition is nobody's.
	holder   string
	revision uint64
	// orphaned tells that the holder's own key was removed: it will not come back.
	orphaned bool
}

func newTable(ttl time.Duration) table {
	return table{
		ttl: ttl, members: map[string]sighting{}, missing: map[string]time.Time{}, leases: map[int]lease{},
	}
}

// restart begins anew for another watch.
func (t *table) restart() {
	before := t.members
	*t = newTable(t.ttl)
	t.before = before
}

// apply takes in an entry; nil tells that all there was is in.
func (t *table) apply(e jetstream.KeyValueEntry, now time.Time) {
	if e == nil {
		t.complete, t.before = true, nil
		t.findMissing(now)
		return
	}
	if id, ok := strings.CutPrefix(e.Key(), memberPrefix); ok {
		if e.Operation() == jetstream.KeyValuePut {
			t.seen(id, e, now)
		} else {
			t.gone(id)
		}
	}
	if number, ok := strings.CutPrefix(e.Key(), partitionPrefix); ok {
		partition, err := strconv.Atoi(number)
		if err != nil {
			return
		}
		l := lease{revision: e.Revision()}
		if e.Operation() == jetstream.KeyValuePut {
			l.holder = string(e.Value())
		}
		t.leases[partition] = l
		if t.complete {
			t.findMissing(now)
		}
	}
}

// seen notes that the key of an instance stands. An empty one is a tombstone, see member.bury.
func (t *table) seen(id string, e jetstream.KeyValueEntry, now time.Time) {
	if len(e.Value()) == 0 {
		return
	}
	s := sighting{revision: e.Revision(), at: now, ttl: t.ttl}
	if before, ok := t.before[id]; ok && before.revision == s.revision {
		s.at = before.at
	}
	var value memberValue
	if json.Unmarshal(e.Value(), &value) == nil {
		s.ttl = max(s.ttl, time.Duration(value.TTL))
	}
	t.members[id] = s
	delete(t.missing, id)
}

// gone notes that the key of an instance was removed: its partitions are free.
func (t *table) gone(id string) {
	delete(t.members, id)
	delete(t.missing, id)
	for partition, l := range t.leases {
		if l.holder == id {
			l.orphaned = true
			t.leases[partition] = l
		}
	}
}

// findMissing notes holders of which no key is known. That the watch has not told of one does not mean that there is none.
func (t *table) findMissing(now time.Time) {
	holders := map[string]bool{}
	for _, l := range t.leases {
		if l.holder == "" || l.orphaned {
			continue
		}
		holders[l.holder] = true
		if _, ok := t.members[l.holder]; ok {
			continue
		}
		if _, ok := t.missing[l.holder]; !ok {
			t.missing[l.holder] = now
		}
	}
	for id := range t.missing {
		if !holders[id] {
			delete(t.missing, id)
		}
	}
}

// nextExpiry is when the first instance but the own one has been silent for too long; zero when there is no other.
func (t *table) nextExpiry(self string) time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for id, s := range t.members {
		if id != self {
			consider(s.expiry())
		}
	}
	for id, since := range t.missing {
		if id != self {
			consider(since.Add(t.ttl))
		}
	}
	return next
}

// watch follows the bucket.
type watch struct {
	jetstream.KeyWatcher
	cancel context.CancelFunc
}

// newWatch begins to watch. The watch ends with ctx, or when it is stopped.
func (l *leases) newWatch(ctx context.Context) (*watch, error) {
	ctx, cancel := context.WithCancel(ctx)
	// Beginning takes requests; the watch itself goes on for as long as its context.
	giveUp := time.AfterFunc(l.ttl/3, cancel)
	w, err := l.kv.WatchAll(ctx)
	if !giveUp.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &watch{KeyWatcher: w, cancel: cancel}, nil
}

// stop ends the watch without waiting.
func (w *watch) stop() {
	w.cancel()
	go func() {
		// The watcher does not end while nobody reads what it has to tell.
		for range w.Updates() { //nolint:revive // there is nothing to do with it
		}
	}()
}
