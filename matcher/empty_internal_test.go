package matcher

import (
	"fmt"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// TestDeletesLeaveNothingBehind empties a table and looks for what is kept although nothing can find it.
func TestDeletesLeaveNothingBehind(t *testing.T) {
	var list []*eventgateway.Subscription
	for i := range 500 {
		s := &eventgateway.Subscription{
			Space:      fmt.Sprint("space-", i%7),
			Event:      []string{"http", "user.created", "invoke"}[i%3],
			Method:     "POST",
			FunctionID: fmt.Sprint("function-", i%11),
			Path:       []string{"/", "/a/b", "/a/:b", "/:x/b/*rest", fmt.Sprintf("/a/%d/:c", i)}[i%5],
		}
		s.Normalize()
		list = append(list, s)
	}
	for name, edit := range map[string]*Editor{"one by one": (*Table)(nil).change(nil), "in an editor": (*Table)(nil).Edit()} {
		for _, s := range list {
			edit.Insert(s)
		}
		for i := range list {
			edit.Delete(list[i*3%len(list)])
			edit.Delete(list[i*3%len(list)])
		}
		if left := *edit.Table(); left != (Table{}) {
			t.Errorf("%s: a table without subscriptions keeps %d tries, %d channels, %d places", name,
				left.tries.Len(), left.places.channels.Len(), left.places.spaces.Len())
		}
	}
}
