package caddymodule

import (
	"strings"
	"testing"
)

const rollout = `space: default
functions:
  - functionId: both
    type: weighted
    provider:
      functions:
        - functionId: old
          weight: 90
        - functionId: new
          weight: 10
      retreat:
        errorRate: 0.1
  - functionId: new
    type: http
    provider:
      url: http://localhost:9000/new
  - functionId: old
    type: http
    provider:
      url: http://localhost:9000/old
`

// TestImportWeighted imports a weighted function that stands before its members, changes its weights, and prunes all.
func TestImportWeighted(t *testing.T) {
	g := newTarget(t)
	if out, _ := g.load(exitDone, rollout); !strings.HasSuffix(out, "created function both in space default\n") {
		t.Errorf("the import printed\n%s", out)
	}
	changed := strings.Replace(rollout, "weight: 10", "weight: 20", 1)
	g.load(exitDone, changed)
	if fn := g.do("GET", "/v1/spaces/default/functions/both", "", 200); !strings.Contains(fn, `"previous":[{"functionId":"old","weight":90},{"functionId":"new","weight":10}]`) {
		t.Errorf("the function is %s", fn)
	}
	// What the gateway keeps is no difference, and is not exported.
	if out, _ := g.load(exitDone, changed, "--dry-run"); out != "0 to create, 0 to change, 0 to delete; 3 as they should be\n" {
		t.Errorf("once more, it printed\n%s", out)
	}
	if got := g.save(); strings.Contains(got, "previous") {
		t.Errorf("exported\n%s", got)
	}
	g.load(exitDone, "space: default\nfunctions: []\n", "--prune")
	if list := g.do("GET", "/v1/spaces/default/functions", "", 200); !strings.Contains(list, `"functions":[]`) {
		t.Errorf("pruning leaves %s", list)
	}
}
