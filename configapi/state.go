package configapi

import (
	"bytes"
	"hash/maphash"
	"strconv"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/providers"
)

// state is everything the mirror holds at one revision. It is not changed once published, so whoever holds one reads it
// without a lock.
type state struct {
	revision int64
	loaded   bool
	spaces   *hamt.Map[hamt.String, *space]
	table    *matcher.Table
	// cors finds the CORS resource of a request; see snapshot.Snapshot.CORS.
	cors    *matcher.Table
	handles *hamt.Map[eventgateway.FunctionKey, *providers.Handle]
	// skipped holds the entries that could not be used, with their ModRevision.
	skipped *hamt.Map[Key, int64]
	// superseded is closed once a later state is published.
	superseded chan struct{}
}

// space is one space's part of a state.
type space struct {
	// version is what a write to the space must be checked against; 0 when it was never written to.
	version       int64
	functions     *hamt.Map[hamt.String, *function]
	subscriptions *hamt.Map[hamt.String, *subscription]
	eventTypes    *hamt.Map[hamt.String, *eventType]
	cors          *hamt.Map[hamt.String, *corsResource]
	// uses counts the subscriptions that name each function, as theirs or for dead letters, whether it exists or not.
	uses *hamt.Map[hamt.String, int]
	// listeners counts the subscriptions to each event type by its name, whether it is registered or not.
	listeners *hamt.Map[hamt.String, int]
	// composites are those of the functions that consist of others.
	composites *hamt.Map[hamt.String, *function]
}

var noSpace = &space{}

// empty reports whether the space has no resources.
func (sp *space) empty() bool {
	return sp.functions.Len()+sp.subscriptions.Len()+sp.eventTypes.Len()+sp.cors.Len() == 0
}

// function is a function as the mirror or a configuration holds it.
type function struct {
	*eventgateway.Function
	created, modified int64
	// sum tells contents apart; see contentSum.
	sum uint64
	// static marks a function of the server's own configuration.
	static bool
	// shown is what is shown in its place; nil for itself.
	shown *eventgateway.Function
	// parts is what it consists of; nil when it is no such function.
	parts *providers.Parts
}

// show returns the function as it is shown, without credentials.
func (f *function) show(g generation) functionAnswer {
	if f.shown != nil {
		return showFunction(f.shown, g)
	}
	return showFunction(f.Function, g)
}

// subscription is a subscription as the mirror or a configuration holds it. There may be millions: it is one allocation,
// and the matcher's table points into it.
type subscription struct {
	eventgateway.Subscription
	modified int64
	sum      uint64
	static   bool
}

// functions yields the functions the subscription names.
func (s *subscription) functions(yield func(id string) bool) {
	if yield(s.FunctionID) && s.Delivery != nil && s.Delivery.DeadLetter != "" {
		yield(s.Delivery.DeadLetter)
	}
}

// uses reports whether the subscription names a function. It is false for no subscription.
func (s *subscription) uses(functionID string) bool {
	if s == nil {
		return false
	}
	for id := range s.functions {
		if id == functionID {
			return true
		}
	}
	return false
}

func (st *state) space(name string) *space {
	if sp, ok := st.spaces.Get(hamt.String(name)); ok {
		return sp
	}
	return noSpace
}

func (st *state) function(key eventgateway.FunctionKey) *function {
	f, _ := st.space(key.Space).functions.Get(hamt.String(key.ID))
	return f
}

func (st *state) subscription(space, id string) *subscription {
	s, _ := st.space(space).subscriptions.Get(hamt.String(id))
	return s
}

// entries yields the state in the form the store has it. A value is encoded when it is its turn.
func (st *state) entries(yield func(Change) bool) {
	for name, sp := range st.spaces.All() {
		version := Change{Entry: Entry{Key: Key{Space: string(name)}, ModRevision: sp.version}, SpaceVersion: true}
		if sp.version != 0 && !yield(version) {
			return
		}
		for id, f := range sp.functions.All() {
			if !yield(entryOf(Key{string(name), Functions, string(id)}, f.Function, f.created, f.modified)) {
				return
			}
		}
		for id, s := range sp.subscriptions.All() {
			if !yield(entryOf(Key{string(name), Subscriptions, string(id)}, &s.Subscription, s.CreateRevision, s.modified)) {
				return
			}
		}
		for id, t := range sp.eventTypes.All() {
			if !yield(entryOf(Key{string(name), EventTypes, string(id)}, t.EventType, t.created, t.modified)) {
				return
			}
		}
		for id, c := range sp.cors.All() {
			if !yield(entryOf(Key{string(name), CORS, string(id)}, &c.CORSResource, c.CreateRevision, c.modified)) {
				return
			}
		}
	}
}

func entryOf(key Key, noun any, created, modified int64) Change {
	return Change{Entry: Entry{Key: key, Value: canonical(noun), CreateRevision: created, ModRevision: modified}}
}

// canonical is the JSON of a noun as it is stored.
func canonical(noun any) []byte {
	var b bytes.Buffer
	if err := newEncoder(&b).Encode(noun); err != nil {
		panic("configapi: a decoded resource does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

var seed = maphash.MakeSeed()

// contentSum tells contents apart within this process. Revisions alone do not: a store restored from a backup hands out
// the same ones again.
func contentSum(value []byte) uint64 { return maphash.Bytes(seed, value) }

// Hash implements hamt.Key.
func (k Key) Hash() uint64 {
	return (maphash.String(seed, k.Space)*31+maphash.String(seed, string(k.Kind)))*31 + maphash.String(seed, k.ID)
}

// etag names one version of a resource. A static one has no revision; its content stands in.
func etag(modified int64, sum uint64, static bool) string {
	if static {
		return `"static-` + strconv.FormatUint(sum, 16) + `"`
	}
	return `"` + strconv.FormatInt(modified, 10) + `"`
}
