//go:build !linux

package integration

import "errors"

func mountSmall(string, int64) (unmount func() error, err error) {
	return nil, errors.New("only done on Linux")
}
