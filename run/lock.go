package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// This file keeps two trainings out of one folder. The lock is the operating system's, on the file "lock", not the file's existence: it
// vanishes with the process that holds it, however that dies, so that no lock is ever stale. The file stays: removing it would let two
// processes hold locks on two files of that name.

// ErrLocked says that another process, or another Folder of this one, holds the lock.
var ErrLocked = errors.New("its lock is held")

func acquire(d disk, dir string) (*flock.Flock, error) {
	if err := replaceable(d, lockFile); err != nil {
		return nil, failure("locking", filepath.Join(dir, lockFile), err)
	}
	// Open for writing: some network file systems lock nothing else.
	l := flock.New(filepath.Join(dir, lockFile), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666))
	held, err := l.TryLock()
	for tries := 0; err == nil && !held && tries < 5; tries++ {
		time.Sleep(20 * time.Millisecond) // who asks whether a run is going on (Held) has the lock for a moment
		held, err = l.TryLock()
	}
	if err != nil {
		l.Close()
		return nil, lockFailure(dir, err)
	}
	if !held {
		l.Close()
		return nil, fmt.Errorf("run folder %q is in use by another process: %w; wait until that ends or stop it (reading a run needs no lock: descent show %q)", dir, ErrLocked, dir)
	}
	return l, nil
}

// lockFailure tells a file that cannot be opened from a file system that has no locks.
func lockFailure(dir string, err error) error {
	var opening *fs.PathError
	if errors.As(err, &opening) && !errors.Is(err, errors.ErrUnsupported) {
		return failure("locking", filepath.Join(dir, lockFile), err)
	}
	return fmt.Errorf("run folder %q: its file system does not support locks (%w), so that two trainings could write here at once; choose a folder on a local disk", dir, err)
}

// Held tells whether a process trains in the run folder dir. It tries the lock without waiting and gives it back at once, through a file
// opened for reading, so that nothing in the folder changes.
func Held(dir string) (bool, error) {
	path := filepath.Join(dir, lockFile)
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%q is no regular file", path)
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	defer l.Close()
	free, err := l.TryRLock()
	return err == nil && !free, err
}
