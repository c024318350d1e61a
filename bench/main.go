// Command bench measures the gateway against Caddy's own handlers on the same machine in the same run: see README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	Duration      time.Duration `json:"duration"`
	Connections   int           `json:"connections"`
	Rounds        int           `json:"rounds"`
	Subscriptions int           `json:"subscriptions"`
	Only          string        `json:"only,omitempty"`
	binary        string
	json          bool
	backend       bool
}

func (s *settings) validate() error {
	switch {
	case s.Duration < 100*time.Millisecond || s.Duration > time.Minute:
		return fmt.Errorf("-duration: %s is not accepted: want 100ms to 1m", s.Duration)
	case s.Connections < 1 || s.Connections > 1024:
		return fmt.Errorf("-connections: %d is not accepted: want 1 to 1024", s.Connections)
	case s.Rounds < 1 || s.Rounds > 100:
		return fmt.Errorf("-rounds: %d is not accepted: want 1 to 100", s.Rounds)
	case s.Subscriptions < 1000 || s.Subscriptions > 10_000_000:
		return fmt.Errorf("-subscriptions: %d is not accepted: want 1000 to 10000000", s.Subscriptions)
	case s.Only != "" && s.Only != "http" && s.Only != "table":
		return fmt.Errorf("-only: %q is not accepted: want http or table", s.Only)
	}
	return nil
}

// report is what one run measured.
type report struct {
	Machine  machine      `json:"machine"`
	Settings settings     `json:"settings"`
	HTTP     *httpReport  `json:"http,omitempty"`
	Table    *tableReport `json:"table,omitempty"`
}

type machine struct {
	Cores    int    `json:"cores"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func main() {
	var s settings
	flag.DurationVar(&s.Duration, "duration", 2*time.Second, "how long one row of one round takes")
	flag.IntVar(&s.Connections, "connections", 32, "connections of the throughput rows")
	flag.IntVar(&s.Rounds, "rounds", 5, "how often every row is measured")
	flag.IntVar(&s.Subscriptions, "subscriptions", 1_000_000, "subscriptions in the table that is measured in this process")
	flag.StringVar(&s.Only, "only", "", "measure only http or only table")
	flag.StringVar(&s.binary, "binary", "", "caddy binary with the module to measure (default: one is built)")
	flag.BoolVar(&s.json, "json", false, "print JSON instead of tables")
	flag.BoolVar(&s.backend, "backend", false, "be the backend of another run; for its own use")
	flag.Parse()
	if err := run(&s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(s *settings) error {
	if s.backend {
		return serveBackend(os.Stdin, os.Stdout)
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if err := s.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := report{
		Machine:  machine{runtime.NumCPU(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH},
		Settings: *s,
	}
	var errHTTP, errTable error
	if s.Only != "table" {
		r.HTTP, errHTTP = measureHTTP(ctx, s)
	}
	if s.Only != "http" && ctx.Err() == nil {
		r.Table, errTable = measureTable(ctx, s.Subscriptions)
	}
	if err := errors.Join(errHTTP, errTable); err != nil {
		return err
	}
	if s.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.print(os.Stdout)
}

// progress tells whoever waits what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
