package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Products of the vector sets, to the bit: each sum runs over k from 0 upwards, and each product is rounded once with its addition.
func TestGemmIsFusedInOrder(t *testing.T) {
	for _, name := range Names() {
		if name == "portable" {
			continue // rounds twice
		}
		t.Run(name, func(t *testing.T) {
			tab, r := table[float32](t, name), rand.New(rand.NewPCG(8, 9))
			for _, f := range forms(tab) {
				for _, s := range largeShapes {
					lda, ldb := f.strides(s.m, s.n, s.k)
					lda, ldb = max(lda, s.lda), max(ldb, s.ldb)
					a, b := f.operands(s.m, s.n, s.k, lda, ldb)
					for _, add := range []bool{false, true} {
						c := numbers[float32](s.m*s.n, 5)
						start := append([]float32(nil), c...)
						f.gemm(s.m, s.n, s.k, a, lda, b, ldb, c, s.n, add)
						places := [][2]int{{0, 0}, {s.m - 1, 0}, {0, s.n - 1}, {s.m - 1, s.n - 1}}
						for range 40 {
							places = append(places, [2]int{r.IntN(s.m), r.IntN(s.n)})
						}
						for _, at := range places {
							i, j, want := at[0], at[1], float32(0)
							if add {
								want = start[i*s.n+j]
							}
							for p := range s.k {
								x, y := f.at(i, j, p, lda, ldb)
								want = fused(a[x], b[y], want)
							}
							if got := c[i*s.n+j]; got != want {
								t.Fatalf("%s %v add %v: C[%d,%d] = %v, want %v to the bit", f.name, s, add, i, j, got, want)
							}
						}
					}
				}
			}
		})
	}
}

// fused is x*y + z, rounded once. The product is exact in float64; the sum is rounded to odd there, so that rounding it again to float32 is
// as if it had been exact.
func fused(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	back := s - p
	lost := (p - (s - back)) + (c - back) // s + lost is exact
	if lost != 0 && math.Float64bits(s)&1 == 0 {
		if (lost > 0) == (s > 0) {
			s = math.Float64frombits(math.Float64bits(s) + 1)
		} else {
			s = math.Float64frombits(math.Float64bits(s) - 1)
		}
	}
	return float32(s)
}

func TestFused(t *testing.T) {
	one := math.Float32frombits
	for _, c := range []struct{ x, y, z, want float32 }{
		{3, 4, 5, 17}, {0, 5, -2, -2},
		// (1+e)² = 1 + 2e + e²: the last term decides between two halves, or is lost.
		{1 + 0x1p-23, 1 + 0x1p-23, 0, 1 + 0x1p-22},
		{1 + 0x1p-12, 1 + 0x1p-12, 0, 1 + 0x1p-11},
		{1 + 0x1p-12, 1 + 0x1p-12, 0x1p-60, one(0x3f801001)}, // 1 + 2^-11 + 2^-24 + a little
		{1 + 0x1p-12, 1 + 0x1p-12, -0x1p-60, 1 + 0x1p-11},
		{0x1p-75, 0x1p-75, 1, 1},
	} {
		if got := fused(c.x, c.y, c.z); got != c.want {
			t.Errorf("fused(%v, %v, %v) = %v, want %v", c.x, c.y, c.z, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 { // where float64 holds the sum exactly, there is nothing to it
		x, y, z := float32(r.IntN(1<<12)), float32(r.IntN(1<<12)), float32(r.IntN(1<<24))
		if got, want := fused(x, y, z), float32(float64(x)*float64(y)+float64(z)); got != want {
			t.Fatal(fmt.Sprint(x, y, z, got, want))
		}
	}
}
