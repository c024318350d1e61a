//go:build !windows && !darwin && !dragonfly && !freebsd && !illumos && !linux && !netbsd && !openbsd

package jetstream

import (
	"errors"
	"os"
)

// lockFile fails: without a lock two processes could write to the same files.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("files cannot be locked on this system: use a NATS cluster, or the queue memory")
}
