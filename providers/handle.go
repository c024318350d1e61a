package providers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway"
)

// Handle is one function ready to be called. It is closed when nobody calls it any more.
type Handle struct {
	// Function is the resource; not to be changed.
	Function *eventgateway.Function

	env     Env
	timeout time.Duration
	// invoker is nil when the function could not be opened; broken says why.
	invoker Invoker
	broken  *Error
	// router is the invoker if it is one.
	router Router
	// keyField and keySource are the provider's key expression.
	keyField, keySource string

	// users counts the calls in flight, plus one for the handle itself until it is closed. Whoever takes it to zero
	// closes the invoker, so that happens once and never under a call.
	users  atomic.Int64
	closed atomic.Bool
}

// ErrClosed is the cause of the error of a call that was not made because the handle had been closed: the function was
// changed or deleted after the caller looked it up.
var ErrClosed = errors.New("the function's handle is closed")

// Open makes a function callable. It never fails: a function whose provider is not built in or whose fields this build
// refuses gets a handle whose every call answers with that error, so that one bad resource harms no other.
func Open(fn *eventgateway.Function, env Env) *Handle {
	h := &Handle{Function: fn, env: env, timeout: fn.CallTimeout()}
	h.users.Store(1)
	invoker, err := h.open()
	if err != nil {
		h.broken = &Error{Failure: Unreachable, Message: "the function is not usable: " + err.Error(), Err: err}
		return h
	}
	h.invoker = invoker
	h.router, _ = invoker.(Router)
	return h
}

func (h *Handle) open() (invoker Invoker, err error) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(h.env, "open", p)
			err = fmt.Errorf("its provider panicked while opening it")
		}
	}()
	fn, err := filled(h.Function, h.env.Secrets)
	if err != nil {
		return nil, err
	}
	if invoker, err = h.openFilled(fn); err != nil && fn != h.Function {
		err = withoutSecrets(err)
	}
	return invoker, err
}

func (h *Handle) openFilled(fn *eventgateway.Function) (Invoker, error) {
	p, err := decode(fn)
	if err != nil {
		return nil, err
	}
	if err := validate(p); err != nil {
		return nil, err
	}
	h.keyField, h.keySource = keyExpression(p)
	invoker, err := p.Open(h.env)
	if err == nil && invoker == nil {
		err = errors.New("its provider opened nothing")
	}
	return invoker, err
}

// KeyExpression returns the expression that makes Call.Key for the function, and the field it stands in; empty when there is
// none.
func (h *Handle) KeyExpression() (field, source string) { return h.keyField, h.keySource }

// Invoke calls the function within its timeout and ctx. A failure is an *Error.
func (h *Handle) Invoke(ctx context.Context, call *Call) (*Result, error) {
	if h.broken != nil {
		return nil, h.broken
	}
	if !h.acquire() {
		return nil, errClosed()
	}
	defer h.release()
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > h.timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.timeout)
		defer cancel()
	}
	if err := ctx.Err(); err != nil {
		return nil, h.failure(ctx, err)
	}
	result, err := h.call(ctx, call)
	switch {
	case err != nil:
		return nil, h.failure(ctx, err)
	case result == nil:
		return nil, Errorf(BadAnswer, "the provider gave neither an answer nor an error")
	case int64(len(result.Body)) > h.env.MaxResponse:
		return nil, TooLarge(h.env.MaxResponse)
	}
	return result, nil
}

// Close lets go of the function's resources once calls in flight are done; later calls fail. It does not wait.
func (h *Handle) Close() {
	if h.closed.CompareAndSwap(false, true) {
		h.release()
	}
}

func (h *Handle) acquire() bool {
	if h.closed.Load() {
		return false
	}
	for {
		n := h.users.Load()
		if n == 0 {
			return false
		}
		if h.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (h *Handle) release() {
	if h.users.Add(-1) > 0 {
		return
	}
	// In a goroutine of its own: neither the last caller nor whoever closes the handle waits for a provider's clean-up.
	if closer, ok := h.invoker.(io.Closer); ok {
		go func() {
			defer func() {
				if p := recover(); p != nil {
					logPanic(h.env, "close", p)
				}
			}()
			if err := closer.Close(); err != nil {
				h.env.Logger.Warn("closing a function failed", "space", h.env.Space, "function", h.env.FunctionID,
					"error", withoutURL(err))
			}
		}()
	}
}

// call calls the invoker. A panic in it is one failed call and not the end of the process.
func (h *Handle) call(ctx context.Context, call *Call) (result *Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(h.env, "invoke", p)
			result, err = nil, Errorf(FunctionFailed, "the provider panicked while calling the function")
		}
	}()
	return h.invoker.Invoke(ctx, call)
}

// failure makes an *Error of what an invoker returned. An expired or canceled context outranks anything but a definite
// word from the function's host, since most errors after it are only its echo.
func (h *Handle) failure(ctx context.Context, err error) *Error {
	var e *Error
	known := errors.As(err, &e)
	if known && (e.Failure == TimedOut || e.Status != 0 && (e.Failure == FunctionFailed || e.Failure == Throttled)) {
		return e
	}
	if ended := endedError(ctx, "no whole answer in time; the function's timeout is "+h.timeout.String()); ended != nil {
		return ended
	}
	if known {
		return e
	}
	return &Error{
		Failure: FailureOf(err), Message: "the call failed for a reason the provider did not explain", Err: withoutURL(err),
	}
}

// logPanic reports a provider's panic. The value of one may hold anything, a payload too, so only the runtime's own are
// written out.
func logPanic(env Env, during string, value any) {
	reason := fmt.Sprintf("%T", value)
	if e, ok := value.(runtime.Error); ok {
		reason = e.Error()
	}
	env.Logger.LogAttrs(context.Background(), slog.LevelError, "a provider panicked",
		slog.String("space", env.Space), slog.String("function", env.FunctionID), slog.String("during", during),
		slog.String("panic", reason), slog.String("stack", string(debug.Stack())))
}

// withoutURL drops the URL that net/http puts in front of its errors: it may hold a password or a token.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
