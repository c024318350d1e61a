package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/eventgateway/eventgateway/configapi"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "event-gateway",
		Short: "Tools of the Event Gateway",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Use = "event-gateway <command>"
			cmd.AddCommand(filterCommand(), exportCommand(), importCommand(), resealCommand())
		},
	})
}

// The exit statuses of `caddy event-gateway filter`.
const (
	exitMatched   = 0
	exitUnmatched = 1
	exitFailed    = 2
)

// errUnmatched only carries exitUnmatched, which is the status of every error that has no other.
var errUnmatched = errors.New("no event matches")

func filterCommand() *cobra.Command {
	var job filterJob
	var pattern string
	cmd := &cobra.Command{
		Use:   "filter [--filter <expression> | --pattern <json>] [--transform <expression>] [<files...>]",
		Short: "Tries a filter or pattern and a transform with events",
		Long: `
Reads events from files, or from standard input where there is none or one is -, and prints those that match, a line each. With
--transform it prints what their function would get in their place.

An event is a JSON object: a CloudEvent; what a function gets, with "event" and "data"; or {"http": {...}} with "method", "path",
"host", "headers", "query", "params" and "body". A file holds one after the other, or a list of them.

The exit status is 0 if an event matched, 1 if none did, and 2 if an expression, an event or a transform is not valid. A filter
that cannot be evaluated for an event does not match; why is told on standard error.`,
		Example: `  caddy event-gateway filter --filter 'data.total > 100' events.jsonl
  caddy event-gateway filter --pattern '{"detail": {"country": ["DE"]}}' --transform 'data.id' < events.json`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, files []string) error {
			job.trial.Pattern = []byte(pattern)
			job.out, job.problems = cmd.OutOrStdout(), cmd.ErrOrStderr()
			status := job.run(cmd.InOrStdin(), files)
			switch status {
			case exitMatched:
				return nil
			case exitUnmatched:
				return errUnmatched
			}
			return exitWith(cmd, status)
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		cmd.PrintErrf("Error: %v\n\n%s", err, cmd.UsageString())
		return exitWith(cmd, exitFailed)
	})
	cmd.Flags().StringVar(&job.trial.Filter, "filter", "", "CEL expression an event must match")
	cmd.Flags().StringVar(&pattern, "pattern", "", "EventBridge pattern an event must match")
	cmd.Flags().StringVar(&job.trial.Transform, "transform", "", "CEL expression for what is printed of an event that matches")
	return cmd
}

// exitWith returns the error that makes Caddy exit with a status over 1.
func exitWith(cmd *cobra.Command, status int) error {
	exit := caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return status, nil })
	return exit(cmd, nil)
}

// filterJob is one run of the command.
type filterJob struct {
	trial         configapi.Trial
	out, problems io.Writer

	matched, failed bool
}

// run reads the files and returns the exit status.
func (j *filterJob) run(stdin io.Reader, files []string) int {
	if !j.compile() {
		return exitFailed
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := j.runFile(stdin, name); err != nil {
			j.fail("%s: %v", name, err)
			return exitFailed
		}
	}
	switch {
	case j.failed:
		return exitFailed
	case j.matched:
		return exitMatched
	}
	return exitUnmatched
}

func (j *filterJob) compile() bool {
	if j.trial.Filter != "" && len(j.trial.Pattern) > 0 {
		j.fail("--pattern is not accepted beside --filter: want one of them")
		return false
	}
	for _, p := range j.trial.Compile() {
		if p.Line > 0 {
			j.fail("--%s: %d:%d: %s", p.Field, p.Line, p.Column, p.Message)
		} else {
			j.fail("--%s: %s", p.Field, p.Message)
		}
	}
	return !j.failed
}

func (j *filterJob) runFile(stdin io.Reader, name string) error {
	if name == "-" {
		return j.runStream(stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("open: %w", errors.Unwrap(err))
	}
	defer file.Close()
	return j.runStream(file)
}

func (j *filterJob) fail(format string, args ...any) {
	j.failed = true
	_, _ = fmt.Fprintf(j.problems, format+"\n", args...)
}
