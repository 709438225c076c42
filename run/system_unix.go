//go:build unix

package run

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// This file holds what Unix systems do in their own way: syncing folders, free space, a full disk.

// syncFolder makes renames in a folder durable. File systems that cannot sync a folder say EINVAL or ENOTSUP; there is nothing more to do
// on them.
func syncFolder(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

func diskFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
