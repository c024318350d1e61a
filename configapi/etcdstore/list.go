package etcdstore

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// readTimeout bounds one read.
	readTimeout = 10 * time.Second
	// A page is as many entries as make up pageBytes, as far as the pages before tell, within these bounds. Etcd counts
	// everything that is left for each page, so many small pages take long: a million entries 17s by 5,000, 7s by 20,000.
	firstPage, minPage, maxPage = 500, 16, 20_000
	pageBytes                   = 16 << 20
	progressInterval            = 5 * time.Second
)

// get reads one key or a range of keys, linearizably.
func (s *Store) get(ctx context.Context, c *conn, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ctx, req := withTrace(ctx)
	resp, err := call(ctx, c, func(ctx context.Context) (*clientv3.GetResponse, error) { return c.Get(ctx, key, opts...) })
	if err != nil {
		return nil, req.cause(err)
	}
	return resp, nil
}

// list loads everything etcd holds at one revision into the sink, which takes the difference to what it has. After a
// restored backup that revision may be lower than the one before.
func (s *Store) list(ctx context.Context, c *conn, at *position) error {
	start, told := time.Now(), time.Now()
	loader := s.sink.Load()
	next := position{listed: true}
	end := clientv3.GetPrefixRangeEnd(string(s.keys))
	limit, entries, bytes, ignored := firstPage, 0, 0, 0
	for from := string(s.keys); ; {
		resp, err := s.get(ctx, c, from, clientv3.WithRange(end), clientv3.WithRev(next.revision),
			clientv3.WithLimit(int64(limit)))
		if err != nil {
			return err
		}
		if next.revision == 0 {
			next.revision, next.cluster = resp.Header.Revision, resp.Header.ClusterId
		}
		for _, kv := range resp.Kvs {
			key := string(kv.Key)
			bytes += len(key) + len(kv.Value)
			change, ok := s.keys.entry(key, kv.Value, kv.CreateRevision, kv.ModRevision)
			if !ok {
				ignored++
				continue
			}
			next.mark.see(change, key, string(kv.Value))
			loader.Add(change)
		}
		entries += len(resp.Kvs)
		if !resp.More || len(resp.Kvs) == 0 {
			break
		}
		from = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
		limit = min(max(pageBytes/(bytes/entries+1), minPage), maxPage)
		if time.Since(told) > progressInterval {
			told = time.Now()
			s.logger.Info("listing etcd", "entries", entries, "of", entries+int(resp.Count)-len(resp.Kvs))
		}
	}
	loader.Commit(next.revision)
	if at.revision > next.revision {
		s.logger.Warn("etcd's revision went back, as after restoring a backup", "from", at.revision, "to", next.revision)
	}
	*at = next
	s.logger.Info("loaded the configuration from etcd", "revision", next.revision, "entries", entries-ignored,
		"ignored", ignored, "took", time.Since(start).Round(time.Millisecond))
	s.changed()
	return nil
}
