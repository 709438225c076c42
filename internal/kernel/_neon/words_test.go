package main

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every word is the instruction that its comment says, as a disassembler reads it, and
// nothing is written as a word that isn't meant to be.
func TestWordsAreTheirInstructions(t *testing.T) {
	objdump, err := exec.LookPath("aarch64-linux-gnu-objdump")
	if err != nil {
		t.Skip("no disassembler for arm64: Debian's package binutils-aarch64-linux-gnu has one")
	}
	wanted := map[uint32]string{}
	line := regexp.MustCompile(`^\tWORD \$0x([0-9a-f]{8}) // (.+)$`)
	for _, part := range []string{"products", "vectors"} {
		assembly, _, err := generate(part)
		if err != nil {
			t.Fatal(err)
		}
		for text := range strings.Lines(assembly) {
			if !strings.Contains(text, "WORD") {
				continue
			}
			m := line.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
			if m == nil {
				t.Fatalf("a word without its instruction: %q", text)
			}
			word, err := strconv.ParseUint(m[1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			if was := wanted[uint32(word)]; was != "" && was != m[2] {
				t.Errorf("%08x is %q here and %q there", word, m[2], was)
			}
			wanted[uint32(word)] = m[2]
		}
	}

	var words []uint32
	var file []byte
	for w := range wanted {
		words = append(words, w)
		file = binary.LittleEndian.AppendUint32(file, w)
	}
	name := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "aarch64", "-z", name).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := 0
	for text := range strings.Lines(string(out)) {
		// "   4:\t4e20d400 \tfadd\tv0.4s, v0.4s, v0.4s"
		fields := strings.SplitN(strings.TrimSpace(text), "\t", 3)
		if len(fields) != 3 || !strings.HasSuffix(fields[0], ":") {
			continue
		}
		offset, err := strconv.ParseUint(strings.TrimSuffix(fields[0], ":"), 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(strings.Fields(fields[2]), " "), wanted[words[offset/4]]; got != want {
			t.Errorf("%08x: the disassembler reads %q, the comment says %q", words[offset/4], got, want)
		}
		seen++
	}
	if seen != len(words) || seen == 0 {
		t.Errorf("%d of %d words were disassembled\n%s", seen, len(words), out)
	}
	t.Logf("%d words", seen)
}
