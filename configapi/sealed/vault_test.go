package sealed_test

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/sealed"
	"github.com/eventgateway/eventgateway/providers"
)

const value = `{"space":"default","functionId":"f","type":"http","provider":{"url":"https://user:s3cret@example.com/"}}`

var key = configapi.Key{Space: "default", Kind: configapi.Functions, ID: "f"}

// rig is a vault in front of a real mirror.
type rig struct {
	*sealed.Vault
	mirror   *configapi.Mirror
	log      bytes.Buffer
	revision int64
}

func newRig(t *testing.T) *rig {
	r := new(rig)
	logger := slog.New(slog.NewTextHandler(&r.log, nil))
	r.mirror = configapi.NewMirror(func(fn *eventgateway.Function) *providers.Handle {
		return providers.Open(fn, providers.Env{Space: fn.Space, FunctionID: fn.ID, Logger: logger, MaxResponse: 100})
	}, logger)
	t.Cleanup(r.mirror.Close)
	r.Vault = sealed.NewVault(r.mirror, logger)
	r.Load().Commit(1)
	r.revision = 1
	return r
}

// put is what arrives from the store after a write.
func (r *rig) put(key configapi.Key, stored []byte) {
	r.revision++
	r.Apply(r.revision, []configapi.Change{{Entry: configapi.Entry{
		Key: key, Value: stored, CreateRevision: r.revision, ModRevision: r.revision,
	}}})
}

// stored returns what a write of the function puts into the store.
func (r *rig) stored() []byte {
	w, err := r.Seal(configapi.Write{Space: "default", Puts: []configapi.Put{{Key: key, Value: []byte(value)}}})
	if err != nil {
		return nil
	}
	return w.Puts[0].Value
}

// shown returns the function as the mirror has it; empty when it has none.
func (r *rig) shown() (found string) {
	_, entries := r.mirror.Entries()
	for c := range entries {
		if c.Entry.Key == key {
			found = string(c.Entry.Value)
		}
	}
	return found
}

func keys(t *testing.T, ids ...string) *sealed.Keys {
	t.Helper()
	var all []sealed.Key
	for _, id := range ids {
		all = append(all, sealed.Key{ID: id, Secret: bytes.Repeat([]byte(id[:1]), sealed.KeySize)})
	}
	k, err := sealed.NewKeys(all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedAndBack(t *testing.T) {
	r := newRig(t)
	r.Use(keys(t, "one"))
	stored := r.stored()
	if bytes.Contains(stored, []byte("s3cret")) || !bytes.Contains(stored, []byte(`"one"`)) {
		t.Errorf("stored as %s", stored)
	}
	if bytes.Equal(stored, r.stored()) {
		t.Error("two writes of one value look the same")
	}
	r.put(key, stored)
	if got := r.shown(); got != value {
		t.Errorf("the mirror has %s", got)
	}
	sub := configapi.Key{Space: "default", Kind: configapi.Subscriptions, ID: "s"}
	w, err := r.Seal(configapi.Write{Puts: []configapi.Put{{Key: sub, Value: []byte("{}")}}})
	if err != nil {
		t.Fatal(err)
	}
	if string(w.Puts[0].Value) != "{}" {
		t.Errorf("a subscription is stored as %s", w.Puts[0].Value)
	}
}

// The copy that is saved for a start without the store is no less encrypted than the store.
func TestSavedCopyIsSealed(t *testing.T) {
	r := newRig(t)
	r.Use(keys(t, "one"))
	r.put(key, r.stored())
	revision, entries := r.Entries()
	count := 0
	other := newRig(t)
	other.Use(keys(t, "one"))
	load := other.Load()
	for c := range entries {
		count++
		if strings.Contains(string(c.Entry.Value), "s3cret") {
			t.Errorf("saved as %s", c.Entry.Value)
		}
		load.Add(c)
	}
	load.Commit(revision)
	if count == 0 || other.shown() != value {
		t.Errorf("of %d saved entries came back %s", count, other.shown())
	}
}

func TestRotation(t *testing.T) {
	r := newRig(t)
	r.put(key, []byte(value)) // from before there were keys
	r.Use(keys(t, "one"))
	if got := r.Outdated(); len(got) != 1 || r.shown() != value {
		t.Fatalf("of a function in plain text, outdated are %v, shown is %s", got, r.shown())
	}
	r.put(key, r.stored())
	first := r.stored()
	if got := r.Outdated(); len(got) != 0 {
		t.Errorf("outdated: %v", got)
	}
	r.Use(keys(t, "two", "one"))
	if got := r.Outdated(); len(got) != 1 {
		t.Errorf("after a new key outdated are %v", got)
	}
	r.put(key, r.stored())
	status := r.Status()
	if got := r.Outdated(); len(got) != 0 || r.shown() != value || status["key"] != "two" {
		t.Errorf("written anew: outdated %v, shown %s, status %v", got, r.shown(), status)
	}

	r.Use(keys(t, "two"))
	r.put(key, first)
	if r.shown() != "" || r.Status()["unreadable"] != 1 || len(r.Outdated()) != 0 {
		t.Errorf("without its key the function is %s, status %v", r.shown(), r.Status())
	}
	if r.stored() != nil {
		t.Error("what cannot be decrypted may be overwritten")
	}
	if text := r.log.String(); !strings.Contains(text, "encrypted with a key that is not configured") || strings.Contains(text, "s3cret") {
		t.Errorf("the log has %s", text)
	}
	r.Use(keys(t, "two", "one"))
	if r.shown() != value || r.Status()["unreadable"] != 0 {
		t.Errorf("with its key again the function is %q, status %v", r.shown(), r.Status())
	}
}

// A key that goes too early is told while the functions under it are still there, not when the next start is without them.
func TestKeyThatIsNeededGoes(t *testing.T) {
	r := newRig(t)
	r.Use(keys(t, "one"))
	r.put(key, r.stored())
	r.Use(keys(t, "two", "one"))
	const lost = `encrypted with a key that the configuration has no more`
	if text := r.log.String(); strings.Contains(text, lost) {
		t.Errorf("with the key still there the log has %s", text)
	}
	r.Use(keys(t, "two"))
	if text := r.log.String(); !strings.Contains(text, lost) || !strings.Contains(text, "key=one functions=1") {
		t.Errorf("the log has %s", text)
	}
	if r.shown() != value || len(r.Outdated()) != 1 {
		t.Errorf("before the next start the function is %q, outdated are %v", r.shown(), r.Outdated())
	}
	r.put(key, r.stored())
	before := r.log.Len()
	r.Use(keys(t, "two"))
	if r.log.Len() != before || len(r.Outdated()) != 0 {
		t.Errorf("written anew: the log has %s", r.log.String()[before:])
	}
	r.Use(new(sealed.Keys))
	if text := r.log.String()[before:]; !strings.Contains(text, "key=two functions=1") || !strings.Contains(text, "in plain text then") {
		t.Errorf("without keys the log has %s", text)
	}
}

// Keys that come while a load is under way count for what it has read before.
func TestKeysDuringALoad(t *testing.T) {
	r := newRig(t)
	r.Use(keys(t, "one"))
	stored := r.stored()
	r.Use(new(sealed.Keys))
	load := r.Load()
	load.Add(configapi.Change{Entry: configapi.Entry{Key: key, Value: stored, CreateRevision: 2, ModRevision: 2}})
	r.Use(keys(t, "one"))
	load.Commit(2)
	if r.shown() != value || r.Status()["unreadable"] != 0 {
		t.Errorf("the function is %q, status %v", r.shown(), r.Status())
	}
}

// A missing key must not fill the disk with a line for each of very many functions, every time they are listed.
func TestReportsAreBounded(t *testing.T) {
	r := newRig(t)
	r.Use(keys(t, "one"))
	stored := r.stored()
	r.Use(new(sealed.Keys))
	load := r.Load()
	for i := range 300 {
		load.Add(configapi.Change{Entry: configapi.Entry{
			Key:   configapi.Key{Space: "default", Kind: configapi.Functions, ID: strconv.Itoa(i)},
			Value: stored, CreateRevision: 2, ModRevision: 2,
		}})
	}
	load.Commit(2)
	text := r.log.String()
	if n := strings.Count(text, "a stored function cannot be decrypted"); n != 100 || !strings.Contains(text, "count=200") {
		t.Errorf("%d functions are named in the log, want 100 and the number of the others", n)
	}
	if r.Status()["unreadable"] != 300 {
		t.Errorf("the status is %v", r.Status())
	}
}

// What was changed in the store, or moved to another name, is not taken.
func TestForgery(t *testing.T) {
	r := newRig(t)
	r.Use(keys(t, "one"))
	stored := r.stored()
	other := configapi.Key{Space: "other", Kind: configapi.Functions, ID: "f"}
	r.put(other, bytes.Clone(stored))
	damaged := bytes.Clone(stored)
	damaged[len(damaged)-8] ^= 1
	r.put(key, damaged)
	if n := r.mirror.Skipped(); n != 2 {
		t.Errorf("%d skipped, want both", n)
	}
	impostor, err := sealed.NewKeys(sealed.Key{ID: "one", Secret: sealed.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	r.put(key, stored)
	r.Use(impostor)
	r.put(key, stored)
	if r.shown() != "" {
		t.Error("a key of the same name decrypted it")
	}
}

func TestKeysAreChecked(t *testing.T) {
	good := sealed.NewSecret()
	for name, test := range map[string]struct {
		keys []sealed.Key
		want string
	}{
		"short":    {[]sealed.Key{{ID: "a", Secret: []byte("s3cret")}}, "key a has 6 bytes: want 32"},
		"twice":    {[]sealed.Key{{ID: "a", Secret: good}, {ID: "a", Secret: good}}, "key a is given twice"},
		"no name":  {[]sealed.Key{{Secret: good}}, `key id "" is not accepted`},
		"reserved": {[]sealed.Key{{ID: "none", Secret: good}}, `key id "none" is not accepted`},
	} {
		if _, err := sealed.NewKeys(test.keys...); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}
