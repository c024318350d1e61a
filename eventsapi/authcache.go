package eventsapi

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

const (
	// maxAnswers and maxAnswersSize bound what is kept of authorizers' answers, in number and in bytes.
	maxAnswers, maxAnswersSize = 10_000, 16 << 20
	// answerOverhead is about what an answer takes beside its text.
	answerOverhead = 512
	// undeclared is for how long it is remembered that an answer declared no lifetime.
	undeclared = time.Minute
)

// authKey is what decides which answer of an authorizer is for a request: an answer is used again only for the same event
// type of the same space, the same function as it was, and the same credentials.
type authKey struct {
	space, eventType string
	// handle is the function. A changed one has another.
	handle      *providers.Handle
	credentials [sha256.Size]byte
}

// credentialHeaders are the headers in which a request says who its sender is.
var credentialHeaders = [...]string{"Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key"}

// credentialsOf returns a hash of a request's credentials, and whether it has any: without them nothing tells its sender
// from others.
func credentialsOf(header http.Header) (sum [sha256.Size]byte, known bool) {
	hash := sha256.New()
	for _, name := range credentialHeaders {
		values := header[name]
		known = known || len(values) > 0
		hash.Write(binary.AppendUvarint(nil, uint64(len(values)))) // so that no two lists of values make one text
		for _, value := range values {
			hash.Write(binary.AppendUvarint(nil, uint64(len(value))))
			hash.Write([]byte(value))
		}
	}
	hash.Sum(sum[:0])
	return sum, known
}

// authCache keeps answers of authorizers for as long as they declare, the ones used last where there are too many, and has
// concurrent requests that would get the same answer ask once. The zero value is empty.
type authCache struct {
	// now tells the time. Default: time.Now.
	now func() time.Time

	mu      sync.Mutex
	answers map[authKey]*list.Element // of cachedAnswer
	recent  list.List                 // the answer used last is in front
	size    int
	flights map[authKey]*flight
}

type cachedAnswer struct {
	key authKey
	// answer is nil where the last one declared no lifetime, so that nobody need wait for somebody else's.
	answer  *authAnswer
	expires time.Time
}

func (c *cachedAnswer) size() int {
	size := answerOverhead + len(c.key.space) + len(c.key.eventType)
	if c.answer != nil {
		size += len(c.answer.granted) + len(c.answer.reason)
	}
	return size
}

// flight is a question that is being asked.
type flight struct {
	done   chan struct{}
	answer *authAnswer
}

// get returns the answer for key: one that is kept, or what ask returns. While one request asks, others with the same key wait
// for its answer, and use it if it may be used for them.
func (c *authCache) get(ctx context.Context, key authKey, ask func(context.Context) *authAnswer) *authAnswer {
	c.mu.Lock()
	answer, known := c.find(key)
	if answer != nil {
		c.mu.Unlock()
		return answer
	}
	if known {
		c.mu.Unlock()
		return c.keep(key, ask(ctx))
	}
	if f := c.flights[key]; f != nil {
		c.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return &authAnswer{outcome: authFailed, reason: "the sender went away"}
		}
		if f.answer != nil && f.answer.isForAll() {
			return f.answer
		}
		return c.keep(key, ask(ctx))
	}
	f := &flight{done: make(chan struct{})}
	if c.flights == nil {
		c.flights = make(map[authKey]*flight)
	}
	c.flights[key] = f
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.flights, key)
		c.mu.Unlock()
		close(f.done)
	}()
	f.answer = c.keep(key, ask(context.WithoutCancel(ctx))) // others wait, even if this sender goes away
	return f.answer
}

// isForAll reports whether an answer is for all who have asked at the same time: it says so, or nobody could be asked.
func (a *authAnswer) isForAll() bool {
	return a.ttl > 0 || a.outcome == authFailed || a.outcome == authTimedOut || a.outcome == authClosed
}

// find returns the answer that is kept for key, or whether it is known that the last one declared no lifetime.
func (c *authCache) find(key authKey) (answer *authAnswer, known bool) {
	element := c.answers[key]
	if element == nil {
		return nil, false
	}
	kept := element.Value.(*cachedAnswer)
	if !c.time().Before(kept.expires) {
		c.remove(element)
		return nil, false
	}
	c.recent.MoveToFront(element)
	return kept.answer, true
}

// keep keeps an answer, if it is one of the function's own, and returns it.
func (c *authCache) keep(key authKey, answer *authAnswer) *authAnswer {
	if answer.outcome != authGranted && answer.outcome != authRefused {
		return answer
	}
	kept := &cachedAnswer{key: key, answer: answer, expires: c.time().Add(answer.ttl)}
	if answer.ttl == 0 {
		kept.answer, kept.expires = nil, c.time().Add(undeclared)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.answers[key]; before != nil {
		c.remove(before)
	}
	if c.answers == nil {
		c.answers = make(map[authKey]*list.Element)
	}
	c.answers[key] = c.recent.PushFront(kept)
	c.size += kept.size()
	for len(c.answers) > maxAnswers || c.size > maxAnswersSize {
		c.remove(c.recent.Back())
	}
	return answer
}

func (c *authCache) remove(element *list.Element) {
	kept := element.Value.(*cachedAnswer)
	c.recent.Remove(element)
	delete(c.answers, kept.key)
	c.size -= kept.size()
}

func (c *authCache) time() time.Time {
	if c.now != nil {
		return c.now()
	}
	return time.Now()
}
