//go:build amd64

package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Go's assembler doesn't know the instructions of AVX512-BF16, so the generator writes their bytes. A disassembler has to read from them the
// instructions that were meant: which ones, how often, and with the registers of a tile.
func TestBFloat16Encodings(t *testing.T) {
	tool, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("no objdump")
	}
	text, err := os.ReadFile("avx512_bf16_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	functions := regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\)`).Split(string(text), -1)[1:]
	names := regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\)`).FindAllStringSubmatch(string(text), -1)
	written := regexp.MustCompile(`LONG\s+\$(0x\w+)\s+WORD\s+\$(0x\w+)`)
	dot := regexp.MustCompile(`vdpbf16ps %zmm(\d+),%zmm(\d+),%zmm(\d+)`)
	join := regexp.MustCompile(`vcvtne2ps2bf16 %zmm(\d+),%zmm(\d+),%zmm(\d+)`)
	for i, body := range functions {
		name := names[i][1]
		var code []byte
		for _, m := range written.FindAllStringSubmatch(body, -1) {
			four, err1 := strconv.ParseUint(m[1], 0, 32)
			two, err2 := strconv.ParseUint(m[2], 0, 16)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			code = append(code, byte(four), byte(four>>8), byte(four>>16), byte(four>>24), byte(two), byte(two>>8))
		}
		file := filepath.Join(t.TempDir(), "code")
		if err := os.WriteFile(file, code, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, "-D", "-b", "binary", "-m", "i386:x86-64", file).CombinedOutput()
		if err != nil {
			t.Skipf("%v\n%s", err, out)
		}
		dots, joins := dot.FindAllStringSubmatch(string(out), -1), join.FindAllStringSubmatch(string(out), -1)
		if len(code) != 6*(len(dots)+len(joins)) {
			t.Errorf("%s: %d bytes, and a disassembler finds %d and %d instructions of 6:\n%s", name, len(code), len(dots), len(joins), out)
		}
		if width := strings.TrimPrefix(name, "avx512PairStrip"); width != name {
			checkTiles(t, name, int(width[0]-'0'), dots)
		}
		if name == "avx512PairsAlong" && len(joins) > 0 && strings.Join(joins[0][1:], " ") != "0 1 0" {
			t.Errorf("%s: %s", name, joins[0][0])
		}
	}
}

// checkTiles wants the products of tiles of 8 rows and then of 7 to 1: each vector of B times each row's number of A into a sum of its own.
func checkTiles(t *testing.T, name string, width int, dots [][]string) {
	t.Helper()
	var want []string
	for rows := 8; rows >= 1; rows-- {
		for row := range rows {
			for v := range width {
				want = append(want, fmt.Sprint(v, " ", width+row%5, " ", width+5+row*width+v))
			}
		}
	}
	if len(dots) != len(want) {
		t.Fatalf("%s: %d products, want %d", name, len(dots), len(want))
	}
	for i, d := range dots {
		if got := strings.Join(d[1:], " "); got != want[i] {
			t.Fatalf("%s: product %d is %s, want registers %s", name, i, d[0], want[i])
		}
	}
}
