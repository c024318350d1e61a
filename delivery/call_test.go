package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

func call(ctx context.Context, h *providers.Handle, rec *record, transforms *eventgateway.Transforms) (*providers.Result, error) {
	return delivery.Call(ctx, h, expression.NewInput(newEvent("data")), eventgateway.Route{}, transforms, rec, nil)
}

func TestCall(t *testing.T) {
	rec := newRecord()
	h := openFunction("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
		if string(c.Payload) != "data" || c.ContentType != "text/plain" ||
			fmt.Sprint(c.Header) != "map[Event-Gateway-Cause:[id-1] Event-Gateway-Depth:[1]]" {
			t.Errorf("called with %q of type %q and headers %v", c.Payload, c.ContentType, c.Header)
		}
		return &providers.Result{ContentType: "text/plain", Body: []byte("answer")}, nil
	})
	res, err := call(t.Context(), h, rec, nil)
	if err != nil || string(res.Body) != "answer" {
		t.Errorf("got %v, %v", res, err)
	}
	if fmt.Sprint(rec.invoked) != "map[:1]" {
		t.Errorf("invoked %v", rec.invoked)
	}
}

func TestCallFails(t *testing.T) {
	rec := newRecord()
	_, err := call(t.Context(), openFunction("f", "", fail(providers.Throttled)), rec, nil)
	if providers.FailureOf(err) != providers.Throttled || rec.invoked[providers.Throttled] != 1 {
		t.Errorf("got %v, invoked %v", err, rec.invoked)
	}
}

func TestCallOfASenderThatGivesUp(t *testing.T) {
	rec := newRecord()
	ctx, cancel := context.WithCancel(t.Context())
	h := openFunction("f", "", func(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
		cancel()
		<-ctx.Done()
		return nil, providers.Errorf(providers.Unreachable, "connection lost")
	})
	_, err := call(ctx, h, rec, nil)
	if providers.FailureOf(err) != providers.Canceled || rec.invoked[providers.Canceled] != 1 {
		t.Errorf("got %v, invoked %v", err, rec.invoked)
	}
}

func TestCallTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecord()
		start := time.Now()
		_, err := call(t.Context(), openFunction("f", "", newGate().invoke), rec, nil)
		if providers.FailureOf(err) != providers.TimedOut || rec.invoked[providers.TimedOut] != 1 {
			t.Errorf("got %v, invoked %v", err, rec.invoked)
		}
		if took := time.Since(start); took != eventgateway.DefaultTimeout {
			t.Errorf("took %v, want %v", took, eventgateway.DefaultTimeout)
		}
	})
}

func TestCallTransforms(t *testing.T) {
	rec := newRecord()
	h := openFunction("f", "", func(_ context.Context, c *providers.Call) (*providers.Result, error) {
		return &providers.Result{Body: c.Payload}, nil
	})
	res, err := call(t.Context(), h, rec, &eventgateway.Transforms{Transform: "event.type"})
	if err != nil || string(res.Body) != "user.created" {
		t.Errorf("got %v, %v", res, err)
	}
	_, err = call(t.Context(), h, rec, &eventgateway.Transforms{Transform: "data.none"})
	var failed *expression.TransformError
	if !errors.As(err, &failed) || failed.Field != "transform" {
		t.Errorf("got %v", err)
	}
	if rec.invoked[""] != 1 || len(rec.invoked) != 1 {
		t.Errorf("invoked %v, want one success", rec.invoked)
	}
}
