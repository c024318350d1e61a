package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// answerBody is what every client gets in every row, whoever answers.
var answerBody = strings.Repeat("0123456789abcdef", 8)

// functionAnswer is what the function answers the gateway with.
var functionAnswer = `{"statusCode":200,"body":"` + answerBody + `"}`

// serveBackend is the backend process: functions to be called and a plain path to be proxied to. It writes its address to
// out and ends when in does, so that it never outlives the run that started it.
func serveBackend(in io.Reader, out io.Writer) error {
	listener, err := listen(context.Background())
	if err != nil {
		return err
	}
	var events atomic.Int64
	fixed := func(contentType string, body string, count *atomic.Int64) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			if _, err := io.WriteString(w, body); err == nil && count != nil {
				count.Add(1)
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/fn", fixed("application/json", functionAnswer, nil))
	mux.Handle("/plain", fixed("text/plain; charset=utf-8", answerBody, nil))
	mux.Handle("/event", fixed("application/json", "{}", &events))
	mux.HandleFunc("/events", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, events.Load()) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in)
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
		return server.Close()
	}
}

// listen listens on a free loopback port.
func listen(ctx context.Context) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
}

// backend is a backend process as seen from the run that started it.
type backend struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer
}

func startBackend(ctx context.Context) (*backend, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-backend")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the backend: %w", err)
	}
	b := &backend{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("the backend did not tell its address: %w", err)
	}
	b.addr = strings.TrimSpace(line)
	return b, nil
}

func (b *backend) stop() {
	_ = b.stdin.Close()
	_ = b.cmd.Wait()
}

// events returns how many events the function of the async rows has got.
func (b *backend) events(ctx context.Context) (int, error) {
	body, err := get(ctx, "http://"+b.addr+"/events")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(body))
}

// get returns the body of a 200 answer.
func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %.200q", url, resp.StatusCode, body)
	}
	return body, err
}
