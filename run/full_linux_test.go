package run

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRealFullDisk trains on a file system of 256 KiB until it is full: an error that says so, and a checkpoint that is whole.
func TestRealFullDisk(t *testing.T) {
	mount := t.TempDir()
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	defer func() { check(t, unix.Unmount(mount, 0)) }()
	dir := filepath.Join(mount, "runs", "run")
	f, err := Create(dir, []byte("{}"))
	check(t, err)
	need, available, err := Space(filepath.Join(mount, "other"), 1000)
	if err != nil || available > 256<<10 || need < available {
		t.Errorf("need %d, available %d: %v", need, available, err)
	}
	s := &state{weights: vector{size: 2000}}
	saved, full := uint64(0), error(nil)
	for step := uint64(1); full == nil; step++ {
		if step > 100_000 {
			t.Fatal("never full")
		}
		if full = f.Append(event(step)); full != nil {
			break
		}
		if step%50 == 1 || saved < 2 {
			s.set(step)
			if _, full = f.Save(step, s.keepers()); full == nil {
				saved = step
			}
		}
	}
	wants(t, full, dir, "no space left on device", "free some space")
	f.Close()
	if saved < 2 {
		t.Fatalf("full after step %d: %v", saved, full)
	}
	// The new checkpoint may be whole although the table behind it did not fit.
	if c := whole(t, dir); c.Step < saved {
		t.Errorf("step %d, saved %d", c.Step, saved)
	}
	// With space again the run goes on.
	check(t, os.Remove(filepath.Join(dir, previousFile)))
	f, err = Open(dir)
	check(t, err)
	c, err := f.Latest(s.keepers())
	check(t, err)
	check(t, os.Remove(filepath.Join(dir, metricsFile)))
	check(t, f.log.cut(f.log.length/2)) // as if a person had made space
	s.set(c.Step + 1)
	_, err = f.Save(c.Step+1, s.keepers())
	check(t, err)
	check(t, f.Close())
}
