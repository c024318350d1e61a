package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway/configapi"
)

// checkInterval is how often a watch is checked against what etcd holds: etcd's client repairs a watch in silence, also
// when a backup has been restored behind it.
const checkInterval = 10 * time.Second

var (
	errHistory = errors.New("etcd holds another history than the one followed so far")
	errStalled = errors.New("the watch has stopped telling changes")
)

// position is how far the sink has followed etcd.
type position struct {
	// listed tells that the sink has everything up to revision from etcd.
	listed   bool
	cluster  uint64
	revision int64
	mark     mark
}

// mark is the change of a space's version seen last. Its token is unique, so it tells the history it belongs to from any
// other with the same revisions, such as one that goes on from a restored backup.
type mark struct {
	key, token string
	revision   int64
}

// see moves the mark on with a key's new state.
func (m *mark) see(change configapi.Change, key, token string) {
	switch {
	case !change.SpaceVersion:
	case change.Deleted && key == m.key:
		*m = mark{}
	case !change.Deleted && change.Entry.ModRevision > m.revision:
		*m = mark{key: key, token: token, revision: change.Entry.ModRevision}
	}
}

// check reads whether etcd still has the history that led to at, and returns the newest revision known from it.
func (s *Store) check(ctx context.Context, c *conn, at position) (newest int64, err error) {
	if at.mark.key == "" {
		return 0, fmt.Errorf("%w: no space has been written to yet", errHistory)
	}
	now, err := s.get(ctx, c, at.mark.key)
	if err != nil {
		return 0, err
	}
	if now.Header.ClusterId != at.cluster || now.Header.Revision < at.revision || len(now.Kvs) == 0 ||
		now.Kvs[0].ModRevision < at.mark.revision {
		return 0, errHistory
	}
	kv := now.Kvs[0]
	newest = kv.ModRevision
	if kv.ModRevision > at.mark.revision {
		then, err := s.get(ctx, c, at.mark.key, clientv3.WithRev(at.mark.revision))
		if err != nil {
			return 0, err
		}
		if len(then.Kvs) == 0 {
			return 0, errHistory
		}
		kv = then.Kvs[0]
	}
	if kv.ModRevision != at.mark.revision || string(kv.Value) != at.mark.token {
		return 0, errHistory
	}
	return newest, nil
}

// checker runs one check at a time beside a watch.
type checker struct {
	store   *Store
	conn    *conn
	running bool
	newest  int64
	results chan error
}

func (k *checker) start(ctx context.Context, at position) {
	if k.running || at.mark.key == "" {
		return
	}
	k.running = true
	// What the last check found newest should have been told by now.
	stalled := at.revision < k.newest
	go func() {
		newest, err := k.store.check(ctx, k.conn, at)
		if err == nil && stalled {
			err = errStalled
		}
		k.newest = max(k.newest, newest)
		k.results <- err
	}()
}
