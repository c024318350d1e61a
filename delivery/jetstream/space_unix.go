//go:build darwin || dragonfly || freebsd || linux

package jetstream

import (
	"math"
	"syscall"
)

// freeSpace returns how many bytes this process may still write to the file system of dir.
func freeSpace(dir string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	free := float64(fs.Bavail) * float64(fs.Bsize)
	return int64(min(max(free, 0), math.MaxInt64/2)), nil
}
