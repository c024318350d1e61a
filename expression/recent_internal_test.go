package expression

import (
	"fmt"
	"testing"
)

// TestRecentIsBounded fills the cache over its limit; what is used all the time stays.
func TestRecentIsBounded(t *testing.T) {
	var r recentPrograms
	kept, err := r.get(Transform, "transform", "1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxRecent {
		r.keep(recentKey{Transform, fmt.Sprint("filler", i)}, new(Program))
		if again, err := r.get(Transform, "transform", "1"); err != nil || again != kept {
			t.Fatalf("after %d others the program is another, or %v", i+1, err)
		}
		if n := len(r.young) + len(r.old); n > 2*maxRecent {
			t.Fatalf("%d programs are kept", n)
		}
	}
	if _, ok := r.old[recentKey{Transform, "filler0"}]; ok {
		t.Error("a program that is not used is kept")
	}
	if _, err := r.get(Transform, "transform", "("); err == nil {
		t.Error("what does not compile is a program")
	}
}
