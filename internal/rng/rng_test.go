package rng

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
	"testing"
)

// The first words of SplitMix64 from state 0, as in the authors' C code (and java.util.SplittableRandom).
func TestWordsAreSplitMix64(t *testing.T) {
	want := []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec}
	for i, w := range want {
		if got := (Source{}).Bits(uint64(i)); got != w {
			t.Errorf("word %d: %#x, want %#x", i, got, w)
		}
	}
}

func TestUniform(t *testing.T) {
	const n = 1 << 18
	for _, purpose := range []string{"", "dropout", "init/dense1/weight"} {
		for _, at := range []uint64{0, 1, 1 << 40} {
			s := New(1, purpose).At(at)
			sum, squares, neighbours := 0.0, 0.0, 0.0
			last := 0.5
			buckets := [64]int{}
			for i := range uint64(n) {
				u := s.Uniform(i)
				if u < 0 || u >= 1 {
					t.Fatalf("%q at %d: number %d is %v", purpose, at, i, u)
				}
				sum += u
				squares += u * u
				neighbours += (u - 0.5) * (last - 0.5)
				last = u
				buckets[int(u*64)]++
			}
			// Five standard errors: 1/sqrt(12 n) of the mean, 1/(12 sqrt n) of the product of neighbours.
			if e := math.Abs(sum/n - 0.5); e > 5/math.Sqrt(12*n) {
				t.Errorf("%q at %d: mean off by %v", purpose, at, e)
			}
			if e := math.Abs(neighbours / n); e > 5.0/12/math.Sqrt(n) {
				t.Errorf("%q at %d: neighbours correlate by %v", purpose, at, e)
			}
			chi := 0.0
			for _, b := range buckets {
				d := float64(b) - n/64.0
				chi += d * d / (n / 64.0)
			}
			if chi > 63+5*math.Sqrt(2*63) {
				t.Errorf("%q at %d: chi square %v over 63 degrees of freedom", purpose, at, chi)
			}
		}
	}
}

func TestNormal(t *testing.T) {
	// Quantiles by scipy.stats.norm.ppf.
	for p, want := range map[float64]float64{0.5: 0, 0.975: 1.959963984540054, 0.01: -2.3263478740408408, 1e-10: -6.361340902404056, 0.3: -0.5244005127080409} {
		if got := normalQuantile(p); math.Abs(got-want) > 3e-9*(1+math.Abs(want)) {
			t.Errorf("quantile %v: %v, want %v", p, got, want)
		}
	}
	s := New(7, "normal")
	const n = 1 << 18
	moments := [5]float64{}
	for i := range uint64(n) {
		x := s.Normal(i)
		for k, p := 0, 1.0; k < 5; k, p = k+1, p*x {
			moments[k] += p / n
		}
	}
	for k, want := range []float64{1, 0, 1, 0, 3} {
		if math.Abs(moments[k]-want) > 0.06 {
			t.Errorf("moment %d: %v, want %v", k, moments[k], want)
		}
	}
}

// Runs are repeated years later: the bits are part of the promise. The digest is of 65,536 numbers, of which some 3,000 come from the tails.
func TestNormalKeepsItsBits(t *testing.T) {
	s, h := New(11, "bits"), fnv.New64a()
	for i := range uint64(1 << 16) {
		h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(s.Normal(i))))
	}
	if got, want := h.Sum64(), uint64(0xd024829fe7ae8a29); got != want {
		t.Errorf("digest %#x, want %#x", got, want)
	}
}

func TestSourcesDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for _, purpose := range []string{"a", "b", "init/a", "init/b"} {
		for seed := range uint64(4) {
			for at := range uint64(64) {
				w := New(seed, purpose).At(at).Bits(0)
				if other, ok := seen[w]; ok {
					t.Fatalf("%s seed %d at %d repeats %s", purpose, seed, at, other)
				}
				seen[w] = purpose
			}
		}
	}
}

func TestShuffle(t *testing.T) {
	counts := map[[3]int]int{}
	for i := range uint64(6000) {
		order := [3]int{0, 1, 2}
		New(3, "shuffle").At(i).Shuffle(order[:])
		counts[order]++
	}
	if len(counts) != 6 {
		t.Fatalf("%d of 6 orders occur", len(counts))
	}
	for order, n := range counts {
		if n < 850 || n > 1150 {
			t.Errorf("order %v occurs %d times in 6000", order, n)
		}
	}
	a, b := []int{0, 1, 2, 3, 4, 5}, []int{0, 1, 2, 3, 4, 5}
	New(3, "x").Shuffle(a)
	New(3, "x").Shuffle(b)
	if !slices.Equal(a, b) {
		t.Error("the same source shuffles differently")
	}
}

func BenchmarkBits(b *testing.B) {
	s := New(1, "bench")
	sum := uint64(0)
	for i := range b.N {
		sum += s.Bits(uint64(i))
	}
	_ = sum
}

func BenchmarkNormal(b *testing.B) {
	s := New(1, "bench")
	sum := 0.0
	for i := range b.N {
		sum += s.Normal(uint64(i))
	}
	_ = sum
}
