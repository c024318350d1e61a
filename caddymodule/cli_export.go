package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/migrate"
)

// The exit statuses of `caddy event-gateway export` and `import`.
const (
	exitDone     = 0
	exitDiffers  = 1
	exitNotSaved = 2
)

// reach is how a command reaches a gateway.
type reach struct {
	address string
	headers []string
}

func (r *reach) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.address, "address", "localhost:2019",
		"URL of the Configuration API or of Caddy's admin endpoint, or unix//path of the latter")
	cmd.Flags().StringArrayVar(&r.headers, "header", nil,
		"header to send along, such as 'Authorization: Bearer ${TOKEN}' with an environment variable in it; may be given several times")
}

// dial returns the gateway.
func (r *reach) dial(ctx context.Context) (*migrate.Gateway, error) {
	header := http.Header{}
	for _, line := range r.headers {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, errors.New("--header: want a name, a colon and a value")
		}
		var missing string
		value = os.Expand(value, func(variable string) string {
			v := os.Getenv(variable)
			if v == "" {
				missing = variable
			}
			return v
		})
		if missing != "" {
			return nil, fmt.Errorf("--header: the environment variable %s is not set, or empty", eventgateway.Quote(missing))
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return migrate.Dial(ctx, r.address, header)
}

// untilInterrupted returns a context that ends when the process is asked to.
func untilInterrupted(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// failWith prints an error and makes Caddy exit with the status for it.
func failWith(cmd *cobra.Command, err error) error {
	for line := range strings.Lines(err.Error()) {
		cmd.PrintErrln("Error:", strings.TrimSuffix(line, "\n"))
	}
	return exitWith(cmd, exitNotSaved)
}

// usageError is what a command does about flags it does not know.
func usageError(cmd *cobra.Command, err error) error {
	cmd.PrintErrf("Error: %v\n\n%s", err, cmd.UsageString())
	return exitWith(cmd, exitNotSaved)
}

func exportCommand() *cobra.Command {
	var job exportJob
	cmd := &cobra.Command{
		Use:   "export [--address <url>] [--space <name>]... [--format yaml|json] [--output <file>]",
		Short: "Writes the resources of spaces as one document",
		Long: `
Writes all functions, event types, CORS resources and subscriptions of a space as one document in YAML or JSON, to be reviewed, kept in
git and given to import. With several --space it is one document of all of them; the Configuration API has no list of spaces.

Credentials are "***", as the Configuration API shows them: import keeps the stored ones. What follows from other fields, such as the
ids of subscriptions, is left out. The same configuration is always written the same.

The exit status is 0, or 2 if something fails.`,
		Example: `  caddy event-gateway export --output gateway.yaml
  caddy event-gateway export --address https://config.example.com --space shop --space billing --format json`,
		Args:          cobra.ArbitraryArgs, // run tells of them: what cobra says is not printed
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd)
			defer stop()
			if len(args) > 0 {
				return failWith(cmd, fmt.Errorf("%s is not accepted: want --output before the name of a file", eventgateway.Quote(args[0])))
			}
			if err := job.run(ctx, cmd); err != nil {
				return failWith(cmd, err)
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(usageError)
	job.reach.flags(cmd)
	cmd.Flags().StringArrayVar(&job.spaces, "space", []string{eventgateway.DefaultSpace}, "space to export; may be given several times")
	cmd.Flags().StringVar(&job.format, "format", string(migrate.YAML), "yaml or json")
	cmd.Flags().StringVarP(&job.output, "output", "o", "", "file to write (default: standard output)")
	return cmd
}

// exportJob is one run of the command.
type exportJob struct {
	reach          reach
	spaces         []string
	format, output string
}

func (j *exportJob) run(ctx context.Context, cmd *cobra.Command) error {
	format := migrate.Format(j.format)
	if format != migrate.YAML && format != migrate.JSON {
		return fmt.Errorf("--format: %s is not accepted: want yaml or json", eventgateway.Quote(j.format))
	}
	seen := map[string]bool{}
	for _, space := range j.spaces {
		if err := eventgateway.ValidateID("--space", space); err != nil {
			return err
		}
		if seen[space] {
			return fmt.Errorf("--space: %s is given twice", space)
		}
		seen[space] = true
	}
	gateway, err := j.reach.dial(ctx)
	if err != nil {
		return err
	}
	var states []*migrate.State
	for _, space := range j.spaces {
		state, err := gateway.Read(ctx, space)
		if err != nil {
			return err
		}
		if len(state.Resources) == 0 {
			cmd.PrintErrf("Note: space %s has no resources\n", space)
		}
		states = append(states, state)
	}
	document, err := migrate.Write(states, format)
	if err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	if j.output == "" || j.output == "-" {
		_, err = cmd.OutOrStdout().Write(document)
		return err
	}
	return os.WriteFile(j.output, document, 0o644)
}
