//go:build unix

package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopAfter trains with --json, sends a signal once an event of a type has come so many times, and returns the exit status.
func stopAfter(t *testing.T, c *exec.Cmd, kind string, times int, signals ...syscall.Signal) (int, string) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	c.Stderr = &complaints
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), `{"type":"`+kind+`"`) {
			if times--; times == 0 {
				for _, s := range signals {
					if err := c.Process.Signal(s); err != nil {
						t.Fatal(err)
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
		}
	}
	c.Wait()
	return c.ProcessState.ExitCode(), complaints.String()
}

// evaluations are the lines of a run's evaluations, and of its end, without what a clock says.
func evaluations(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(string(read(t, dir, "events.jsonl"))) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e["type"] != "eval" && e["type"] != "done" {
			continue
		}
		for _, key := range []string{"time", "time/seconds", "seconds", "samples_per_second", "dir"} {
			delete(e, key)
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", text)
	}
	return b.String()
}

// A training that a signal stopped in the middle of an epoch, and again, ends with the same bits as one that was never stopped.
func TestSignalsAndResume(t *testing.T) {
	dir := t.TempDir()
	common := []string{"train", "digits", "--epochs", "40", "--optimizer", "momentum", "--lr", "0.05", "--schedule", "warmup(50, cosine)", "--wrap", "ema(0.99)", "--batch", "24"}
	must(t, dir, append(common, "--quiet", "--threads", "2", "--out", "whole")...)
	for _, c := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}, {syscall.SIGHUP, 129}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			name := fmt.Sprintf("stopped-%d", c.status)
			status, said := stopAfter(t, call(t, dir, append(common, "--json", "--threads", "1", "--out", name)...), "step", 9, c.signal)
			if status != c.status || !strings.Contains(said, "descent resume "+name) {
				t.Fatalf("status %d, wanted %d; said %q", status, c.status, said)
			}
			status, _ = stopAfter(t, call(t, dir, "resume", name, "--json", "--threads", "3"), "eval", 2, c.signal)
			if status != c.status {
				t.Fatalf("stopped again: status %d, wanted %d", status, c.status)
			}
			must(t, dir, "resume", name, "--quiet", "--threads", "2")
			if !bytes.Equal(read(t, dir, name, "model.safetensors"), read(t, dir, "whole", "model.safetensors")) {
				t.Error("the model has other bits")
			}
			if got, want := evaluations(t, filepath.Join(dir, name)), evaluations(t, filepath.Join(dir, "whole")); got != want {
				t.Errorf("the events differ:\n%s\n%s", got, want)
			}
		})
	}
	// What a person reads, where there is no --json.
	c := call(t, dir, append(common, "--out", "told")...)
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(dir, "told", "events.jsonl"), `"eval"`)
	c.Process.Signal(os.Interrupt)
	c.Wait()
	if c.ProcessState.ExitCode() != 130 || !strings.Contains(out.String(), "Stopped: interrupted") || !strings.Contains(out.String(), "descent resume told") {
		t.Errorf("status %d:\n%s", c.ProcessState.ExitCode(), out.String())
	}
}

func waitFor(t *testing.T, path, text string) {
	t.Helper()
	for range 500 {
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(text)) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not come to hold %s", path, text)
}

// A second Ctrl-C does not wait for the step.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	c := call(t, dir, "train", "digits", "--model", "mlp(1500, 1500)", "--batch", "full", "--json", "--out", "run", "--threads", "1")
	status, _ := stopAfter(t, c, "start", 1, syscall.SIGINT, syscall.SIGINT)
	if status != 130 {
		t.Errorf("status %d", status)
	}
	if text := string(read(t, dir, "run", "events.jsonl")); strings.Contains(text, `"stop"`) {
		t.Error("the step was finished")
	}
	if r := invoke(t, dir, "show", "run"); r.status != 0 {
		t.Errorf("the run that was left cannot be shown: %+v", r)
	}
}

// A signal that comes before there is anything to save ends the program with its status.
func TestSignalsAtAnyTime(t *testing.T) {
	for i := range 8 {
		dir := t.TempDir()
		c := call(t, dir, "train", "digits", "--epochs", "2000", "--out", "run", "--json")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(10+i*10) * time.Millisecond)
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
		state := c.ProcessState.Sys().(syscall.WaitStatus)
		if !(state.Exited() && state.ExitStatus() == 143) && !(state.Signaled() && state.Signal() == syscall.SIGTERM) {
			t.Errorf("after %d ms: %v", 10+i*10, c.ProcessState)
		}
		if _, err := os.Stat(filepath.Join(dir, "run", "checkpoints", "last.safetensors")); err == nil {
			must(t, dir, "resume", "run", "--steps", "1", "--quiet")
		}
	}
	// Reading standard input ends too.
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--epochs", "1", "--quiet", "--out", "run")
	c := call(t, dir, "predict", "run", "-")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	c.Process.Signal(os.Interrupt)
	c.Wait()
	if c.ProcessState.ExitCode() != 130 {
		t.Errorf("reading standard input: %v", c.ProcessState)
	}
}

// A pipe may never end, and opening one waits for a writer.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--epochs", "1", "--quiet", "--out", "run")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{
		{"train", "pipe"}, {"train", "digits", "--config", "pipe"}, {"train", "digits", "--from", "pipe"}, {"train", "/dev/zero"},
		{"eval", "run", "pipe"}, {"eval", "pipe", "flowers.csv"}, {"predict", "run", "pipe"}, {"predict", "run", "/dev/zero"}, {"predict", "pipe", "new.csv"}, {"show", "pipe"},
	} {
		begun := time.Now()
		r := invoke(t, dir, args...)
		if r.status != 1 || r.stderr == "" || time.Since(begun) > 10*time.Second {
			t.Errorf("%v: status %d after %v: %s", args, r.status, time.Since(begun), r.stderr)
		}
	}
}

// Results that cannot be written are an error where they are all there is.
func TestFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--epochs", "1", "--quiet", "--out", "run")
	for _, c := range []struct {
		line   string
		status int
	}{
		{"train flowers.csv --epochs 1", 0}, {"train flowers.csv --epochs 1 --json", 0}, {"train flowers.csv --epochs 1 --quiet", 0},
		{"eval run", 1}, {"eval run --json", 1}, {"predict run new.csv", 1}, {"predict run new.csv --json", 1}, {"version", 1}, {"show run --json", 1},
	} {
		p := call(t, dir, strings.Fields(c.line)...)
		var complaints bytes.Buffer
		p.Stdout, p.Stderr = full, &complaints
		p.Run()
		if p.ProcessState.ExitCode() != c.status || (c.status == 1) != strings.Contains(complaints.String(), "no space") {
			t.Errorf("%s: status %d, wanted %d: %s", c.line, p.ProcessState.ExitCode(), c.status, complaints.String())
		}
	}
}

// The program needs nothing of the system that it runs on.
func TestProgramIsStatic(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has static programs")
	}
	f, err := elf.Open(built)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a segment %v: it is linked dynamically", p.Type)
		}
	}
}
