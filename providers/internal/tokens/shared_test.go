package tokens

import "testing"

func TestShared(t *testing.T) {
	var all Shared[string]
	builds := 0
	build := func() *Cache {
		builds++
		return New(Config{})
	}
	first, releaseFirst := all.Open("a", build)
	second, releaseSecond := all.Open("a", build)
	other, releaseOther := all.Open("b", build)
	defer releaseOther()
	if first != second || other == first || builds != 2 {
		t.Fatalf("%d caches", builds)
	}
	releaseFirst()
	releaseFirst()
	if first.life.Err() != nil {
		t.Error("released twice by one, it is closed for the other")
	}
	releaseSecond()
	if first.life.Err() == nil || len(all.open) != 1 {
		t.Error("it is not closed by the last who used it")
	}
}
