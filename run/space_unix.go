//go:build linux || darwin

package run

import "golang.org/x/sys/unix"

// free is the number of bytes that this user may still write on the file system of an existing folder.
func free(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}
