package integration

import (
	"fmt"
	"os"
	"syscall"
)

// mountSmall mounts a disk of so many bytes, in memory, on a new directory.
func mountSmall(dir string, size int64) (unmount func() error, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return nil, fmt.Errorf("mounting a tmpfs: %w", err)
	}
	return func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) }, nil
}
