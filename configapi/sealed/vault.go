package sealed

import (
	"iter"
	"log/slog"
	"maps"
	"sync"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// Sink is what a store fills: the mirror.
type Sink interface {
	configapi.Sink
	// Entries yields everything the sink holds at one revision.
	Entries() (revision int64, entries func(yield func(configapi.Change) bool))
	// FunctionKeys yields the functions that the sink holds.
	FunctionKeys() iter.Seq[eventgateway.FunctionKey]
}

// Vault encrypts functions on their way to a store, and decrypts them on their way back. It is the store's sink.
type Vault struct {
	sink   Sink
	logger *slog.Logger

	mu   sync.Mutex
	keys *Keys
	ledger
}

// maxReports bounds how many functions that cannot be decrypted are logged by name.
const maxReports = 100

// ledger tells of the functions that are encrypted in the store under which key each is, and which could not be decrypted. It has
// nothing of those in plain text, which may be all.
type ledger struct {
	under  map[eventgateway.FunctionKey]string
	unread map[configapi.Key]configapi.Entry
}

func newLedger() ledger {
	return ledger{map[eventgateway.FunctionKey]string{}, map[configapi.Key]configapi.Entry{}}
}

func (l ledger) keyOf(fn eventgateway.FunctionKey) string {
	if under, encrypted := l.under[fn]; encrypted {
		return under
	}
	return plain
}

// NewVault returns a vault without keys, which encrypts nothing, in front of a sink.
func NewVault(sink Sink, logger *slog.Logger) *Vault {
	return &Vault{sink: sink, logger: logger, keys: new(Keys), ledger: newLedger()}
}

// Use changes the keys. What could not be decrypted before is tried again.
func (v *Vault) Use(keys *Keys) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.warnOfLost(v.keys, keys)
	v.keys = keys
	v.retry()
}

// warnOfLost logs that functions are stored under a key that goes: nothing else tells until the store is read anew, and they are
// missing then.
func (v *Vault) warnOfLost(before, after *Keys) {
	for id := range before.byID {
		if _, stays := after.byID[id]; stays {
			continue
		}
		count := 0
		for _, under := range v.under {
			if under == id {
				count++
			}
		}
		if count == 0 {
			continue
		}
		remedy := "put the key back, or write them anew with reseal before"
		if after.current == "" {
			remedy = "put the key back, or write them anew with reseal before, in plain text then"
		}
		v.logger.Error("stored functions are encrypted with a key that the configuration has no more: they are gone once the store is read anew, as at the next start; "+remedy,
			"key", id, "functions", count)
	}
}

// retry tries again what could not be decrypted. The lock is held.
func (v *Vault) retry() {
	var found []configapi.Change
	for key, entry := range v.unread {
		if value, under, err := v.keys.unseal(key, entry.Value); err == nil {
			delete(v.unread, key)
			v.under[functionKey(key)] = under
			entry.Value = value
			found = append(found, configapi.Change{Entry: entry})
		}
	}
	if len(found) > 0 {
		v.sink.Apply(v.sink.Revision(), found)
	}
}

func functionKey(key configapi.Key) eventgateway.FunctionKey {
	return eventgateway.FunctionKey{Space: key.Space, ID: key.ID}
}

// Status tells under which keys the stored functions are, for /v1/status; nil when there are no keys and nothing is encrypted.
func (v *Vault) Status() map[string]any {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys.current == "" && len(v.under) == 0 {
		return nil
	}
	counts := map[string]int{}
	for _, under := range v.under {
		counts[under]++
	}
	for fn := range v.sink.FunctionKeys() {
		if _, encrypted := v.under[fn]; !encrypted {
			counts[plain]++
		}
	}
	return map[string]any{"key": v.keys.inForce(), "functions": counts, "unreadable": len(v.unread)}
}

// Outdated returns the functions that are not under the current key, though they could be.
func (v *Vault) Outdated() (keys []eventgateway.FunctionKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for fn := range v.sink.FunctionKeys() {
		if v.keyOf(fn) != v.keys.inForce() {
			keys = append(keys, fn)
		}
	}
	return keys
}

// Seal returns what a store is to write in the place of w. It refuses to overwrite what could not be decrypted: the mirror knows
// nothing of it, so that it looks like a function that is new.
func (v *Vault) Seal(w configapi.Write) (configapi.Write, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	keys := v.keys
	puts := make([]configapi.Put, len(w.Puts))
	for i, put := range w.Puts {
		if puts[i] = put; put.Key.Kind != configapi.Functions {
			continue
		}
		if _, unread := v.unread[put.Key]; unread {
			return w, eventgateway.Errorf(eventgateway.Unavailable,
				"function %s in space %s is stored encrypted, and this instance cannot decrypt it: nothing was written",
				eventgateway.Quote(put.Key.ID), eventgateway.Quote(put.Key.Space))
		}
		puts[i].Value = keys.seal(put.Key, put.Value)
	}
	w.Puts = puts
	return w, nil
}

// open notes under which key a change's value is, and returns the change with the value decrypted. One that does not decrypt stays
// as it is, which the mirror skips.
func (v *Vault) open(keys *Keys, l ledger, c configapi.Change) configapi.Change {
	key := c.Entry.Key
	if c.SpaceVersion || key.Kind != configapi.Functions {
		return c
	}
	fn := functionKey(key)
	delete(l.unread, key)
	delete(l.under, fn)
	if c.Deleted {
		return c
	}
	value, under, err := keys.unseal(key, c.Entry.Value)
	if under != plain {
		l.under[fn] = under
	}
	if err != nil {
		if l.unread[key] = c.Entry; len(l.unread) <= maxReports {
			v.logger.Error("a stored function cannot be decrypted; it is as if it were not there", "space", key.Space, "function", key.ID,
				"key", under, "error", err)
		}
		return c
	}
	c.Entry.Value = value
	return c
}

// Apply implements configapi.Sink.
func (v *Vault) Apply(revision int64, changes []configapi.Change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	opened := make([]configapi.Change, len(changes))
	for i, c := range changes {
		opened[i] = v.open(v.keys, v.ledger, c)
	}
	v.sink.Apply(revision, opened)
}

// Revision implements configapi.Sink.
func (v *Vault) Revision() int64 { return v.sink.Revision() }

// Load implements configapi.Sink.
func (v *Vault) Load() configapi.Loader {
	v.mu.Lock()
	defer v.mu.Unlock()
	return &loader{v, v.sink.Load(), v.keys, newLedger()}
}

// Entries yields what the sink holds, encrypted as it is in the store.
func (v *Vault) Entries() (revision int64, entries func(yield func(configapi.Change) bool)) {
	v.mu.Lock()
	keys, unread := v.keys, maps.Clone(v.unread)
	v.mu.Unlock()
	revision, all := v.sink.Entries()
	return revision, func(yield func(configapi.Change) bool) {
		for c := range all {
			if _, kept := unread[c.Entry.Key]; kept {
				continue
			}
			if c.Entry.Key.Kind == configapi.Functions && !c.SpaceVersion && !c.Deleted {
				c.Entry.Value = keys.seal(c.Entry.Key, c.Entry.Value)
			}
			if !yield(c) {
				return
			}
		}
		for _, entry := range unread {
			if !yield(configapi.Change{Entry: entry}) {
				return
			}
		}
	}
}

// loader is a configapi.Loader that decrypts.
type loader struct {
	vault *Vault
	to    configapi.Loader
	keys  *Keys
	ledger
}

// Add implements configapi.Loader.
func (l *loader) Add(c configapi.Change) { l.to.Add(l.vault.open(l.keys, l.ledger, c)) }

// Commit implements configapi.Loader. Keys that were changed since the load began are tried where the old ones did not do.
func (l *loader) Commit(revision int64) {
	v := l.vault
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ledger = l.ledger
	l.to.Commit(revision)
	if v.keys != l.keys {
		v.retry()
	}
	if n := len(v.unread) - maxReports; n > 0 {
		v.logger.Error("more stored functions cannot be decrypted", "count", n)
	}
}
