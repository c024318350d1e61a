package etcdstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

const (
	// commitTimeout bounds a Commit whose context has no earlier end.
	commitTimeout = 5 * time.Second
	// outageTimeout bounds it once etcd has been away for that long already: whoever waits for a lock behind it waits less.
	outageTimeout = time.Second
	// attemptTimeout bounds one attempt: a write that a member passes on to a leader that is just dying is lost, and the member
	// does not tell before its own timeout of many seconds.
	attemptTimeout = 1500 * time.Millisecond
	// settleTimeout bounds finding out what became of a write that got no answer.
	settleTimeout = 2 * time.Second
	// retryPause is the least time between two attempts of one write.
	retryPause = 50 * time.Millisecond
)

// commit is one write on its way. Every write replaces the space's version key, if that still is the version the write was
// checked against, with a token nobody else has. So of two writes checked against one version at most one can happen, the
// same write can be sent twice without happening twice, and whether it happened can be read afterwards.
type commit struct {
	key     string
	version int64
	token   string
	ops     []clientv3.Op
}

func (s *Store) newCommit(w configapi.Write) (*commit, error) {
	if err := eventgateway.ValidateID("space", w.Space); err != nil {
		return nil, err
	}
	if w.Version < 0 {
		return nil, eventgateway.InvalidField("version", fmt.Sprint(w.Version), "a version that was read, or 0")
	}
	t := &commit{key: s.keys.version(w.Space), version: w.Version, token: rand.Text()}
	t.ops = append(make([]clientv3.Op, 0, 1+len(w.Puts)+len(w.Deletes)), clientv3.OpPut(t.key, t.token))
	seen := make(map[configapi.Key]bool, len(w.Puts)+len(w.Deletes))
	add := func(key configapi.Key, op func(key string) clientv3.Op) error {
		if err := s.keys.check(w.Space, key); err != nil {
			return err
		}
		if seen[key] {
			return eventgateway.Errorf(eventgateway.Invalid, "%s %s is changed twice in one write", key.Kind, key.ID)
		}
		seen[key] = true
		t.ops = append(t.ops, op(s.keys.resource(key)))
		return nil
	}
	for _, put := range w.Puts {
		if err := add(put.Key, func(key string) clientv3.Op { return clientv3.OpPut(key, string(put.Value)) }); err != nil {
			return nil, err
		}
	}
	for _, key := range w.Deletes {
		if err := add(key, func(key string) clientv3.Op { return clientv3.OpDelete(key) }); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Commit implements configapi.Store. Without an earlier end of ctx it takes no longer than seven seconds.
func (s *Store) Commit(ctx context.Context, w configapi.Write) (int64, error) {
	t, err := s.newCommit(w)
	if err != nil {
		return 0, err
	}
	timeout := commitTimeout
	if s.status.downFor(commitTimeout) {
		timeout = outageTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer context.AfterFunc(s.hurry, cancel)()

	sent := false
	for {
		revision, again, err := s.try(ctx, t, &sent)
		if !again {
			return revision, err
		}
		select {
		case <-time.After(retryPause + mathrand.N(retryPause)):
			continue
		case <-ctx.Done():
		}
		if !sent {
			return 0, unavailable(err, nothingWritten)
		}
		return s.settle(context.WithoutCancel(ctx), t, err)
	}
}

// try sends a write once; again tells that it got no answer and may be sent again. sent is set when the write may have
// reached etcd.
func (s *Store) try(ctx context.Context, t *commit, sent *bool) (revision int64, again bool, err error) {
	c, _, err := s.conns.acquire(ctx)
	if err != nil {
		if *sent {
			return 0, true, err
		}
		return 0, false, unavailable(s.status.reason(err), nothingWritten)
	}
	defer s.conns.release(c)
	resp, req, err := t.send(ctx, c, t.ops...)
	*sent = *sent || req.sent.Load()
	switch {
	case err == nil && resp.Succeeded:
		return resp.Header.Revision, false, nil
	case err == nil:
		revision, err = s.overtaken(ctx, c, t, resp, *sent)
		return revision, err != nil && !errors.Is(err, configapi.ErrVersion), err
	case refused(err):
		return 0, false, refusal(err)
	case errors.Is(err, errStopped) && *sent:
		return 0, false, unavailable(err, maybeWritten)
	case errors.Is(err, errStopped):
		return 0, false, unavailable(err, nothingWritten)
	}
	return 0, true, req.cause(err)
}

// send makes a transaction that holds only if the space's version still is the expected one.
func (t *commit) send(ctx context.Context, c *conn, ops ...clientv3.Op) (*clientv3.TxnResponse, *trace, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	ctx, req := withTrace(ctx)
	if c.server != nil {
		select {
		case <-c.server.failed:
			return nil, req, c.server.stopped()
		default:
			req.sent.Store(true)
		}
	}
	resp, err := call(ctx, c, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return c.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(t.key), "=", t.version)).
			Then(ops...).
			Else(clientv3.OpGet(t.key)).
			Commit()
	})
	return resp, req, err
}

// overtaken reads from an unmet condition what happened instead: this very write in an earlier attempt, or another one.
func (s *Store) overtaken(ctx context.Context, c *conn, t *commit, resp *clientv3.TxnResponse, resent bool) (int64, error) {
	kvs := resp.Responses[0].GetResponseRange().GetKvs()
	if len(kvs) == 0 || kvs[0].ModRevision < t.version {
		// Somebody has removed the version or restored a backup.
		select {
		case s.doubt <- struct{}{}:
		default:
		}
		return t.version + 1, configapi.ErrVersion
	}
	now := kvs[0]
	if string(now.Value) == t.token {
		return now.ModRevision, nil
	}
	if resent {
		first, err := t.successor(ctx, c, now)
		if err != nil {
			return 0, err
		}
		if string(first.Value) == t.token {
			return first.ModRevision, nil
		}
	}
	return now.ModRevision, configapi.ErrVersion
}

// successor finds the version that followed t.version, of which now is a later one or the same: it is this write's if it
// happened. Others may have made thousands since, so it halves the revisions in between.
func (t *commit) successor(ctx context.Context, c *conn, now *mvccpb.KeyValue) (*mvccpb.KeyValue, error) {
	// The key had t.version at revision low, or did not exist; at now.ModRevision it has a later one.
	for low := max(t.version, now.CreateRevision-1); low < now.ModRevision-1; {
		middle := low + (now.ModRevision-low)/2
		resp, err := call(ctx, c, func(ctx context.Context) (*clientv3.GetResponse, error) {
			return c.Get(ctx, t.key, clientv3.WithRev(middle))
		})
		if err != nil {
			return nil, err
		}
		if len(resp.Kvs) == 0 || resp.Kvs[0].ModRevision <= t.version {
			low = middle
		} else {
			now = resp.Kvs[0]
		}
	}
	return now, nil
}

// settle finds out what became of a write that was sent and got no answer in time. A version of its own keeps the write
// from happening from then on, if it has not happened.
func (s *Store) settle(ctx context.Context, t *commit, cause error) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	defer context.AfterFunc(s.hurry, cancel)()
	fence := clientv3.OpPut(t.key, rand.Text())
	for {
		c, _, err := s.conns.acquire(ctx)
		if err != nil {
			return 0, unavailable(cause, maybeWritten)
		}
		resp, _, err := t.send(ctx, c, fence)
		if err == nil && !resp.Succeeded {
			var revision int64
			if revision, err = s.overtaken(ctx, c, t, resp, true); err == nil || errors.Is(err, configapi.ErrVersion) {
				s.conns.release(c)
				return revision, err
			}
		}
		s.conns.release(c)
		switch {
		case err == nil:
			return 0, unavailable(cause, nothingWritten)
		case errors.Is(err, errStopped):
			return 0, unavailable(err, maybeWritten)
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return 0, unavailable(cause, maybeWritten)
		}
	}
}
