package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The committed files are what the program writes.
func TestCommittedIsGenerated(t *testing.T) {
	for _, part := range []string{"products", "vectors"} {
		assembly, declarations, err := generate(part)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"neon_" + part + "_arm64.s": assembly, "neon_" + part + "_arm64.go": declarations} {
			got, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != want {
				t.Errorf("%s is not what the generator writes: run go generate in internal/kernel for GOARCH=arm64", name)
			}
		}
	}
	if _, _, err := generate("sets"); err == nil {
		t.Error("an unknown part is written")
	}
}
