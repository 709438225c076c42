package run

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// This file is how a file is written that must survive: under a temporary name in the same folder, synced, closed, renamed over the old
// one, and the folder synced. Whoever opens the name finds the old content or the new one, whole, after a kill or a power cut at any
// moment. All operations go through the interface disk, so that a test can let each of them fail in turn.

// disk is what the run folder needs of a file system. Names are slash-separated and relative to the folder.
type disk interface {
	OpenFile(name string, flag int, perm fs.FileMode) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	Mkdir(name string, perm fs.FileMode) error
	Lstat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	SyncDir(name string) error
	Close() error
}

type file interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// rooted is the disk below a folder; links cannot lead out of it.
type rooted struct{ *os.Root }

func openDisk(dir string) (disk, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return rooted{root}, nil
}

func (r rooted) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := r.Root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not f: a nil *os.File in an interface is not nil
	}
	return f, nil
}

func (r rooted) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func (r rooted) SyncDir(name string) error {
	f, err := r.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(f), f.Close())
}

const temporary = ".tmp-"

// WriteFile writes a file that must survive: write's output goes to a temporary name beside path, is synced and renamed over path, and
// the folder is synced. After an error path is as it was and the temporary file is gone. Only a regular file is replaced.
func WriteFile(path string, write func(io.Writer) error) error {
	d, err := openDisk(filepath.Dir(path))
	if err != nil {
		return failure("writing", path, err)
	}
	defer d.Close()
	if _, err := writeFile(d, filepath.Base(path), write); err != nil {
		return failure("writing", path, err)
	}
	return nil
}

func writeFile(d disk, name string, write func(io.Writer) error) (size int64, err error) {
	temp, size, err := stage(d, name, write)
	if err != nil {
		return 0, err
	}
	if err := d.Rename(temp, name); err != nil {
		d.Remove(temp)
		return 0, err
	}
	return size, d.SyncDir(path.Dir(name))
}

// stage writes what is to be name under a temporary name and syncs it. The name is new at every call: after a failed sync the pages of
// that file may be marked clean without being on the disk, so that a second sync of it would prove nothing.
func stage(d disk, name string, write func(io.Writer) error) (temp string, size int64, err error) {
	if err := replaceable(d, name); err != nil {
		return "", 0, err
	}
	temp = path.Join(path.Dir(name), temporary+path.Base(name)+"."+rand.Text()[:10])
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if err != nil {
			d.Remove(temp)
		}
	}()
	count := &counter{to: f}
	buffer := bufio.NewWriterSize(count, 1<<16)
	err = write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return temp, count.size, err
}

// counter counts what goes through; that a write took less than all is noticed by the buffer before it.
type counter struct {
	to   io.Writer
	size int64
}

func (w *counter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.size += int64(n)
	return n, err
}

// replaceable refuses to rename a file over a link, folder, pipe or device.
func replaceable(d disk, name string) error {
	info, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return regular(info)
}

// openRegular opens a regular file for reading or writing and gives its size. It looks first: opening a pipe would wait for its writer.
func openRegular(d disk, name string, flag int) (file, int64, error) {
	info, err := d.Lstat(name)
	if err != nil && !(flag&os.O_CREATE != 0 && errors.Is(err, fs.ErrNotExist)) {
		return nil, 0, err
	}
	if err == nil {
		if err := regular(info); err != nil {
			return nil, 0, err
		}
	}
	f, err := d.OpenFile(name, flag, 0o666)
	if err != nil {
		return nil, 0, err
	}
	info, err = f.Stat()
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func regular(info fs.FileInfo) error {
	kind := "device"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "folder"
	case mode&fs.ModeSymlink != 0:
		kind = "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		kind = "pipe"
	}
	return fmt.Errorf("it is a %s, want a regular file; move it away", kind)
}

// removeTemporaries removes what killed processes left in the folder: all temporary files of the folder, or those of the names given.
func removeTemporaries(d disk, folder string, names ...string) error {
	entries, err := d.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, found := strings.CutPrefix(e.Name(), temporary)
		mine := len(names) == 0
		for _, name := range names {
			mine = mine || strings.HasPrefix(base, name+".")
		}
		if !found || !mine || !e.Type().IsRegular() {
			continue
		}
		if err := d.Remove(path.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// failure words an error of the operating system: what was done to which path, why it failed, what helps.
func failure(doing, path string, err error) error {
	// The inner path is relative to the folder and says less than ours.
	if inner, ok := err.(*fs.PathError); ok {
		err = inner.Err
	}
	remedy := ""
	switch {
	case diskFull(err):
		remedy = "; the disk is full: free some space, what was saved before is whole"
	case errors.Is(err, fs.ErrPermission):
		remedy = "; check who owns the folder and what it allows"
	}
	return fmt.Errorf("%s %q: %w%s", doing, path, err, remedy)
}
