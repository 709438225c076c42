package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The committed assembly is what the program writes.
func TestCommittedIsGenerated(t *testing.T) {
	for _, file := range []struct{ set, part string }{
		{"avx512", "products"}, {"avx512", "vectors"}, {"avx512", "bytes"}, {"avx512", "bf16"}, {"avx512", "merged"},
		{"avx2", "products"}, {"avx2", "vectors"}, {"avx2", "bytes"}, {"avx2", "bf16"}, {"avx2", "merged"},
	} {
		folder := t.TempDir()
		code, stubs := file.set+"_"+file.part+"_amd64.s", file.set+"_"+file.part+"_amd64.go"
		cmd := exec.Command("go", "run", ".", "-set", file.set, "-part", file.part, "-pkg", "kernel",
			"-out", filepath.Join(folder, code), "-stubs", filepath.Join(folder, stubs))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, name := range []string{code, stubs} {
			got, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			// The first line holds the command with its file names.
			_, got, _ = bytes.Cut(got, []byte("\n"))
			_, want, _ = bytes.Cut(want, []byte("\n"))
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what the generator writes: run go generate in internal/kernel", name)
			}
		}
	}
}
