package caddyprovider

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/eventgateway/eventgateway/providers"
)

// answer is the http.ResponseWriter of one call: it keeps what the route answers, up to a limit.
type answer struct {
	header http.Header
	limit  int64
	// stop ends the call's context once the limit is passed: a handler may not look at the errors of Write.
	stop context.CancelFunc

	// mu is there for handlers that go on after the call was given up.
	mu       sync.Mutex
	status   int // 0 until the header is written
	body     []byte
	tooLarge bool
	givenUp  bool
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter. The first status that is not only informational stands.
func (a *answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(data []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.givenUp:
		return 0, context.Canceled
	case a.tooLarge || int64(len(a.body)+len(data)) > a.limit:
		a.tooLarge = true
		a.stop()
		return 0, providers.TooLarge(a.limit)
	case a.status == 0:
		a.status = http.StatusOK
	}
	a.body = append(a.body, data...)
	return len(data), nil
}

// Flush implements http.Flusher. Nobody reads before the call is done, so there is nowhere to flush to.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

// EnableFullDuplex is what http.ResponseController looks for. The request's body is in memory and may be read at any time.
func (a *answer) EnableFullDuplex() error { return nil }

// giveUp has later writes refused.
func (a *answer) giveUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.givenUp = true
}

// overflown reports whether more was written than is accepted.
func (a *answer) overflown() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tooLarge
}

// result returns what the route answered. It is called when the handlers are done.
func (a *answer) result(method string) (*providers.Result, error) {
	switch {
	case a.tooLarge:
		return nil, providers.TooLarge(a.limit)
	case a.status != 0 && a.status/100 != 2:
		return nil, providers.StatusError(a.status, a.header)
	}
	if encoding := a.header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, providers.Errorf(providers.BadAnswer, "the answer is compressed, which was not asked for")
	}
	if method == http.MethodHead {
		return &providers.Result{ContentType: a.header.Get("Content-Type")}, nil
	}
	// A handler that stops short of what it announced, as a proxy does whose upstream goes away, did not give its whole answer.
	if size := a.header.Get("Content-Length"); size != "" && size != strconv.Itoa(len(a.body)) {
		return nil, brokenOff("the route answered with fewer or more bytes than it had announced")
	}
	return &providers.Result{ContentType: a.header.Get("Content-Type"), Body: a.body}, nil
}

func brokenOff(message string) *providers.Error {
	return &providers.Error{Failure: providers.BadAnswer, BrokenOff: true, Message: message}
}
