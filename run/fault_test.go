package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/descent-go/descent/engine"
)

// This file lets every file operation of a run fail in turn, as the tests of SQLite do: the first, the second, and so on until a run passes
// untouched; once as a single fault after which all works again, once as one that lasts. A write that fails has written the half.

type faults struct {
	disk
	at      int  // the operation that fails
	lasting bool // so do all after it
	mu      sync.Mutex
	done    int
	last    string
	short   bool     // writes take the half and say no error
	all     []string // what was done
	match   []string // operations that fail, in this order
	full    bool     // a write that fails has written all
}

func (d *faults) fault(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done++
	if before, after, ok := strings.Cut(what, temporary); ok {
		what = before + temporary + strings.TrimRight(after, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") // the random part
	}
	d.all = append(d.all, what)
	if len(d.match) > 0 && d.match[0] == what {
		d.match = d.match[1:]
		return fmt.Errorf("planted at %s: %w", what, syscall.ENOSPC)
	}
	if d.done == d.at {
		d.last = what
	}
	if d.done == d.at || d.lasting && d.done > d.at {
		return fmt.Errorf("planted at %s: %w", what, syscall.ENOSPC)
	}
	return nil
}

func (d *faults) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	if err := d.fault("open " + name); err != nil {
		return nil, err
	}
	f, err := d.disk.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d, name}, nil
}

func (d *faults) Rename(from, to string) error {
	if err := d.fault("rename to " + to); err != nil {
		return err
	}
	return d.disk.Rename(from, to)
}

func (d *faults) Remove(name string) error {
	if err := d.fault("remove " + name); err != nil {
		return err
	}
	return d.disk.Remove(name)
}

func (d *faults) Mkdir(name string, perm fs.FileMode) error {
	if err := d.fault("mkdir " + name); err != nil {
		return err
	}
	return d.disk.Mkdir(name, perm)
}

func (d *faults) Lstat(name string) (fs.FileInfo, error) {
	if err := d.fault("lstat " + name); err != nil {
		return nil, err
	}
	return d.disk.Lstat(name)
}

func (d *faults) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := d.fault("list " + name); err != nil {
		return nil, err
	}
	return d.disk.ReadDir(name)
}

func (d *faults) SyncDir(name string) error {
	if err := d.fault("sync folder " + name); err != nil {
		return err
	}
	return d.disk.SyncDir(name)
}

type faultyFile struct {
	file
	d    *faults
	name string
}

func (f *faultyFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.d.fault("read " + f.name); err != nil {
		return 0, err
	}
	return f.file.ReadAt(p, at)
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.d.fault("read " + f.name); err != nil {
		return 0, err
	}
	return f.file.Read(p)
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.d.fault("write " + f.name); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	if f.d.short {
		p = p[:len(p)/2]
	}
	return f.file.Write(p)
}

func (f *faultyFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.d.fault("write " + f.name); err != nil {
		if !f.d.full {
			p = p[:len(p)/2]
		}
		n, _ := f.file.WriteAt(p, at)
		return n, err
	}
	if f.d.short {
		p = p[:len(p)/2]
	}
	return f.file.WriteAt(p, at)
}

func (f *faultyFile) Sync() error {
	if err := f.d.fault("sync " + f.name); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.d.fault("truncate " + f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faultyFile) Stat() (fs.FileInfo, error) {
	if err := f.d.fault("stat " + f.name); err != nil {
		return nil, err
	}
	return f.file.Stat()
}

// Close fails as a system's does: the file is closed anyway.
func (f *faultyFile) Close() error {
	return errors.Join(f.d.fault("close "+f.name), f.file.Close())
}

// planted gives a door to a disk with a fault, and the disk itself once it is open.
func planted(at int, lasting bool) (func(string) (disk, error), *faults) {
	d := &faults{at: at, lasting: lasting}
	return func(dir string) (disk, error) {
		var err error
		d.disk, err = openDisk(dir)
		return d, err
	}, d
}

// TestEveryFaultWhileGoingOn goes on with a run, does all that changes a folder, and looks at it afterwards with a disk that works. One
// variant stops at the first error, as a training does; another goes on regardless, which is harder to survive.
func TestEveryFaultWhileGoingOn(t *testing.T) {
	for _, mode := range []struct {
		name          string
		lasting, stop bool
	}{{"single, then stops", false, true}, {"single, then goes on", false, false}, {"lasting", true, false}} {
		t.Run(mode.name, func(t *testing.T) {
			base := quick(t)
			start := os.DirFS(make1(t))
			k := 1
			for ; ; k++ {
				dir := filepath.Join(base, fmt.Sprint(k))
				check(t, os.CopyFS(dir, start))
				open, d := planted(k, mode.lasting)
				saved, tried, failed := goOn(dir, open, mode.stop)
				if t.Failed() {
					return
				}
				c := whole(t, dir)
				if c.Step < saved || c.Step > tried {
					t.Errorf("step %d, want %d to %d", c.Step, saved, tried)
				}
				for _, note := range c.Notes {
					if !strings.Contains(note.Error(), "no such file") { // killed between two renames
						t.Errorf("note: %v", note)
					}
				}
				v, err := View(dir)
				check(t, err)
				s := &state{}
				if c, err := v.Best(s.keepers()); !errors.Is(err, ErrNoCheckpoint) && (err != nil || c.Step != 3) {
					t.Errorf("best: %v", err)
				}
				if a, err := v.Attachment("rows"); !errors.Is(err, fs.ErrNotExist) && (err != nil || len(a) != 1) {
					t.Errorf("attachment: %v", err)
				}
				if m, err := v.Model(); !errors.Is(err, fs.ErrNotExist) && (err != nil || len(m) < 8) {
					t.Errorf("model: %v", err)
				}
				check(t, v.Close())
				if t.Failed() {
					t.Fatalf("fault %d: %s", k, d.last)
				}
				if d.done < k {
					if failed {
						t.Fatal("failed without a fault")
					}
					break
				}
			}
			if k < 60 {
				t.Errorf("only %d operations were seen", k)
			}
			t.Logf("%d operations", k-1)
		})
	}
}

// quick is a folder in memory where the system has one: there a sync costs nothing.
func quick(t *testing.T) string {
	t.Helper()
	if dir, err := os.MkdirTemp("/dev/shm", "descent-run"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

// goOn tells the step of the last save that succeeded, of the last that was tried, and whether anything failed.
func goOn(dir string, open func(string) (disk, error), stop bool) (saved, tried uint64, failed bool) {
	saved, tried = 2, 2
	f, err := openWith(dir, open)
	if err != nil {
		return saved, tried, true
	}
	defer func() {
		failed = f.Close() != nil || failed
	}()
	s := &state{}
	c, err := f.Latest(s.keepers())
	if err != nil {
		return saved, tried, true
	}
	saved, tried = min(saved, c.Step), c.Step // a read fault may have led to the previous one
	steps := []func() error{}
	save := func(step uint64) {
		steps = append(steps,
			func() error { // an event that failed must be there before its checkpoint is
				err := f.Append(event(step))
				if err != nil && !stop {
					return errors.Join(err, f.Append(event(step)))
				}
				return err
			},
			func() error {
				if f.log.length == 0 || lastStep(f) != step {
					return nil // the event could not be written: a training would be over
				}
				s.set(step)
				tried = step
				_, err := f.Save(step, s.keepers())
				if err == nil {
					saved = step
				}
				return err
			})
	}
	if c.Step == 1 {
		save(2)
	}
	save(3)
	steps = append(steps,
		func() error {
			_, err := f.SaveBest(3, (&state{vector{step: 3}, vector{step: 3}}).keepers())
			return err
		},
		func() error { return f.Attach("rows", []engine.Tensor{{Name: "x", F64: []float64{1}}}) },
		func() error { return f.WriteModel([]engine.Tensor{{Name: "x", F64: []float64{1}}}, nil) })
	save(4)
	save(5)
	for _, step := range steps {
		if err := step(); err != nil {
			failed = true
			if stop {
				break
			}
		}
	}
	return saved, tried, failed
}

// lastStep reads past the faults.
func lastStep(f *Folder) (step uint64) {
	clean, err := View(f.dir)
	if err != nil {
		return 0
	}
	defer clean.Close()
	for e := range clean.Events() {
		step = e.Step
	}
	return step
}

func TestEveryFaultInCreate(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		t.Run(fmt.Sprintf("lasting %v", lasting), func(t *testing.T) {
			k := 1
			for ; ; k++ {
				dir := filepath.Join(t.TempDir(), "run")
				open, d := planted(k, lasting)
				f, err := create(dir, []byte("{}"), open)
				if err == nil {
					d.at, d.lasting = -1, false
					check(t, f.Close())
					break
				}
				wants(t, err, dir)
				if !lasting {
					if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("fault %d (%s): the folder is left", k, d.last)
					}
				}
				// What could not be removed is no run, or a whole one.
				if f, err := Open(dir); err == nil {
					check(t, f.Close())
				}
			}
			if k < 8 {
				t.Errorf("only %d operations were seen", k)
			}
		})
	}
}

// TestFullDiskIsNamed: path, reason and remedy are in the error, and the run goes on when there is space again.
func TestFullDiskIsNamed(t *testing.T) {
	dir := make1(t)
	open, d := planted(-1, false)
	f, err := openWith(dir, open)
	check(t, err)
	s := &state{}
	_, err = f.Latest(s.keepers())
	check(t, err)
	d.at, d.lasting = d.done+1, true
	wants(t, f.Append(event(3)), filepath.Join(dir, eventsFile), "no space left", "free some space")
	_, err = f.Save(3, s.keepers())
	wants(t, err, "events.jsonl", "no space left")
	d.at, d.lasting = -1, false
	check(t, f.Append(event(3)))
	s.set(3)
	_, err = f.Save(3, s.keepers())
	wants(t, err, "no space left") // a sync of the events failed once: nothing is built on it any more
	check(t, f.log.file.Close())
	f.unlock()
	if c := whole(t, dir); c.Step != 2 {
		t.Errorf("step %d", c.Step)
	}
}

// TestOrder is the order of what changes the disk in one Save. A kill finds all that was done; after a power cut only a sync is a promise:
// the events before the checkpoint that counts them, the checkpoint's data before its names, the names before Save returns.
func TestOrder(t *testing.T) {
	open, d := planted(-1, false)
	f, err := openWith(make1(t), open)
	check(t, err)
	defer f.Close()
	s := &state{}
	_, err = f.Latest(s.keepers())
	check(t, err)
	check(t, f.Append(event(3)))
	d.all = nil
	_, err = f.Save(3, s.keepers())
	check(t, err)
	got := []string{}
	for _, what := range d.all {
		verb, _, _ := strings.Cut(what, " ")
		if verb == "stat" || verb == "lstat" || verb == "read" || len(got) > 0 && got[len(got)-1] == what {
			continue
		}
		got = append(got, what)
		if len(got) == 9 {
			break // what follows is the table
		}
	}
	const temp = "checkpoints/.tmp-last.safetensors."
	want := []string{"sync events.jsonl", "mkdir checkpoints", "open " + temp, "write " + temp, "sync " + temp, "close " + temp,
		"rename to checkpoints/previous.safetensors", "rename to checkpoints/last.safetensors", "sync folder checkpoints"}
	if !slices.Equal(got, want) {
		t.Errorf("a save does\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestShortWrites: a write that takes less and says nothing is an error.
func TestShortWrites(t *testing.T) {
	dir := make1(t)
	open, d := planted(-1, false)
	f, err := openWith(dir, open)
	check(t, err)
	s := &state{}
	_, err = f.Latest(s.keepers())
	check(t, err)
	d.short = true
	_, err = f.Save(3, s.keepers())
	wants(t, err, lastFile, "short write")
	wants(t, f.Append(event(3)), eventsFile, "short write")
	d.short = false
	check(t, f.Append(event(3)))
	s.set(3)
	_, err = f.Save(3, s.keepers())
	check(t, err)
	check(t, f.Close())
	if c := whole(t, dir); c.Step != 3 {
		t.Errorf("step %d", c.Step)
	}
}

// TestSaveAfterHalfARotation: the second rename failed, so that last is missing; the next save gets by.
func TestSaveAfterHalfARotation(t *testing.T) {
	dir := make1(t)
	open, d := planted(-1, false)
	f, err := openWith(dir, open)
	check(t, err)
	s := &state{}
	_, err = f.Latest(s.keepers())
	check(t, err)
	d.match = []string{"rename to " + lastFile}
	_, err = f.Save(3, s.keepers())
	wants(t, err, lastFile)
	check(t, f.Append(event(3)))
	s.set(3)
	_, err = f.Save(3, s.keepers())
	check(t, err)
	check(t, f.Close())
	if c := whole(t, dir); c.Step != 3 || c.Notes != nil {
		t.Errorf("restored %+v", c)
	}
}

// TestTornLine: of an event that could not be written nothing is left, even if the line was all there and could not be cut off at once.
func TestTornLine(t *testing.T) {
	for _, match := range [][]string{{"write " + eventsFile}, {"write " + eventsFile, "truncate " + eventsFile}} {
		dir := make1(t)
		open, d := planted(-1, false)
		f, err := openWith(dir, open)
		check(t, err)
		d.match, d.full = match, true
		wants(t, f.Append(Event{Type: "warning", Data: map[string]any{"message": strings.Repeat("x", 1000)}}), eventsFile)
		check(t, f.Append(Event{Type: "eval", Step: 2}))
		check(t, f.Close())
		v, err := View(dir)
		check(t, err)
		types := []string{}
		for e, err := range v.Events() {
			check(t, err)
			types = append(types, e.Type)
		}
		check(t, v.Close())
		if !slices.Equal(types, []string{"step", "step", "eval"}) {
			t.Errorf("events are %q", types)
		}
	}
}

// TestTableAfterAFault: a column that could not be written is there the next time.
func TestTableAfterAFault(t *testing.T) {
	dir := make1(t)
	open, d := planted(-1, false)
	f, err := openWith(dir, open)
	check(t, err)
	s := &state{}
	c, err := f.Latest(s.keepers())
	check(t, err)
	_, err = f.Save(c.Step, s.keepers())
	check(t, err)
	check(t, f.Append(Event{Type: "eval", Step: 2, Data: map[string]any{"val/loss": 0.5}}))
	d.match = []string{"rename to " + metricsFile}
	c, err = f.Save(2, s.keepers())
	wants(t, err, metricsFile, "the checkpoint of step 2 is written, but")
	if c.Step != 2 || c.File != lastFile {
		t.Errorf("saved %+v", c)
	}
	check(t, f.Close())
	table, err := os.ReadFile(filepath.Join(dir, metricsFile))
	check(t, err)
	const want = "step,epoch,type,train/loss,val/loss\r\n1,0.1,step,1,\r\n2,0.2,step,0.5,\r\n2,0,eval,,0.5\r\n"
	if string(table) != want {
		t.Errorf("table is\n%s\nwant\n%s", table, want)
	}
}
