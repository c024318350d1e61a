package hamt

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

var sizes = []int{10, 1_000, 100_000, 1_000_000}

func benchKeys(n int) []String {
	keys := make([]String, n)
	for i := range keys {
		keys[i] = String(fmt.Sprintf("key-%08d", i))
	}
	rand.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
}

func build(keys []String) *Map[String, *int] {
	edit := (*Map[String, *int])(nil).Edit()
	for _, k := range keys {
		edit.Set(k, nil)
	}
	return edit.Map()
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// BenchmarkBuild makes a whole map through an editor. Bytes per entry include the key's string header, not its bytes.
func BenchmarkBuild(b *testing.B) {
	for _, size := range sizes {
		keys := benchKeys(size)
		b.Run(fmt.Sprint("size=", size), func(b *testing.B) {
			b.ReportAllocs()
			before := heap()
			var m *Map[String, *int]
			for b.Loop() {
				m = build(keys)
			}
			b.StopTimer()
			b.ReportMetric(float64(heap()-before)/float64(size), "bytes/entry")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/entry")
			runtime.KeepAlive(m)
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range sizes {
		keys := benchKeys(size)
		m := build(keys)
		b.Run(fmt.Sprint("hit/size=", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := m.Get(keys[i%size]); !ok {
					b.Fatal("not found")
				}
			}
		})
		missing := benchKeys(1000)
		for i := range missing {
			missing[i] += "-none"
		}
		b.Run(fmt.Sprint("miss/size=", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := m.Get(missing[i%1000]); ok {
					b.Fatal("found")
				}
			}
		})
	}
}

// BenchmarkSetDelete makes two changes an iteration, so that the map keeps its size.
func BenchmarkSetDelete(b *testing.B) {
	for _, size := range sizes {
		keys := benchKeys(size)
		m := build(keys)
		b.Run(fmt.Sprint("size=", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k := keys[i%size]
				m = m.Delete(k).Set(k, nil)
			}
		})
	}
}

func BenchmarkAll(b *testing.B) {
	for _, size := range sizes {
		m := build(benchKeys(size))
		b.Run(fmt.Sprint("size=", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range m.All() {
					continue
				}
			}
		})
	}
}
