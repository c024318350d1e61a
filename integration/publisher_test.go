package integration

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// publisher sends CloudEvents, whose ids are numbers from 0, and notes which of them were acknowledged.
type publisher struct {
	t      *testing.T
	client *http.Client
	// source is its own, so that no other publisher's events are taken for its own sent again.
	source string
	// eventType is that of all events, unless typeOf says it of each.
	eventType string
	typeOf    func(n int) string
	// data is the JSON text of an event's data. Default: {"n":<n>,"even":<true or false>}.
	data func(n int) string
	// pause is how long a connection waits between an answer and the next event.
	pause time.Duration
	// fragile tells that gateways are killed: an event to which no answer came counts as not acknowledged.
	fragile bool
	// failing is a status that is expected too. Default: none.
	failing int

	next  atomic.Int64
	acked tally
	// refused counts the 503s, and broken the events to which no answer came.
	refused, broken atomic.Int64
	unexpected      atomic.Int64
}

var publishers atomic.Int64

func newPublisher(t *testing.T, eventType string) *publisher {
	p := &publisher{
		t: t, eventType: eventType, source: fmt.Sprintf("/publisher/%d", publishers.Add(1)),
		client: &http.Client{Timeout: 2 * patience, Transport: &http.Transport{MaxIdleConnsPerHost: 1000}},
	}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// number returns the next event's.
func (p *publisher) number() int { return int(p.next.Add(1)) - 1 }

// event is the text of an event.
func (p *publisher) event(n int) string {
	eventType := p.eventType
	if p.typeOf != nil {
		eventType = p.typeOf(n)
	}
	data := fmt.Sprintf(`{"n":%d,"even":%t}`, n, n%2 == 0)
	if p.data != nil {
		data = p.data(n)
	}
	return `{"specversion":"1.0","source":"` + p.source + `","id":"` + strconv.Itoa(n) + `","type":"` + eventType +
		`","datacontenttype":"application/json","data":` + data + `}`
}

// send sends one event and returns the answer's status; 0 when none came.
func (p *publisher) send(url string, n int) int {
	status := p.post(url, cloudEventType, p.event(n))
	if status == http.StatusAccepted {
		p.acked.note(n)
	}
	return status
}

// sendBatch sends events in one batch, and returns the answer's status; 0 when none came.
func (p *publisher) sendBatch(url string, numbers []int) int {
	events := make([]string, len(numbers))
	for i, n := range numbers {
		events[i] = p.event(n)
	}
	status := p.post(url, batchType, "["+strings.Join(events, ",")+"]")
	if status == http.StatusAccepted {
		for _, n := range numbers {
			p.acked.note(n)
		}
	}
	return status
}

func (p *publisher) post(url, contentType, body string) (status int) {
	resp, err := p.client.Post(url+"/", contentType, strings.NewReader(body))
	if err != nil && !p.fragile {
		// A reload may close an idle connection just as it is used. To send again is safe: the events keep their ids.
		resp, err = p.client.Post(url+"/", contentType, strings.NewReader(body))
	}
	if err != nil {
		p.broken.Add(1)
		if !p.fragile {
			p.t.Errorf("publishing: %v", err)
		}
		return 0
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // whoever killed the gateway may have cut off the text, but not the status
	switch resp.StatusCode {
	case http.StatusAccepted, p.failing:
	case http.StatusServiceUnavailable:
		p.refused.Add(1)
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || seconds < 1 {
			p.t.Errorf("503 with Retry-After %q, want seconds: %s", resp.Header.Get("Retry-After"), text)
		}
	default:
		if p.unexpected.Add(1) < 10 {
			p.t.Errorf("publishing: %d %.300s", resp.StatusCode, text)
		}
	}
	return resp.StatusCode
}

// target is where a gateway is now: it may be killed, and another take its place.
type target struct {
	mu    sync.Mutex
	url   string
	moved chan struct{}
}

// aim has events go to url from now on.
func (a *target) aim(url string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.moved != nil {
		close(a.moved)
	}
	a.url, a.moved = url, make(chan struct{})
}

// where returns where events go now, and a channel that is closed when that changes.
func (a *target) where() (url string, moved <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.url, a.moved
}

// aimAt returns a target at url.
func aimAt(url string) *target {
	a := new(target)
	a.aim(url)
	return a
}

// load sends events over so many connections until stop is called, which returns when the last answer is in. A connection
// to which no answer came waits until the target has moved.
func (p *publisher) load(to *target, connections int) (stop func()) {
	ended := make(chan struct{})
	var wait sync.WaitGroup
	for range connections {
		wait.Go(func() {
			for {
				url, moved := to.where()
				var pause <-chan time.Time
				if p.send(url, p.number()) > 0 {
					pause, moved = time.After(p.pause), nil
				}
				select {
				case <-ended:
					return
				case <-moved:
				case <-pause:
				}
			}
		})
	}
	stop = sync.OnceFunc(func() {
		close(ended)
		wait.Wait()
	})
	p.t.Cleanup(stop)
	return stop
}

// fill sends count events in batches until all are acknowledged, and fails the test when one is refused.
func (p *publisher) fill(url string, count, batch int) {
	p.t.Helper()
	for count > 0 {
		numbers := make([]int, min(count, batch))
		for i := range numbers {
			numbers[i] = p.number()
		}
		if status := p.sendBatch(url, numbers); status != http.StatusAccepted {
			p.t.Fatalf("publishing a batch of %d events: status %d", len(numbers), status)
		}
		count -= len(numbers)
	}
}
