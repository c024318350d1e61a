package etcdstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

// BenchmarkCommit measures a write until the sink has it.
func BenchmarkCommit(b *testing.B) {
	run := func(b *testing.B, cfg etcdstore.Config) {
		s, into := openReady(b, cfg)
		puts := []configapi.Put{put("f", fmt.Sprintf("%0300d", 0))}
		b.ReportAllocs()
		for b.Loop() {
			commit(b, s, into, puts)
		}
	}
	b.Run("embedded", func(b *testing.B) { run(b, etcdstore.Config{DataDir: b.TempDir()}) })
	b.Run("cluster", func(b *testing.B) {
		run(b, etcdstore.Config{Endpoints: etcdtest.Start(b, etcdtest.Options{}).Endpoints(), DataDir: b.TempDir()})
	})
}

// BenchmarkStart measures from Open until the sink is loaded, with nothing in a new embedded server and in one restarted.
func BenchmarkStart(b *testing.B) {
	run := func(b *testing.B, dir func() string) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := etcdstore.Open(etcdstore.Config{DataDir: dir()}, newSink(), testLogger(b))
			if err != nil {
				b.Fatal(err)
			}
			waitReady(b, s)
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	b.Run("new", func(b *testing.B) { run(b, b.TempDir) })
	dir := b.TempDir()
	b.Run("again", func(b *testing.B) { run(b, func() string { return dir }) })
}

// BenchmarkLoad measures how long a store takes to load 100,000 entries of 300 bytes: from etcd, and from a saved copy.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	cluster := etcdtest.Start(b, etcdtest.Options{})
	client := cluster.Client()
	value := fmt.Sprintf("%0300d", 0)
	for i := 0; i < n; {
		ops := []clientv3.Op{clientv3.OpPut("/event-gateway/v1/default/version", fmt.Sprint(i))}
		for ; i < n && len(ops) < 128; i++ {
			ops = append(ops, clientv3.OpPut(fmt.Sprintf("/event-gateway/v1/default/functions/f%07d", i), value))
		}
		if _, err := client.Txn(context.Background()).Then(ops...).Commit(); err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	load := func(b *testing.B, dir func() string, ready bool) {
		b.ReportAllocs()
		for b.Loop() {
			into := newSink()
			s, err := etcdstore.Open(etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir()}, into, testLogger(b))
			if err != nil {
				b.Fatal(err)
			}
			if ready {
				waitReady(b, s)
			}
			if into.count() != n {
				b.Fatalf("%d entries", into.count())
			}
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	b.Run("etcd", func(b *testing.B) {
		i := 0
		load(b, func() string { i++; return filepath.Join(dir, fmt.Sprint(i)) }, true)
	})
	b.Run("saved", func(b *testing.B) { load(b, func() string { return filepath.Join(dir, "1") }, false) })
}
