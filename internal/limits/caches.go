package limits

// How large the caches are, and how much of each level a measurement goes over.

import (
	"slices"
	"strconv"
	"strings"
)

// A Level is one of the memory's, with the bytes that a thread goes over to measure it.
type Level struct {
	Name  string // L1, L2, L3 or memory
	Size  int    // of the cache, in bytes; 0 for memory
	Bytes int
}

// Levels are those of this machine for measurements on so many threads, the nearest first. A system that does not tell the sizes of its caches
// is taken for a usual one: 32 kB, 512 kB, 16 MB.
func Levels(threads int) []Level { return levelsOf(sizes(), threads) }

func levelsOf(size [3]int, threads int) []Level {
	for i, usual := range []int{32 << 10, 512 << 10, 16 << 20} {
		if size[i] == 0 {
			size[i] = usual
		}
	}
	l1, l2, l3 := size[0], size[1], size[2]
	return []Level{
		{"L1", l1, l1 * 3 / 4},
		{"L2", l2, l2 * 3 / 8},
		// Threads share it, as do neighbors that a virtual machine does not see: a small part, but well beyond the level above.
		{"L3", l3, max(min(l3/(4*threads), 6<<20), 2*l2)},
		{"memory", 0, max(8*l3, 256<<20) / threads},
	}
}

// bytesOf reads a size as Linux writes it: 32K, 1024K, 16M.
func bytesOf(text string) int {
	text = strings.TrimSpace(text)
	unit := 1
	for k, suffix := range []string{"K", "M", "G"} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			unit, text = 1<<(10*(k+1)), number
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<40/unit {
		return 0
	}
	return n * unit
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	if len(x) == 0 {
		return 0
	}
	return x[len(x)/2]
}
