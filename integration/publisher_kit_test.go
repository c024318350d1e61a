package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// acceptor stands in for a gateway: it accepts events, or answers as told.
type acceptor struct {
	mu     sync.Mutex
	status int
	bodies []string
}

func (a *acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bodies = append(a.bodies, string(body))
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(a.status)
}

func (a *acceptor) answer(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status = status
}

func TestPublisherNotesWhatWasAcknowledged(t *testing.T) {
	a := &acceptor{status: 202}
	server := httptest.NewServer(a)
	defer server.Close()
	p := newPublisher(t, "made")
	p.fragile = true
	p.fill(server.URL, 25, 10)
	if p.acked.checkExact([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}) != nil ||
		len(a.bodies) != 3 || strings.Count(a.bodies[2], "specversion") != 5 {
		t.Fatalf("%d events acknowledged in %d batches", p.acked.size(), len(a.bodies))
	}
	a.answer(503)
	if status := p.send(server.URL, p.number()); status != 503 || p.acked.size() != 25 || p.refused.Load() != 1 {
		t.Fatalf("a refused event: %d, %d acknowledged", status, p.acked.size())
	}
	away := httptest.NewServer(a)
	to := aimAt(away.URL)
	a.answer(202)
	stop := p.load(to, 4)
	more := func(than int) {
		t.Helper()
		gatewaytest.Eventually(t, patience, func() error {
			if got := p.acked.size(); got < than {
				return fmt.Errorf("%d acknowledged, want %d", got, than)
			}
			return nil
		})
	}
	more(100)
	away.CloseClientConnections()
	away.Close()
	gatewaytest.Eventually(t, patience, func() error {
		if p.broken.Load() < 4 {
			return errors.New("the connections have not met the end of the server")
		}
		return nil
	})
	sent := p.next.Load()
	to.aim(server.URL)
	more(p.acked.size() + 100)
	stop()
	if broken := p.broken.Load(); broken > 8 {
		t.Errorf("%d events were sent to a server that is away", broken)
	}
	if p.next.Load() < sent+100 || p.acked.duplicates() > 0 {
		t.Errorf("%d events sent, %d acknowledged twice", p.next.Load(), p.acked.duplicates())
	}
}

func TestReceiverNotesWhatItGot(t *testing.T) {
	r := newReceiver(t)
	var g gate
	hangs := httptest.NewServer(g.hang(r))
	defer hangs.Close()
	refuses := httptest.NewServer(g.refuse(flaky(0, r)))
	defer refuses.Close()
	fails := httptest.NewServer(flaky(1, r))
	defer fails.Close()
	call := func(url string, n int) int {
		req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(fmt.Sprintf(`{"id":"%d"}`, n)))
		if err != nil {
			t.Error(err)
			return 0
		}
		req.Header.Set(eventIDHeader, fmt.Sprint(n))
		req.Header.Set(attemptHeader, "1")
		req.Header.Set(subscriptionHeader, "s")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if a, b, c := call(hangs.URL, 0), call(refuses.URL, 1), call(fails.URL, 2); a != 200 || b != 200 || c != 502 {
		t.Fatalf("open: %d, %d, failing: %d", a, b, c)
	}
	g.shut()
	g.shut()
	if status := call(refuses.URL, 3); status != 503 {
		t.Errorf("shut: %d", status)
	}
	answered := make(chan int)
	go func() { answered <- call(hangs.URL, 4) }()
	gatewaytest.Eventually(t, patience, func() error {
		if g.held.Load() != 1 {
			return errors.New("the call does not wait")
		}
		return nil
	})
	select {
	case status := <-answered:
		t.Fatalf("a call through a shut gate: %d", status)
	default:
	}
	if err := r.got.checkExact([]int{0, 1}); err != nil {
		t.Error(err)
	}
	g.open()
	if status := <-answered; status != 200 || call(refuses.URL, 3) != 200 {
		t.Errorf("opened: %d", status)
	}
	if err := r.got.checkExact([]int{0, 1, 3, 4}); err != nil {
		t.Error(err)
	}
}
