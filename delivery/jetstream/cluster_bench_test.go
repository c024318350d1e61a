package jetstream

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

// BenchmarkCluster measures accepting and finishing works in a cluster: of one server, and of three.
func BenchmarkCluster(b *testing.B) {
	for _, size := range []int{1, 3} {
		c := natstest.Start(b, natstest.Options{Size: size})
		n := openNode(b, &Queue{URLs: c.URLs()}, longTTL)
		n.got = func(r *delivery.Record) { n.Finish(r) }
		n.awaitShare(b, 16, 16)
		for _, kind := range []struct {
			name string
			work func(id string) *delivery.Work
		}{
			{"anywhere", newWork},
			{"keyed", func(id string) *delivery.Work { return keyed(id, id) }},
			{"split", func(id string) *delivery.Work { return ordered(id, id+"a", id+"b") }},
		} {
			for _, publishers := range []int{1, 32} {
				b.Run(fmt.Sprintf("servers=%d/%s/publishers=%d", size, kind.name, publishers), func(b *testing.B) {
					var count atomic.Int64
					b.SetParallelism(publishers)
					b.ReportAllocs()
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							w := kind.work(fmt.Sprint("e", count.Add(1)))
							if err := n.Append(b.Context(), []*delivery.Work{w}); err != nil {
								b.Error(err)
								return
							}
						}
					})
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
				})
			}
		}
	}
}
