package descent_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What decides about a training's bits, from the split of the rows to the metric that picks the best weights, and the intervals that are told of
// them, round each product before it is added to something, so that all processors agree. The language lets a compiler fuse the two, across
// statements too, unless the product is converted: float64(a*b) + c. arm64 is a target whose compiler does it.
func TestNothingIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for another processor")
	}
	multiplication, fused := regexp.MustCompile(`\tFN?MUL[SD]\t`), regexp.MustCompile(`\tFN?M(ADD|SUB)[SD]\t`)
	place := regexp.MustCompile(`\(([^)]+\.go:\d+)\)`)
	for _, room := range []string{"data", "engine", "internal/kernel", "internal/rng", "internal/stats", "metric", "nn", "optim", "prep", "train"} {
		t.Run(room, func(t *testing.T) {
			cmd := exec.Command("go", "build", "-gcflags=-S", "./"+room)
			cmd.Env = append(cmd.Environ(), "GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%.2000s", err, out)
			}
			if !multiplication.Match(out) {
				t.Fatal("the listing holds no multiplications: nothing was checked")
			}
			for line := range strings.Lines(string(out)) {
				if !fused.MatchString(line) {
					continue
				}
				if at := place.FindStringSubmatch(line); at != nil {
					t.Errorf("%s: a product is fused with an addition; convert it", at[1])
				} else {
					t.Errorf("fused: %s", line)
				}
			}
		})
	}
}
