// Package batch sends what concurrent calls bring in requests that take several records at once. Each call keeps its own
// context and gets its own outcome.
//
// A call that finds no request in flight goes at once and alone, so that events one after the other wait for nothing. What
// comes while a request is in flight goes together, as soon as that one is done, or enough is there, or the oldest has waited
// for Linger.
package batch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// Linger is how long a record waits at most for others while a further request could be made.
const Linger = 3 * time.Millisecond

// Config says what a service takes, and how it is asked.
type Config[T any] struct {
	// Records and Bytes bound one request. Positive.
	Records, Bytes int
	// Requests is how many are in flight at a time. Positive.
	Requests int
	// Send makes one request. It returns an outcome for each record, in their order, or an error for all of them. One that is
	// Permanent may be due to one record: each is then sent again, alone. ctx ends when no call waits for an outcome any more.
	Send func(ctx context.Context, records []T) ([]Outcome, error)
}

// Outcome is what became of one record: one of the two is set.
type Outcome struct {
	Result *providers.Result
	Err    error
}

// Sender gathers records and sends them. It is safe for concurrent use, has no resources while no call is made, and is not to
// be copied.
type Sender[T any] struct {
	config Config[T]

	mu sync.Mutex
	// waiting are the records to be sent, oldest first.
	waiting []*record[T]
	// bytes is how many they have.
	bytes int
	// busy are the keys of the records in flight.
	busy map[string]bool
	// inFlight is how many requests are.
	inFlight int
	// lingering tells that a timer runs, after which what waits is sent.
	lingering bool
}

// record is what one call brings.
type record[T any] struct {
	value T
	key   string
	bytes int
	// request is where it is sent; nil while it waits.
	request *request[T]
	// done gets what became of it. It holds one, so that nobody waits for a call that gave up.
	done chan answer
}

// answer is an outcome, or the panic there was instead.
type answer struct {
	Outcome
	panicked any
}

// request is one that is in flight.
type request[T any] struct {
	records []*record[T]
	// wanted is how many calls still wait for it; at none it is canceled.
	wanted int
	cancel context.CancelFunc
}

// New returns a sender.
func New[T any](config Config[T]) *Sender[T] {
	return &Sender[T]{config: config, busy: make(map[string]bool)}
}

// Do sends a record of so many bytes, and returns what became of it. When ctx ends first it returns ctx.Err(), and whether a
// record that was in flight then has been taken is not known.
//
// Records of one key, unless it is empty, are sent in the order of their calls, and none before what became of the one before is
// known: however the service answers, none gets ahead of another.
func (s *Sender[T]) Do(ctx context.Context, value T, key string, bytes int) (*providers.Result, error) {
	r := &record[T]{value: value, key: key, bytes: bytes, done: make(chan answer, 1)}
	s.mu.Lock()
	s.waiting = append(s.waiting, r)
	s.bytes += bytes
	s.launch(false)
	s.mu.Unlock()
	select {
	case a := <-r.done:
		if a.panicked != nil {
			panic(a.panicked) // in the call, where it is taken care of
		}
		return a.Result, a.Err
	case <-ctx.Done():
		s.giveUp(r)
		return nil, ctx.Err()
	}
}

// giveUp takes a record back, or where it is in flight no longer waits for it.
func (s *Sender[T]) giveUp(r *record[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.request == nil {
		if i := slices.Index(s.waiting, r); i >= 0 {
			s.waiting = slices.Delete(s.waiting, i, i+1)
			s.bytes -= r.bytes
		}
		return
	}
	if r.request.wanted--; r.request.wanted == 0 {
		r.request.cancel()
	}
}

// launch starts the requests that it is time for: while there is enough for a whole one, when none is in flight, and, with now,
// one of whatever waits. The rest gets a timer. It is called with s.mu held.
func (s *Sender[T]) launch(now bool) {
	for len(s.waiting) > 0 && s.inFlight < s.config.Requests {
		full := len(s.waiting) >= s.config.Records || s.bytes >= s.config.Bytes
		if !now && !full && s.inFlight > 0 {
			break
		}
		now = false
		records := s.take()
		if len(records) == 0 {
			return // all of them wait for one of their key; its end launches them
		}
		ctx, cancel := context.WithCancel(context.Background())
		req := &request[T]{records: records, wanted: len(records), cancel: cancel}
		for _, r := range records {
			r.request = req
		}
		s.inFlight++
		go s.send(ctx, req)
	}
	if len(s.waiting) > 0 && s.inFlight < s.config.Requests && !s.lingering {
		s.lingering = true
		time.AfterFunc(Linger, s.lingered)
	}
}

func (s *Sender[T]) lingered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lingering = false
	s.launch(true)
}

// take removes the records of the next request from those that wait. It is called with s.mu held.
func (s *Sender[T]) take() []*record[T] {
	var (
		taken, left []*record[T]
		bytes       int
		held        map[string]bool // keys that have one that waits on
	)
	for i, r := range s.waiting {
		if len(taken) == s.config.Records || len(taken) > 0 && bytes+r.bytes > s.config.Bytes {
			left = append(left, s.waiting[i:]...)
			break
		}
		if r.key != "" && (s.busy[r.key] || held[r.key]) {
			left = append(left, r)
			continue
		}
		if r.key != "" {
			if held == nil {
				held = make(map[string]bool)
			}
			held[r.key] = true
		}
		taken = append(taken, r)
		bytes += r.bytes
	}
	for key := range held {
		s.busy[key] = true
	}
	s.waiting = left
	s.bytes -= bytes
	return taken
}

// send makes a request and tells all its calls what became of their records.
func (s *Sender[T]) send(ctx context.Context, req *request[T]) {
	answers := s.try(ctx, req.records)
	req.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range req.records {
		delete(s.busy, r.key)
		r.done <- answers[i]
	}
	s.inFlight--
	s.launch(true)
}

// errMiscounted is for a service that answers for other records than it was given.
var errMiscounted = providers.Errorf(providers.BadAnswer, "the service did not answer for each event it was given")

func (s *Sender[T]) try(ctx context.Context, records []*record[T]) (answers []answer) {
	defer func() {
		if p := recover(); p != nil {
			answers = repeat(answer{panicked: p}, len(records))
		}
	}()
	values := make([]T, len(records))
	for i, r := range records {
		values[i] = r.value
	}
	outcomes, err := s.config.Send(ctx, values)
	switch {
	case err == nil && len(outcomes) != len(records):
		return repeat(answer{Outcome: Outcome{Err: errMiscounted}}, len(records))
	case err == nil:
		for _, o := range outcomes {
			answers = append(answers, answer{Outcome: o})
		}
		return answers
	case len(records) > 1 && isPermanent(err):
		for i := range records {
			answers = append(answers, s.try(ctx, records[i:i+1])...)
		}
		return answers
	default:
		return repeat(answer{Outcome: Outcome{Err: err}}, len(records))
	}
}

func isPermanent(err error) bool {
	e, ok := errors.AsType[*providers.Error](err)
	return ok && e.Permanent
}

func repeat(a answer, n int) []answer { return slices.Repeat([]answer{a}, n) }
