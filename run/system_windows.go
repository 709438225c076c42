package run

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// This file holds what Windows does in its own way: folders cannot be synced, free space, a full disk.

// syncFolder does nothing: Windows has no sync of a folder, and NTFS logs its renames.
func syncFolder(*os.File) error { return nil }

func diskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// free is the number of bytes that this user may still write on the disk of an existing folder.
func free(dir string) (uint64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var available uint64
	if err := windows.GetDiskFreeSpaceEx(path, &available, nil, nil); err != nil {
		return 0, err
	}
	return available, nil
}
