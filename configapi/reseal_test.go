package configapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// Etcd refuses a request of more than 1.5 MB, so functions that are large together are written one after the other.
func TestResealInParts(t *testing.T) {
	for name, test := range map[string]struct {
		functions, size int // size is that of each in KiB
		commits         int
	}{
		"small":                  {120, 1, 3},
		"large":                  {4, 300, 4},
		"one larger than a part": {1, 900, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			var outdated []eventgateway.FunctionKey
			for i := range test.functions {
				fn := testFunction("a", fmt.Sprintf("f%03d", i))
				fn.Provider = []byte(`{"url":"` + strings.Repeat("u", test.size<<10) + `"}`)
				s.put(key("a", configapi.Functions, fn.ID), encode(fn))
				outdated = append(outdated, fn.Key())
			}
			in := newInstance(t, s, configapi.Static{})
			in.handler.Outdated = func() []eventgateway.FunctionKey {
				return append(outdated, eventgateway.FunctionKey{Space: "a", ID: "deleted-meanwhile"})
			}
			before := s.commits
			got := in.must(http.StatusOK, http.MethodPost, "/v1/reseal", "")
			if want := fmt.Sprintf(`{"resealed":%d}`, test.functions); strings.TrimSpace(got.body) != want {
				t.Errorf("answered with %s, want %s", got.body, want)
			}
			if n := s.commits - before; n != test.commits {
				t.Errorf("written in %d parts, want %d", n, test.commits)
			}
		})
	}
}
