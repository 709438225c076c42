package fetch

// This file is the folder that sets are put into. Files are gathered in a hidden folder beside the set's place: each is written under a
// temporary name, its checksum compared, synced and renamed. When all are there the folder takes the set's name in one rename. A lock,
// which vanishes with the process that holds it, keeps two processes out of the same hidden folder. All names go through os.Root, so that
// no link leads out.

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/descent-go/descent/data"
)

type store struct {
	dir  string
	root *os.Root
	set  data.Set
	held *flock.Flock
}

// storeError is an error of the place where sets go, which no other source helps against.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

func openStore(dir string, set data.Set) (*store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("the folder for data sets: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder for data sets: %w", err)
	}
	return &store{dir: dir, root: root, set: set}, nil
}

func (s *store) close() {
	if s.held != nil {
		s.held.Close()
	}
	s.root.Close()
}

// final is where the set will be.
func (s *store) final() string { return filepath.Join(s.dir, s.set.Name) }

// gathering, replaced and lockName are names beside the set's.
func (s *store) gathering() string { return "." + s.set.Name + ".part" }
func (s *store) replaced() string  { return "." + s.set.Name + ".old" }
func (s *store) lockName() string  { return "." + s.set.Name + ".lock" }

// lock waits for the lock; waiting is called once if another process holds it. The file stays: removing it would let two processes hold
// locks on two files of that name.
func (s *store) lock(ctx context.Context, waiting func()) error {
	// Made through the root first: what is a link or a folder is not locked.
	f, err := s.root.OpenFile(s.lockName(), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return s.failure(err)
	}
	f.Close()
	l := flock.New(filepath.Join(s.dir, s.lockName()), flock.SetFlag(os.O_RDWR))
	held, err := l.TryLock()
	if err == nil && !held {
		waiting()
		held, err = l.TryLockContext(ctx, 200*time.Millisecond)
	}
	if !held {
		l.Close()
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("waiting for another process that gets data set %q: %w", s.set.Name, cause)
		}
		return s.failure(fmt.Errorf("the lock that keeps two processes apart: %w; choose a folder on a local disk with --dir", err))
	}
	s.held = l
	return nil
}

// begin makes the folder to gather files in, and refuses a place for the set that holds anything else.
func (s *store) begin() error {
	if err := s.replaceable(); err != nil {
		return err
	}
	if err := s.root.Mkdir(s.gathering(), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return s.failure(err)
	}
	return nil
}

// replaceable refuses to put the set where something is that is no earlier, damaged copy of it.
func (s *store) replaceable() error {
	info, err := s.root.Lstat(s.set.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return s.failure(err)
	case !info.IsDir():
		return fmt.Errorf("%q exists and is no folder; move it away, or name another place with --dir", s.final())
	}
	entries, err := fs.ReadDir(s.root.FS(), s.set.Name)
	if err != nil {
		return s.failure(err)
	}
	for _, e := range entries {
		if !slices.ContainsFunc(s.set.Files, func(f data.SetFile) bool { return f.Name == e.Name() && e.Type().IsRegular() }) {
			return fmt.Errorf("%q exists and holds %q, which is no part of the set; move the folder away, or name another place with --dir", s.final(), e.Name())
		}
	}
	return nil
}

func (s *store) path(name string) string { return path.Join(s.gathering(), name) }

// staged reports whether a file is gathered already. It is read again: it may be from a process that lost power.
func (s *store) staged(f data.SetFile) bool {
	one := data.Set{Files: []data.SetFile{f}}
	return one.Check(filepath.Join(s.dir, s.gathering())) == nil
}

// stage gathers one file from r, which is packed by gzip or plain. Nothing is left of content that is not exactly what is wanted.
func (s *store) stage(f data.SetFile, r io.Reader) (err error) {
	content, err := unpacked(r)
	if err != nil {
		return err
	}
	temp := s.path(f.Name + ".tmp")
	// Away with what a killed process left; a new file also because a second sync of one whose sync failed proves nothing.
	if err := s.root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.failure(err)
	}
	file, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return s.failure(err)
	}
	defer func() {
		if err != nil {
			file.Close()
			s.root.Remove(temp)
		}
	}()
	h := sha256.New()
	to := &writer{to: io.MultiWriter(file, h)}
	// One byte more than wanted says that there is more; nothing is read beyond.
	n, err := io.Copy(to, io.LimitReader(content, f.Size+1))
	switch {
	case to.err != nil:
		return s.failure(to.err)
	case n > f.Size:
		return fmt.Errorf("the content is more than the %d bytes wanted", f.Size)
	case err != nil:
		return fmt.Errorf("after %d of %d bytes of content: %w", n, f.Size, err)
	case n < f.Size:
		return fmt.Errorf("the content has %d bytes, wanted %d", n, f.Size)
	}
	if found := hex.EncodeToString(h.Sum(nil)); found != f.SHA256 {
		return fmt.Errorf("the content has SHA-256 %s, wanted %s", found, f.SHA256)
	}
	if err := file.Sync(); err != nil {
		return s.failure(err)
	}
	if err := file.Close(); err != nil {
		return s.failure(err)
	}
	if err := s.root.Rename(temp, s.path(f.Name)); err != nil {
		return s.failure(err)
	}
	return nil
}

// writer keeps the error of writing apart from that of reading.
type writer struct {
	to  io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// unpacked takes the gzip form off, if there is one.
func unpacked(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, nil
	}
	unpacker, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("the file begins as gzip does and cannot be unpacked: %w", err)
	}
	return unpacker, nil
}

// partial opens what has arrived of a file, to go on with it. Key tells forms of packing apart.
func (s *store) partial(f data.SetFile, key string) (*os.File, string, error) {
	name := s.path(f.Name + "." + key)
	file, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, "", s.failure(err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, "", s.failure(fmt.Errorf("%s is no regular file; move it away", name))
	}
	return file, name, nil
}

// install gives the gathered files, all of which are there, the set's name.
func (s *store) install() error {
	if err := s.replaceable(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(s.root.FS(), s.gathering())
	if err != nil {
		return s.failure(err)
	}
	for _, e := range entries {
		if slices.ContainsFunc(s.set.Files, func(f data.SetFile) bool { return f.Name == e.Name() }) {
			continue
		}
		if err := s.root.RemoveAll(s.path(e.Name())); err != nil {
			return s.failure(err)
		}
	}
	if err := s.sync(s.gathering()); err != nil {
		return err
	}
	if err := s.root.RemoveAll(s.replaced()); err != nil {
		return s.failure(err)
	}
	if err := s.root.Rename(s.set.Name, s.replaced()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.failure(err)
	}
	if err := s.root.Rename(s.gathering(), s.set.Name); err != nil {
		s.root.Rename(s.replaced(), s.set.Name)
		return s.failure(err)
	}
	if err := s.sync("."); err != nil {
		return err
	}
	return s.failure(s.root.RemoveAll(s.replaced()))
}

// tidy removes the folder of gathered files if there is nothing in it to go on with.
func (s *store) tidy() {
	entries, err := fs.ReadDir(s.root.FS(), s.gathering())
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && (info.Size() == 0 || strings.HasSuffix(e.Name(), ".tmp")) {
			s.root.Remove(s.path(e.Name()))
		}
	}
	s.root.Remove(s.gathering()) // fails if it is not empty
}

// sync makes renames in a folder durable, where the system can: Windows cannot, and some file systems say so.
func (s *store) sync(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := s.root.Open(name)
	if err != nil {
		return s.failure(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return s.failure(err)
	}
	return nil
}

// failure words an error of the place where sets go.
func (s *store) failure(err error) error {
	if err == nil {
		return nil
	}
	remedy := ""
	switch {
	case errors.Is(err, syscall.ENOSPC):
		remedy = "; the disk is full: free some space, or name another place with --dir"
	case errors.Is(err, fs.ErrPermission):
		remedy = "; check who owns the folder, or name another place with --dir"
	}
	return &storeError{fmt.Errorf("data set %q in %q: %w%s", s.set.Name, s.dir, err, remedy)}
}
