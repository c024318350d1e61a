package etcdstore

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// A resource is stored at <prefix>/<space>/<kind>/<id> and a space's version at <prefix>/<space>/version. Names hold no
// slash, or, as those of event types, are escaped as in a URL, so the number of segments tells the two apart whatever a space
// or a resource is called. Keys of other forms and of unknown kinds are left alone: a newer version of the gateway may have
// written them.
const versionSegment = "version"

// keyspace is a normalized prefix and a slash.
type keyspace string

// normalizePrefix returns a prefix with one slash before each segment and none at the end; "/" becomes "".
func normalizePrefix(prefix string) (string, error) {
	if prefix == "" {
		return DefaultPrefix, nil
	}
	bad := func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) || unicode.IsSpace(r) }
	if strings.IndexFunc(prefix, bad) >= 0 {
		return "", eventgateway.InvalidField("etcd prefix", prefix, "a path such as "+DefaultPrefix+" without spaces")
	}
	segments := slices.DeleteFunc(strings.Split(prefix, "/"), func(s string) bool { return s == "" })
	if len(segments) == 0 {
		return "", nil
	}
	return "/" + strings.Join(segments, "/"), nil
}

func (k keyspace) version(space string) string { return string(k) + space + "/" + versionSegment }

func (k keyspace) resource(key configapi.Key) string {
	return string(k) + key.Space + "/" + string(key.Kind) + "/" + url.PathEscape(key.ID)
}

// check refuses a key that could not be found again.
func (k keyspace) check(space string, key configapi.Key) error {
	if key.Space != space {
		return eventgateway.InvalidField("space", key.Space, "the space of the write, "+space)
	}
	if !known(key.Kind) {
		return eventgateway.InvalidField("kind", string(key.Kind), "a kind of resource the store keeps")
	}
	return validateID(key)
}

func known(kind configapi.Kind) bool {
	switch kind {
	case configapi.Functions, configapi.Subscriptions, configapi.EventTypes, configapi.CORS:
		return true
	}
	return false
}

// validateID refuses what cannot be the id of a resource of its kind.
func validateID(key configapi.Key) error {
	if key.Kind == configapi.EventTypes {
		return eventgateway.ValidateEventName("id", key.ID)
	}
	return eventgateway.ValidateID("id", key.ID)
}

// parse returns what an etcd key stands for; ok is false for keys that mean nothing to this version of the gateway. For a
// space's version only Key.Space is set.
func (k keyspace) parse(raw string) (key configapi.Key, version, ok bool) {
	rest, found := strings.CutPrefix(raw, string(k))
	if !found {
		return key, false, false
	}
	space, rest, _ := strings.Cut(rest, "/")
	if eventgateway.ValidateID("space", space) != nil {
		return key, false, false
	}
	if rest == versionSegment {
		return configapi.Key{Space: space}, true, true
	}
	kind, escaped, _ := strings.Cut(rest, "/")
	id, err := url.PathUnescape(escaped)
	key = configapi.Key{Space: space, Kind: configapi.Kind(kind), ID: id}
	// A resource has one key: what is escaped in another way is not ours.
	return key, false, err == nil && url.PathEscape(id) == escaped && known(key.Kind) && validateID(key) == nil
}

// entry returns what a key and its value mean to a sink.
func (k keyspace) entry(raw string, value []byte, created, modified int64) (change configapi.Change, ok bool) {
	key, version, ok := k.parse(raw)
	entry := configapi.Entry{Key: key, Value: value, CreateRevision: created, ModRevision: modified}
	if version {
		entry.Value = nil
	}
	return configapi.Change{Entry: entry, SpaceVersion: version}, ok
}

// event returns what an event of a watch means to a sink.
func (k keyspace) event(event *clientv3.Event) (change configapi.Change, ok bool) {
	change, ok = k.entry(string(event.Kv.Key), event.Kv.Value, event.Kv.CreateRevision, event.Kv.ModRevision)
	if event.Type == clientv3.EventTypeDelete {
		change.Deleted = true
		change.Entry.Value = nil
	}
	return change, ok
}
