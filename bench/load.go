package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// load is one closed loop of clients: each sends its next request when it has the answer to the last.
type load struct {
	addr        string
	request     []byte
	connections int
	duration    time.Duration
	// want and length are the status of a good answer and the length of its body.
	want, length int
	// pause is how long a client waits after a 503, if that is an expected answer; else 0.
	pause time.Duration
}

// alone returns the same load over one connection.
func (l load) alone() load {
	l.connections = 1
	return l
}

// sample is what one load measured.
type sample struct {
	elapsed   time.Duration
	good      int
	refused   int
	latencies []time.Duration
}

func (s *sample) perSecond() float64 { return float64(s.good) / s.elapsed.Seconds() }

// percentile returns the latency that the share p of the good answers did not exceed. The latencies must be sorted.
func (s *sample) percentile(p float64) time.Duration {
	if len(s.latencies) == 0 {
		return 0
	}
	return s.latencies[min(len(s.latencies)-1, int(p*float64(len(s.latencies))))]
}

// run does the load. It fails on the first answer that is not an expected one.
func (l *load) run(ctx context.Context) (*sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clients := make([]*client, l.connections)
	for i := range clients {
		c, err := dial(ctx, l)
		if err != nil {
			return nil, err
		}
		defer func() { _ = c.conn.Close() }()
		clients[i] = c
	}
	var all sync.WaitGroup
	start := time.Now()
	end := start.Add(l.duration)
	for _, c := range clients {
		all.Go(func() {
			if err := c.loop(ctx, l, end); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	s := &sample{elapsed: time.Since(start)}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, c := range clients {
		s.good += len(c.latencies)
		s.refused += c.refused
		s.latencies = append(s.latencies, c.latencies...)
	}
	slices.Sort(s.latencies)
	return s, nil
}

// client is one keep-alive connection. It speaks just enough HTTP/1.1 to cost little beside what it measures.
type client struct {
	conn      net.Conn
	answers   *bufio.Reader
	latencies []time.Duration
	refused   int
}

// answerTimeout bounds how long one answer may take.
const answerTimeout = 10 * time.Second

func dial(ctx context.Context, l *load) (*client, error) {
	dialer := net.Dialer{Timeout: answerTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", l.addr)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(l.duration + answerTimeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &client{
		conn:      conn,
		answers:   bufio.NewReaderSize(conn, 16<<10),
		latencies: make([]time.Duration, 0, 1<<16),
	}, nil
}

func (c *client) loop(ctx context.Context, l *load, end time.Time) error {
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if _, err := c.conn.Write(l.request); err != nil {
			return fmt.Errorf("sending a request: %w", err)
		}
		status, length, err := readAnswer(c.answers)
		if err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		sent := now
		now = time.Now()
		switch {
		case status == l.want && length == l.length:
			c.latencies = append(c.latencies, now.Sub(sent))
		case status == http.StatusServiceUnavailable && l.pause > 0:
			c.refused++
			time.Sleep(l.pause)
			now = time.Now()
		default:
			return fmt.Errorf("answered with status %d and %d bytes, want %d and %d", status, length, l.want, l.length)
		}
	}
	return nil
}
