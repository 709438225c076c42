//go:build unix

package run

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// This file holds the tests that need a Unix system: pipes, another user.

// TestPipesAndDevices puts things that block or never end where files are meant.
func TestPipesAndDevices(t *testing.T) {
	for _, name := range []string{configFile, eventsFile, lockFile, lastFile, metricsFile, modelFile} {
		for _, kind := range []string{"pipe", "folder", "link to a device"} {
			t.Run(name+" is a "+kind, func(t *testing.T) {
				dir := make1(t)
				path := filepath.Join(dir, name)
				os.Remove(path)
				switch kind {
				case "pipe":
					check(t, unix.Mkfifo(path, 0o666))
				case "folder":
					check(t, os.Mkdir(path, 0o777))
				default:
					check(t, os.Symlink("/dev/zero", path))
				}
				ended := make(chan []error)
				go func() {
					var errs []error
					add := func(err error) { errs = append(errs, err) }
					if v, err := View(dir); err != nil {
						add(err)
					} else {
						_, err := v.Latest((&state{}).keepers())
						add(err)
						for _, err := range v.Events() {
							add(err)
						}
						_, err = v.Model()
						add(err)
						v.Close()
					}
					if f, err := Open(dir); err != nil {
						add(err)
					} else {
						c, err := f.Latest((&state{}).keepers())
						add(err)
						for _, note := range c.Notes {
							add(note)
						}
						add(f.WriteModel(nil, nil))
						_, err = f.Save(3, (&state{}).keepers())
						add(err)
						add(f.Close())
					}
					ended <- errs
				}()
				select {
				case errs := <-ended:
					err := errors.Join(errs...)
					wants(t, err, "want a regular file", path)
				case <-time.After(10 * time.Second):
					t.Fatal("it hangs")
				}
			})
		}
	}
}

// TestFolderWithoutPermission runs this test binary as another user.
func TestFolderWithoutPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	root, err := os.MkdirTemp("", "descent-run") // t.TempDir is closed to others
	check(t, err)
	defer os.RemoveAll(root)
	check(t, os.Chmod(root, 0o755))
	check(t, os.Rename(make1(t), filepath.Join(root, "run")))
	binary := filepath.Join(root, "test")
	from, err := os.Open(os.Args[0])
	check(t, err)
	to, err := os.OpenFile(binary, os.O_CREATE|os.O_WRONLY, 0o755)
	check(t, err)
	_, err = io.Copy(to, from)
	check(t, errors.Join(err, to.Close(), from.Close()))

	cmd := exec.Command(binary, root)
	cmd.Env = append(os.Environ(), childVariable+"=permission")
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("cannot run as another user: %v %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, want := range []string{"create: creating run folder", "open: locking", "view: <nil>", "latest: <nil>"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) || i < 2 && !(strings.Contains(lines[i], "permission denied") && strings.Contains(lines[i], "check who owns") && strings.Contains(lines[i], root)) {
			t.Errorf("as another user:\n%s\nline %d: want %q", out, i+1, want)
		}
	}
}
