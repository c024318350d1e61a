package redisprovider

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

const (
	// maxIdle is how many connections are kept for the next calls, and idleTime how long.
	maxIdle  = 16
	idleTime = 30 * time.Second
)

// invoker pushes events. It is safe for concurrent use: a connection belongs to one call at a time.
type invoker struct {
	provider Provider
	dial     func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	idle []*connection // the one used last comes last
}

// connection is one that is logged in.
type connection struct {
	net.Conn
	answers *bufio.Reader
	since   time.Time // when it became idle
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	c, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	length, err := f.do(ctx, c, "RPUSH", []byte(f.provider.List), call.Payload)
	if err != nil {
		return nil, err
	}
	f.keep(c)
	return &providers.Result{ContentType: "application/json", Body: []byte(`{"length":` + strconv.FormatInt(length, 10) + `}`)}, nil
}

// connect returns an idle connection or a new one. New ones are made by the gateway's guard, so that its egress rules hold.
func (f *invoker) connect(ctx context.Context) (*connection, error) {
	f.mu.Lock()
	for len(f.idle) > 0 {
		c := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if time.Since(c.since) < idleTime {
			f.mu.Unlock()
			return c, nil
		}
		_ = c.Close()
	}
	f.mu.Unlock()
	conn, err := f.dial(ctx, "tcp", f.provider.Address)
	if err != nil {
		return nil, providers.NetworkError(ctx, f.provider.Address, err)
	}
	c := &connection{Conn: conn, answers: bufio.NewReader(conn)}
	login := [][]byte{[]byte(f.provider.Password)}
	if f.provider.Username != "" {
		login = [][]byte{[]byte(f.provider.Username), []byte(f.provider.Password)}
	}
	if f.provider.Password == "" {
		return c, nil
	}
	if _, err := f.do(ctx, c, "AUTH", login...); err != nil {
		return nil, err
	}
	return c, nil
}

func (f *invoker) keep(c *connection) {
	c.since = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.idle) == maxIdle {
		_ = c.Close()
		return
	}
	f.idle = append(f.idle, c)
}

// Close implements io.Closer: the gateway calls it once, when no call is in flight.
func (f *invoker) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.idle {
		_ = c.Close()
	}
	f.idle = nil
	return nil
}

// do sends a command and reads its answer, a number or "OK". After an error the connection is closed.
func (f *invoker) do(ctx context.Context, c *connection, command string, arguments ...[]byte) (number int64, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // ends reading and writing
	defer func() {
		if !stop() || err != nil {
			_ = c.Close()
			if err == nil {
				err = providers.NetworkError(ctx, f.provider.Address, ctx.Err())
			}
		}
	}()
	var request bytes.Buffer
	request.WriteString("*" + strconv.Itoa(1+len(arguments)) + "\r\n")
	for _, argument := range append([][]byte{[]byte(command)}, arguments...) {
		request.WriteString("$" + strconv.Itoa(len(argument)) + "\r\n")
		request.Write(argument)
		request.WriteString("\r\n")
	}
	if _, err := c.Write(request.Bytes()); err != nil {
		return 0, providers.NetworkError(ctx, f.provider.Address, err)
	}
	line, err := c.answers.ReadSlice('\n') // at most the reader's 4 KiB
	if err == bufio.ErrBufferFull {
		return 0, f.nonsense()
	} else if err != nil {
		return 0, providers.NetworkError(ctx, f.provider.Address, err)
	}
	kind, text := line[0], bytes.TrimSpace(line[1:])
	switch kind {
	case '+':
		return 0, nil
	case ':':
		if number, err = strconv.ParseInt(string(text), 10, 64); err == nil {
			return number, nil
		}
	case '-':
		code, _, _ := bytes.Cut(text, []byte(" "))
		return 0, f.refused(string(code))
	}
	return 0, f.nonsense()
}

func (f *invoker) nonsense() *providers.Error {
	return providers.Errorf(providers.BadAnswer, "%s does not speak the Redis protocol", f.provider.Address)
}

// refused explains an error of the server by its code: the text after it may hold anything.
func (f *invoker) refused(code string) *providers.Error {
	at := f.provider.Address
	switch code {
	case "NOAUTH", "WRONGPASS":
		return providers.Errorf(providers.Unreachable, "%s refuses the login; check provider.username and provider.password", at)
	case "NOPERM":
		return providers.Errorf(providers.Unreachable, "%s does not permit the user to push; allow it RPUSH on the key %s", at, f.provider.List)
	case "LOADING", "TRYAGAIN", "BUSY", "CLUSTERDOWN", "MASTERDOWN":
		return providers.Errorf(providers.Throttled, "%s is not ready; it says %s", at, code)
	case "WRONGTYPE":
		e := providers.Errorf(providers.FunctionFailed, "the key %s at %s holds something else than a list", f.provider.List, at)
		e.Permanent = true
		return e
	case "OOM", "MISCONF", "READONLY":
		return providers.Errorf(providers.FunctionFailed, "%s takes no data; it says %s", at, code)
	}
	return providers.Errorf(providers.FunctionFailed, "%s answered with an error", at)
}

var (
	_ providers.Invoker = (*invoker)(nil)
	_ io.Closer         = (*invoker)(nil)
)
