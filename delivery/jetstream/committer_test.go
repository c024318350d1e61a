package jetstream

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/delivery"
)

func TestBatchesAreBounded(t *testing.T) {
	type size struct{ works, bytes int }
	many := make([]size, 1000)
	for i := range many {
		many[i] = size{1, 10}
	}
	for _, test := range []struct {
		name  string
		sizes []size
		want  []int
	}{
		{"few", []size{{1, 10}, {2, 20}, {3, 30}}, []int{3}},
		{"many", many, []int{512, 488}},
		{"large", []size{{1, 200 << 10}, {1, 100 << 10}, {1, 100 << 10}, {1, 57 << 10}}, []int{1, 2, 1}},
		{"one too large", []size{{1, 10}, {1, 1 << 20}, {1, 10}, {1000, 10}, {1, 10}}, []int{1, 1, 1, 1, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCommitter(nil)
			for _, s := range test.sizes {
				c.waiting = append(c.waiting, &put{works: make([]*delivery.Work, s.works), data: make([]byte, s.bytes)})
			}
			var got []int
			for {
				batch, _ := c.next()
				if len(batch) == 0 {
					break
				}
				got = append(got, len(batch))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("batches of %v, want %v", got, test.want)
			}
		})
	}
}

// An Append that is given up while it waits is taken back; one that is being written is not.
func TestAppendIsGivenUp(t *testing.T) {
	c := newCommitter(nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.append(ctx, works("a"), []byte("a")) }()
	<-c.wake
	cancel()
	if err := <-done; !errors.Is(err, delivery.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("an Append that was given up is %v", err)
	}
	if batch, _ := c.next(); len(batch) > 0 {
		t.Error("it is written all the same")
	}

	ctx, cancel = context.WithCancel(t.Context())
	go func() { done <- c.append(ctx, works("b"), []byte("b")) }()
	<-c.wake
	batch, _ := c.next()
	cancel()
	select {
	case err := <-done:
		t.Errorf("an Append that is being written returned %v", err)
	default:
	}
	batch[0].outcome <- nil
	if err := <-done; err != nil {
		t.Errorf("an Append that was written is %v", err)
	}
	c.close()
	if err := c.append(t.Context(), works("c"), nil); !errors.Is(err, delivery.ErrUnavailable) {
		t.Errorf("an Append after the end is %v", err)
	}
}

func TestPublishErrors(t *testing.T) {
	answer := func(code jetstream.ErrorCode, description string) error {
		return fmt.Errorf("nats: %w", &jetstream.APIError{ErrorCode: code, Description: description})
	}
	for _, test := range []struct{ err, want error }{
		{nats.ErrMaxPayload, delivery.ErrTooLarge},
		{answer(jetstream.JSErrCodeStreamMessageExceedsMaximum, "x"), delivery.ErrTooLarge},
		{answer(codeStoreFailed, "maximum bytes exceeded"), delivery.ErrFull},
		{answer(codeStoreFailed, "store is closed"), delivery.ErrUnavailable},
		{answer(codeInsufficientResources, "x"), delivery.ErrFull},
		{answer(codeStorageExceeded, "x"), delivery.ErrFull},
		{answer(1, "x"), delivery.ErrUnavailable},
		{context.DeadlineExceeded, delivery.ErrUnavailable},
		{nats.ErrConnectionClosed, delivery.ErrUnavailable},
	} {
		if got := publishError(test.err); !errors.Is(got, test.want) {
			t.Errorf("%v means %v, want %v", test.err, got, test.want)
		}
	}
}
