package caddymodule

import (
	"context"
	"fmt"

	"github.com/eventgateway/eventgateway/delivery"
)

// DeadLetters implements configapi.Deliveries.
func (a *App) DeadLetters() delivery.DeadLetters {
	if log := a.host.log.Load(); log != nil {
		return (*log).DeadLetters()
	}
	return notOpen{}
}

// Redrive implements configapi.Deliveries.
func (a *App) Redrive(ctx context.Context, letter *delivery.DeadLetter) error {
	d := a.host.dispatcher.Load()
	if d == nil {
		return errNotOpen
	}
	return d.Redrive(ctx, letter)
}

var errNotOpen = fmt.Errorf("%w: it is not open yet", delivery.ErrUnavailable)

// notOpen are the dead letters of a queue that is not open yet.
type notOpen struct{}

func (notOpen) Add(context.Context, *delivery.DeadLetter) error { return errNotOpen }

func (notOpen) List(context.Context, *delivery.DeadLetterQuery) ([]*delivery.DeadLetter, bool, error) {
	return nil, false, errNotOpen
}

func (notOpen) Get(context.Context, string, string) (*delivery.DeadLetter, error) {
	return nil, errNotOpen
}

func (notOpen) Delete(context.Context, string, string) (bool, error) { return false, errNotOpen }

func (notOpen) Count() (count, bytes int64) { return 0, 0 }
