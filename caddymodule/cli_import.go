package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventgateway/eventgateway/migrate"
	"github.com/eventgateway/eventgateway/providers"
)

// errDiffers only carries exitDiffers, which is the status of every error that has no other.
var errDiffers = errors.New("the gateway differs from the document")

func importCommand() *cobra.Command {
	var job importJob
	cmd := &cobra.Command{
		Use:   "import (<file> | - | --from-etcd <endpoints> [--prefix <prefix>]) [--address <url>] [--space <name>] [--dry-run] [--prune]",
		Short: "Makes a gateway have the resources of a document",
		Long: `
Reads a document as export writes it, in YAML or JSON, from a file or from standard input, compares it with what the gateway has,
prints the difference, and creates and changes what differs. With --prune it also deletes what does not stand in the document, of the
kinds the document has a list of. With --dry-run it only prints.

The whole document is checked first, also against what the gateway has; nothing is written if anything in it is wrong. What somebody else
changes meanwhile is not overwritten: the import stops there, tells what was done, and can be run again.

In the provider fields of a function ${NAME} stands for an environment variable, such as a credential, and $${ for the text ${. The
credential "***" keeps the one that is stored.

With --from-etcd it reads the keys that the Serverless Event Gateway left in etcd v3, and tells what of them it cannot carry over.

The exit status is 0 if the gateway has what the document says; 1 if it differs, with --dry-run; 2 if something fails.`,
		Example: `  caddy event-gateway import --dry-run gateway.yaml
  caddy event-gateway import --address https://config.example.com --prune gateway.yaml
  caddy event-gateway import --from-etcd old-etcd:2379 --dry-run`,
		Args:          cobra.ArbitraryArgs, // run tells of too many: what cobra says is not printed
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, files []string) error {
			ctx, stop := untilInterrupted(cmd)
			defer stop()
			switch differs, err := job.run(ctx, cmd, files); {
			case err != nil:
				return failWith(cmd, err)
			case differs && job.dryRun:
				return errDiffers
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(usageError)
	job.reach.flags(cmd)
	cmd.Flags().StringVar(&job.space, "space", "",
		"space to import into, whatever the document calls it; of a document of several spaces, the one to import")
	cmd.Flags().BoolVar(&job.dryRun, "dry-run", false, "print the difference and change nothing")
	cmd.Flags().BoolVar(&job.prune, "prune", false, "delete what does not stand in the document")
	cmd.Flags().StringVar(&job.endpoints, "from-etcd", "", "endpoints of the old gateway's etcd, with commas between them, in place of a file")
	cmd.Flags().StringVar(&job.prefix, "prefix", defaultOldPrefix, "what the old gateway's keys begin with")
	return cmd
}

// importJob is one run of the command.
type importJob struct {
	reach             reach
	space             string
	dryRun, prune     bool
	endpoints, prefix string
}

// maxDocument bounds how large a document may be, in bytes.
const maxDocument = 256 << 20

// run reports whether the gateway differs from the document, or did before.
func (j *importJob) run(ctx context.Context, cmd *cobra.Command, files []string) (differs bool, err error) {
	doc, err := j.read(ctx, cmd, files)
	if err != nil {
		return false, err
	}
	if j.space != "" {
		if err := doc.Into(j.space); err != nil {
			return false, err
		}
	}
	gateway, err := j.reach.dial(ctx)
	if err != nil {
		return false, err
	}
	plan, err := migrate.Compare(ctx, gateway, doc, migrate.Options{Prune: j.prune, Rehearsal: rehearse})
	if err != nil {
		return false, err
	}
	if err := plan.Print(cmd.OutOrStdout()); err != nil || j.dryRun {
		return plan.Differs(), err
	}
	done := map[migrate.Action]string{migrate.Create: "created", migrate.Change: "changed", migrate.Delete: "deleted"}
	return plan.Differs(), plan.Apply(ctx, func(step *migrate.Step) {
		_, _ = fmt.Fprintln(cmd.OutOrStdout(), done[step.Action], step)
	})
}

// read returns the document to be imported.
func (j *importJob) read(ctx context.Context, cmd *cobra.Command, files []string) (*migrate.Document, error) {
	if j.endpoints != "" {
		if len(files) > 0 {
			return nil, errors.New("--from-etcd is not accepted beside a file: want one of them")
		}
		return j.readEtcd(ctx, cmd)
	}
	if len(files) > 1 {
		return nil, fmt.Errorf("%d files are not accepted: want one", len(files))
	}
	if len(files) == 0 {
		return nil, errors.New("want a file, - for standard input, or --from-etcd")
	}
	in := cmd.InOrStdin()
	if files[0] != "-" {
		file, err := os.Open(files[0])
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", files[0], err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%s: too large: want at most %d bytes", files[0], maxDocument)
	}
	return migrate.Parse(files[0], data, os.LookupEnv)
}

// readEtcd makes a document of the old gateway's keys.
func (j *importJob) readEtcd(ctx context.Context, cmd *cobra.Command) (*migrate.Document, error) {
	entries, err := readOld(ctx, strings.Split(j.endpoints, ","), j.prefix)
	if err != nil {
		return nil, err
	}
	doc, warnings := migrate.ConvertOld("etcd "+j.prefix, entries, providers.Types())
	for _, warning := range warnings {
		cmd.PrintErrln("Warning:", warning)
	}
	return doc, nil
}
