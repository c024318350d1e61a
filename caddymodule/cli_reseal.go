package caddymodule

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventgateway/eventgateway"
)

func resealCommand() *cobra.Command {
	var to reach
	cmd := &cobra.Command{
		Use:   "reseal [--address <url>]",
		Short: "Encrypts stored functions with the key in force",
		Long: `
Has the gateway write all functions of its store anew that are not encrypted with the key in force: those that were stored before there
were keys, and those under a key that another has taken the place of. Afterwards that key can go from the configuration. It can be
run again at any time.

The exit status is 0, or 2 if something fails.`,
		Example:       `  caddy event-gateway reseal`,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd)
			defer stop()
			if len(args) > 0 {
				return failWith(cmd, fmt.Errorf("%s is not accepted: want no arguments", eventgateway.Quote(args[0])))
			}
			gateway, err := to.dial(ctx)
			if err != nil {
				return failWith(cmd, err)
			}
			count, err := gateway.Reseal(ctx)
			if err != nil {
				return failWith(cmd, err)
			}
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "encrypted anew: %d\n", count)
			return nil
		},
	}
	cmd.SetFlagErrorFunc(usageError)
	to.flags(cmd)
	return cmd
}
