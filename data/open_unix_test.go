//go:build unix

package data

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Opening a pipe waits for a writer, so it must be refused before.
func TestOpenRefusesPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe.csv")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := Open(path, Options{})
		done <- err
	}()
	select {
	case err := <-done:
		wantError(t, err, "this is a pipe; a regular file is wanted")
	case <-time.After(5 * time.Second):
		t.Fatal("Open waits for a writer")
	}
}
