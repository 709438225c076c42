// Package run is the run folder: all that is kept of one training, and all that any tool needs to show, judge or continue it. The
// configuration, the events, checkpoints, attachments and the model lie in files that docs/run-folder.md describes; they are read and
// written here only. The package knows nothing about training.
//
// Three promises: a file that is there is whole, whenever the process or the power went; only one process at a time writes a folder; a
// damaged or hostile folder gives errors that say what to do, never a panic or an endless wait.
package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

// This file opens and closes a folder. Create makes one, Open goes on with one, View reads one that may be growing; the first two hold
// the lock until Close.

// The names in a run folder, as in docs/run-folder.md.
const (
	configFile     = "config.json"
	eventsFile     = "events.jsonl"
	metricsFile    = "metrics.csv"
	modelFile      = "model.safetensors"
	lockFile       = "lock"
	checkpointsDir = "checkpoints"
	lastFile       = checkpointsDir + "/last.safetensors"
	previousFile   = checkpointsDir + "/previous.safetensors"
	bestFile       = checkpointsDir + "/best.safetensors"
	attachmentsDir = "attachments"
)

// maxConfig bounds config.json: 16 MiB. Written ones have kilobytes.
const maxConfig = 16 << 20

var errReadOnly = errors.New("this folder was opened for reading only")

// Folder is an open run folder. Its methods may be called from several goroutines.
type Folder struct {
	dir  string
	disk disk
	lock *flock.Flock // nil: reading only

	mu               sync.Mutex // over what follows
	config           []byte
	closed           bool
	log              log
	table            table
	rotate           bool // last.safetensors is known to be whole, so that it may become previous.safetensors
	version, kernels string
}

// Create makes the folder dir and its parents, takes the lock and writes the configuration, which must be JSON of at most 16 MiB. An
// existing dir is an error that is fs.ErrExist, even an empty one: of two processes that create the same folder, one gets it. After an
// error nothing is left of the folder.
func Create(dir string, config []byte) (*Folder, error) { return create(dir, config, openDisk) }

func create(dir string, config []byte, open func(string) (disk, error)) (_ *Folder, err error) {
	if err := checkConfig(config); err != nil {
		return nil, fmt.Errorf("creating run folder %q: %w", dir, err)
	}
	dir = filepath.Clean(dir) // "a/" has the parent ".", not "a"
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return nil, failure("creating run folder", dir, err)
	}
	err = os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("run folder %q is there already (%w): name another with --out, or go on with it: descent resume %q", dir, fs.ErrExist, dir)
	}
	if err != nil {
		return nil, failure("creating run folder", dir, err)
	}
	d, err := open(dir)
	if err != nil {
		os.Remove(dir)
		return nil, failure("creating run folder", dir, err)
	}
	f := &Folder{dir: dir, disk: d, config: append([]byte(nil), config...)}
	defer func() {
		if err != nil {
			f.abandon()
		}
	}()
	if f.lock, err = acquire(d, dir); err != nil {
		return nil, err
	}
	if err = d.Mkdir(checkpointsDir, 0o777); err != nil {
		return nil, failure("creating", f.path(checkpointsDir), err)
	}
	if err = f.log.open(d); err != nil {
		return nil, failure("creating", f.path(eventsFile), err)
	}
	// The configuration comes last: a folder that has one is a run. The folder's own entry is made durable with its parent.
	if err = f.write(configFile, config); err != nil {
		return nil, err
	}
	if err = syncParent(parent); err != nil {
		return nil, failure("creating run folder", dir, err)
	}
	return f, nil
}

func syncParent(parent string) error {
	d, err := openDisk(parent)
	if err != nil {
		return err
	}
	return errors.Join(d.SyncDir("."), d.Close())
}

// abandon takes back what create made, and nothing else.
func (f *Folder) abandon() {
	f.log.close()
	f.disk.Remove(configFile) // first, and under the lock: without it the folder is no run
	f.disk.Remove(eventsFile)
	f.unlock()
	f.disk.Remove(lockFile)
	f.disk.Remove(checkpointsDir)
	f.disk.Close()
	os.Remove(f.dir)
}

// Open opens the run folder dir for going on with it. It takes the lock before it reads anything; that another process holds it is an
// error that is [ErrLocked]. A half-written last line of the events and temporary files of a killed process are removed.
func Open(dir string) (*Folder, error) { return openWith(dir, openDisk) }

func openWith(dir string, open func(string) (disk, error)) (_ *Folder, err error) {
	f, err := enter(dir, open)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.log.close()
			f.unlock()
			f.disk.Close()
		}
	}()
	if f.lock, err = acquire(f.disk, dir); err != nil {
		return nil, err
	}
	if f.config, err = f.readConfig(); err != nil {
		return nil, err
	}
	err = errors.Join(
		removeTemporaries(f.disk, ".", configFile, metricsFile, modelFile),
		removeTemporaries(f.disk, checkpointsDir),
		removeTemporaries(f.disk, attachmentsDir))
	if err != nil {
		return nil, failure("removing temporary files in", dir, err)
	}
	if err = f.log.open(f.disk); err != nil {
		return nil, failure("opening", f.path(eventsFile), err)
	}
	return f, nil
}

// View opens the run folder dir for reading, without the lock: also one that is being written at this moment, or lies on a disk that
// cannot be written. Everything that would change the folder is an error.
func View(dir string) (*Folder, error) {
	f, err := enter(dir, openDisk)
	if err != nil {
		return nil, err
	}
	if f.config, err = f.readConfig(); err != nil {
		f.disk.Close()
		return nil, err
	}
	return f, nil
}

// enter opens a folder that looks like a run, without reading a file.
func enter(dir string, open func(string) (disk, error)) (*Folder, error) {
	d, err := open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no run folder %q: %w; name one that descent train made", dir, fs.ErrNotExist)
	}
	if err != nil {
		return nil, failure("opening run folder", dir, err)
	}
	if _, err := d.Lstat(configFile); err != nil {
		d.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("folder %q is no run: %w: %s; name a folder that descent train made (one that was killed before it began may be deleted)", dir, fs.ErrNotExist, configFile)
		}
		return nil, failure("opening run folder", dir, err)
	}
	return &Folder{dir: dir, disk: d}, nil
}

func (f *Folder) readConfig() ([]byte, error) {
	config, err := f.read(configFile, maxConfig)
	if err != nil {
		return nil, err
	}
	if err := checkConfig(config); err != nil {
		return nil, fmt.Errorf("reading %q: %w", f.path(configFile), err)
	}
	return config, nil
}

func checkConfig(config []byte) error {
	if len(config) > maxConfig {
		return fmt.Errorf("the configuration has %d bytes, want at most %d", len(config), maxConfig)
	}
	if !json.Valid(config) {
		return errors.New("the configuration is not JSON; it is damaged or of another program")
	}
	return nil
}

// Dir is the folder's path as it was given.
func (f *Folder) Dir() string { return f.dir }

// Config is a copy of config.json.
func (f *Folder) Config() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]byte(nil), f.config...)
}

// Stamp sets what stands in the metadata of later checkpoints: the version of the program, and the kernel set that computes. Either may
// be empty.
func (f *Folder) Stamp(version, kernels string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version, f.kernels = version, kernels
}

// Close writes metrics.csv, makes the events durable and gives the lock back. A folder that was opened for reading is only closed. A
// second Close does nothing.
func (f *Folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	var err error
	if f.lock != nil {
		err = errors.Join(f.writeTable(), f.syncLog(), f.log.close())
	}
	return errors.Join(err, f.unlock(), f.disk.Close())
}

func (f *Folder) unlock() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Close()
}

// writable says why the folder cannot be changed. The caller holds mu.
func (f *Folder) writable() error {
	switch {
	case f.closed:
		return fmt.Errorf("run folder %q: %w", f.dir, fs.ErrClosed)
	case f.lock == nil:
		return fmt.Errorf("run folder %q: %w", f.dir, errReadOnly)
	}
	return nil
}

// path is what messages call a file of the folder.
func (f *Folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f *Folder) write(name string, data []byte) error {
	_, err := writeFile(f.disk, name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return failure("writing", f.path(name), err)
	}
	return nil
}

// read reads a whole regular file of at most limit bytes.
func (f *Folder) read(name string, limit int64) ([]byte, error) {
	r, size, err := openRegular(f.disk, name, os.O_RDONLY)
	if err != nil {
		return nil, failure("reading", f.path(name), err)
	}
	defer r.Close()
	if size > limit {
		return nil, fmt.Errorf("reading %q: it has %d bytes, want at most %d; it is damaged or of another program", f.path(name), size, limit)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, failure("reading", f.path(name), err)
	}
	return data, nil
}

// ensureDir makes a folder inside the run folder, unless it is there.
func (f *Folder) ensureDir(name string) error {
	err := f.disk.Mkdir(name, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = f.disk.SyncDir(path.Dir(name))
	}
	return err
}
