package main

// All tests run the real program, built once: what a person types, and what comes of it.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// built is the path of the program under test.
var built string

func TestMain(m *testing.M) {
	// Signals that are ignored here would be ignored by the program too; those that are caught are not inherited.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGHUP)
	os.Exit(withProgram(m.Run))
}

func withProgram(run func() int) int {
	dir, err := os.MkdirTemp("", "descent")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = filepath.Join(dir, "descent")
	if runtime.GOOS == "windows" {
		built += ".exe"
	}
	build := exec.Command("go", "build", "-ldflags", "-X main.version=v0.0.0-test", "-o", built, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	return run()
}

// result is what one call of the program came to.
type result struct {
	status         int
	stdout, stderr string
}

// timeout is what one call may take; it is generous, for machines that do much else.
const timeout = 60 * time.Second

// call prepares the program in a folder. The portable kernels give the same bits on every machine.
func call(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, built, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "DESCENT_CPU=portable", "NO_COLOR=1", "TERM=dumb")
	return c
}

// invoke runs the program to its end.
func invoke(t *testing.T, dir string, args ...string) result {
	t.Helper()
	return ended(t, call(t, dir, args...))
}

func ended(t *testing.T, c *exec.Cmd) result {
	t.Helper()
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	failure := c.Run()
	var exit *exec.ExitError
	if failure != nil && !errors.As(failure, &exit) {
		t.Fatalf("%v: %v", c.Args, failure)
	}
	return result{c.ProcessState.ExitCode(), out.String(), err.String()}
}

// must runs the program and wants status 0.
func must(t *testing.T, dir string, args ...string) result {
	t.Helper()
	r := invoke(t, dir, args...)
	if r.status != 0 {
		t.Fatalf("descent %s: status %d\n%s%s", strings.Join(args, " "), r.status, r.stdout, r.stderr)
	}
	return r
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// objects parses lines of JSON; anything else among them is a failure.
func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for _, line := range strings.SplitAfter(text, "\n") {
		if line == "" {
			continue
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("a line of --json is no object: %v\n%s", err, line)
		}
		if !strings.HasSuffix(line, "\n") {
			t.Fatalf("the last line has no end: %s", line)
		}
		list = append(list, o)
	}
	return list
}

// copyFiles puts the files of testdata into a folder.
func copyFiles(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS("testdata/files")); err != nil {
		t.Fatal(err)
	}
}
