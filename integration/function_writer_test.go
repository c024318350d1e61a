package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// functionWriter creates, changes and deletes functions, and remembers what it was told. Nobody else writes its functions.
type functionWriter struct {
	name, config string
	functions    []*writtenFunction
	made         atomic.Int64
	refused      atomic.Int64

	mu sync.Mutex
	// longest is how long the slowest 503 took, and slowest the slowest success.
	longest, slowest time.Duration
}

// storedFunction is a function's key in etcd: how many puts made it what it is, and their first and last revision. The
// zero value is none.
type storedFunction struct{ puts, created, modified int64 }

// writtenFunction is what was told of one function.
type writtenFunction struct {
	id string
	// acked is the state after all that was acknowledged.
	acked storedFunction
	// refusal is the message of a 503 in answer to method, after which the function was left alone.
	method, refusal string
}

// check compares what was told with what etcd holds.
func (f *writtenFunction) check(stored storedFunction) error {
	unchanged := stored == f.acked
	changed := stored.puts == f.acked.puts+1 && (f.acked.puts == 0 || stored.created == f.acked.created)
	if f.method == http.MethodDelete {
		changed = stored == storedFunction{}
	}
	ok := unchanged
	switch {
	case f.refusal == "":
	case strings.Contains(f.refusal, "nothing was"): // written, changed
	case strings.Contains(f.refusal, "the change was made"):
		ok = changed
	case strings.Contains(f.refusal, "may have been written"):
		ok = unchanged || changed
	default:
		return fmt.Errorf("a 503 that does not tell what became of the write: %s", f.refusal)
	}
	if !ok {
		return fmt.Errorf("etcd holds %+v; acknowledged was %+v, then %s %q", stored, f.acked, f.method, f.refusal)
	}
	return nil
}

// run writes until stop is closed.
func (w *functionWriter) run(t *testing.T, stop <-chan struct{}) {
	url := w.config + "/v1/spaces/load/functions"
	for n := 0; ; n++ {
		f := &writtenFunction{id: fmt.Sprintf("%s-%d", w.name, n)}
		w.functions = append(w.functions, f)
		body := fields{"functionId": f.id, "type": "http", "provider": fields{"url": "http://127.0.0.1:1"}}
		steps := []func() bool{
			func() bool { return w.write(t, f, http.MethodPost, url, body, 201) },
			func() bool {
				return w.write(t, f, http.MethodPut, url+"/"+f.id, body.with(fields{"metadata": fields{"changed": "yes"}}), 200)
			},
			func() bool { return w.write(t, f, http.MethodDelete, url+"/"+f.id, nil, 204) },
		}
		for _, step := range steps[:2+n%2] { // every other function is deleted again
			select {
			case <-stop:
				return
			default:
			}
			if !step() {
				break
			}
		}
	}
}

// write makes one request and remembers the answer. It reports whether the write is known to have been made.
func (w *functionWriter) write(t *testing.T, f *writtenFunction, method, url string, body any, want int) bool {
	start := time.Now()
	a, err := ask(method, url, body)
	took := time.Since(start)
	w.mu.Lock()
	defer w.mu.Unlock()
	f.method = method
	switch {
	case err != nil:
		t.Errorf("%s %s: %v", method, f.id, err)
		f.refusal = "may have been written"
		return false
	case a.status == want:
		w.slowest = max(w.slowest, took)
		switch method {
		case http.MethodPost:
			f.acked = storedFunction{1, a.revision(), a.revision()}
		case http.MethodPut:
			f.acked = storedFunction{f.acked.puts + 1, f.acked.created, a.revision()}
		default:
			f.acked = storedFunction{}
		}
		w.made.Add(1)
		return true
	case a.status == 503:
		w.longest = max(w.longest, took)
		if took > maxRefusal {
			t.Errorf("%s %s: 503 after %s", method, f.id, took)
		}
		f.refusal = a.body
		w.refused.Add(1)
		return false
	}
	// A 404 or 409 here means that a write was lost or made twice.
	t.Errorf("%s %s: %d, want %d or 503: %s", method, f.id, a.status, want, a.body)
	f.refusal = "may have been written"
	return false
}

// maxRefusal is how long a gateway may try before it refuses a write: its own bound for a write is ten seconds.
const maxRefusal = 15 * time.Second

func summary(writers []*functionWriter) string {
	var made, refused int64
	var longest, slowest time.Duration
	for _, w := range writers {
		w.mu.Lock()
		made, refused = made+w.made.Load(), refused+w.refused.Load()
		longest, slowest = max(longest, w.longest), max(slowest, w.slowest)
		w.mu.Unlock()
	}
	return fmt.Sprintf("%d writes made, the slowest in %s; %d refused, the slowest in %s",
		made, slowest.Round(time.Millisecond), refused, longest.Round(time.Millisecond))
}
