package archive

import (
	"fmt"
	"testing"
)

// BenchmarkReact is what an event costs, many at a time; sync=… fsync=… say what it waits for.
func BenchmarkReact(b *testing.B) {
	ev := about("0b8a3c1e-6f0a-4c0e-9a53-1d1f6c2f7a55")
	for _, compression := range compressions {
		for _, mode := range []struct{ sync, fsync bool }{{}, {sync: true}, {sync: true, fsync: true}} {
			b.Run(fmt.Sprintf("%s/sync=%v/fsync=%v", compression, mode.sync, mode.fsync), func(b *testing.B) {
				a := &Archive{Directory: b.TempDir(), Compression: compression, Sync: mode.sync, Fsync: mode.fsync}
				if err := a.Start(b.Context()); err != nil {
					b.Fatal(err)
				}
				defer a.Stop(b.Context())
				b.ReportAllocs()
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := a.React(b.Context(), ev); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
