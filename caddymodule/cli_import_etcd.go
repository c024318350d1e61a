package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/eventgateway/eventgateway/migrate"
)

// defaultOldPrefix is what the keys of the gateway's predecessor begin with.
const defaultOldPrefix = "/serverless-event-gateway"

const (
	oldDialTimeout = 10 * time.Second
	// oldReadTimeout bounds the reading of one page.
	oldReadTimeout = 30 * time.Second
	oldPageSize    = 1000
)

// readOld reads the predecessor's keys out of etcd v3, all at one revision and in their order. Nothing is written. endpoints
// are host:port or URLs. The predecessor knew neither TLS nor users of etcd; with https:// the system's certificate authorities
// are trusted.
func readOld(ctx context.Context, endpoints []string, prefix string) ([]migrate.OldEntry, error) {
	for i, endpoint := range endpoints {
		endpoints[i] = strings.TrimSpace(endpoint)
		if endpoints[i] == "" {
			return nil, errors.New("endpoints: one is empty: want host:port or URLs, with commas between them")
		}
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: oldDialTimeout, Logger: zap.NewNop(), Context: ctx})
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	defer client.Close()
	prefix = strings.TrimSuffix(prefix, "/") + "/"
	var entries []migrate.OldEntry
	end, revision := clientv3.GetPrefixRangeEnd(prefix), int64(0)
	for from := prefix; ; {
		page, err := readOldPage(ctx, client, from, end, revision)
		if err != nil {
			return nil, fmt.Errorf("reading from etcd at %s: %w", strings.Join(endpoints, ", "), err)
		}
		revision = page.Header.Revision
		for _, kv := range page.Kvs {
			entries = append(entries, migrate.OldEntry{Key: strings.TrimPrefix(string(kv.Key), prefix), Value: kv.Value})
		}
		if !page.More {
			break
		}
		from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("etcd at %s has no keys that begin with %s: look at them with: etcdctl get '' --prefix --keys-only",
			strings.Join(endpoints, ", "), prefix)
	}
	return entries, nil
}

func readOldPage(ctx context.Context, client *clientv3.Client, from, end string, revision int64) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, oldReadTimeout)
	defer cancel()
	page, err := client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(oldPageSize), clientv3.WithRev(revision))
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("no answer in time")
	}
	return page, err
}
