package descent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's programs are what a reader types first, so they are built and run as they stand there.
func TestReadmePrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs")
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) < 2 {
		t.Fatalf("%d programs in README.md", len(blocks))
	}
	for i, b := range blocks {
		// A folder whose name begins with an underscore is outside ./..., but inside the module.
		dir, err := os.MkdirTemp(".", "_readme")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), b[1], 0o666); err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(t.TempDir(), "program")
		build := exec.Command("go", "build", "-o", program, "./"+dir)
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("program %d: %v\n%s", i+1, err, out)
			continue
		}
		run := exec.Command(program)
		run.Dir = t.TempDir()
		out, err := run.CombinedOutput()
		if err != nil {
			t.Errorf("program %d: %v\n%s", i+1, err, out)
		}
		if s := string(out); strings.Contains(s, "<nil>") == false {
			t.Errorf("program %d printed an error:\n%s", i+1, s)
		}
	}
}
