package eventgateway_test

import (
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
)

func TestNewIDIsAVersion7UUID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	at := time.UnixMilli(0x0123456789ab)
	id := eventgateway.NewID(at)
	if !form.MatchString(id) {
		t.Errorf("%q is not a UUID of version 7", id)
	}
	if id[:13] != "01234567-89ab" {
		t.Errorf("%q does not start with its time", id)
	}
	if later := eventgateway.NewID(at.Add(time.Millisecond)); later <= id {
		t.Errorf("%q, a millisecond later, does not sort after %q", later, id)
	}
}

func TestNewIDsDiffer(t *testing.T) {
	const goroutines, each = 8, 5000
	at := time.Now()
	var seen sync.Map
	var wait sync.WaitGroup
	for range goroutines {
		wait.Go(func() {
			for range each {
				if _, twice := seen.LoadOrStore(eventgateway.NewID(at), true); twice {
					t.Error("an id came twice")
				}
			}
		})
	}
	wait.Wait()
}

func BenchmarkNewID(b *testing.B) {
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		eventgateway.NewID(at)
	}
}
