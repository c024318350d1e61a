package jetstream

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/eventgateway/eventgateway/delivery"
)

// finishing is a Receiver whose deliveries are made at once.
type finishing struct {
	log     *Log
	works   atomic.Int64
	records atomic.Int64
}

func (f *finishing) Receive(r *delivery.Record) {
	f.works.Add(int64(len(r.Works)))
	f.records.Add(1)
	f.log.Finish(r)
}

func (f *finishing) CaughtUp(int) {}
func (f *finishing) Revoke(int)   {}

func (f *finishing) Release([]*delivery.Work) {}

// BenchmarkAppend has 64 senders append small events that are handed out and finished at once.
func BenchmarkAppend(b *testing.B) {
	for _, sync := range []string{"", SyncAlways} {
		b.Run("sync="+sync, func(b *testing.B) {
			l := open(b, &Queue{Sync: sync}, b.TempDir())
			f := &finishing{log: l}
			l.Start(f)
			var id atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					w := newWork(strconv.FormatInt(id.Add(1), 10))
					if err := l.Append(context.Background(), []*delivery.Work{w}); err != nil {
						b.Error(err)
					}
				}
			})
			eventually(b, "all is handed out", func() bool { return f.works.Load() == int64(b.N) })
			b.ReportMetric(float64(b.N)/float64(f.records.Load()), "events/record")
		})
	}
}

// BenchmarkFinish removes records of one event each, in the order of the log and with every second one left.
func BenchmarkFinish(b *testing.B) {
	for _, step := range []int{1, 2} {
		b.Run("every="+strconv.Itoa(step), func(b *testing.B) {
			l, s := started(b, new(Queue), b.TempDir())
			for i := range b.N * step {
				mustAppend(b, l, strconv.Itoa(i))
			}
			s.await(b, "all is there", func() bool { return len(s.records) == b.N*step })
			b.ResetTimer()
			for i := range b.N {
				l.Finish(s.records[(i+1)*step-1])
			}
			l.partitions[0].settle(context.Background())
		})
	}
}

// BenchmarkRewrite writes records anew, 32 at a time.
func BenchmarkRewrite(b *testing.B) {
	for _, sync := range []string{"", SyncAlways} {
		b.Run("sync="+sync, func(b *testing.B) {
			l, s := started(b, &Queue{Sync: sync}, b.TempDir())
			records := make([]*delivery.Record, 256)
			for i := range records {
				mustAppend(b, l, strconv.Itoa(i))
			}
			s.await(b, "all is there", func() bool { return copy(records, s.records) == len(records) })
			var next atomic.Int64
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				r := records[next.Add(1)]
				for pb.Next() {
					var err error
					if r, err = l.Rewrite(context.Background(), r, r.Works); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
