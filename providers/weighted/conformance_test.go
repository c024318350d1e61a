package weighted_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	_ "github.com/eventgateway/eventgateway/providers/http"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

// TestConformance runs the suite with a weighted function whose only member is an http function at the suite's edge.
func TestConformance(t *testing.T) {
	member := func(edge string) string { return strings.ReplaceAll(strings.TrimPrefix(edge, "http://"), ":", "_") }
	var members sync.Map
	t.Cleanup(func() {
		members.Range(func(_, h any) bool {
			h.(func() *providers.Handle)().Close()
			return true
		})
	})
	providertest.Run(t, providertest.Config{
		Type: "weighted",
		Fields: func(edge string) string {
			return fmt.Sprintf(`{"functions":[{"functionId":%q,"weight":1}]}`, member(edge))
		},
		Caddyfile: func(edge string) string { return "weighted {\n\tfunction " + member(edge) + " 1\n}\n" },
		Env: func(env *providers.Env) {
			own := *env
			env.Function = func(id string) *providers.Handle {
				fields, err := json.Marshal(map[string]string{"url": "http://" + strings.ReplaceAll(id, "_", ":")})
				if err != nil {
					t.Error(err)
				}
				h, _ := members.LoadOrStore(id, sync.OnceValue(func() *providers.Handle {
					return providers.Open(&eventgateway.Function{Space: own.Space, ID: id, Type: "http", Provider: fields}, own)
				}))
				return h.(func() *providers.Handle)()
			}
		},
	})
}
