package kernel

import (
	"math"
	"testing"
)

// tree is the sum that the comment of Table.Sum describes.
func tree(x []float64) float64 {
	if len(x) > 512 {
		cut := 512
		for cut*2 < len(x) {
			cut += 512
		}
		return tree(x[:cut]) + tree(x[cut:])
	}
	var s [4]float64
	for i, v := range x {
		if i < len(x)/4*4 {
			s[i%4] += v
		} else {
			s[0] += v
		}
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func TestSums(t *testing.T) { everySet(t, testSums[float32], testSums[float64]) }

func testSums[T Float](t *testing.T, k *Table[T]) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 511, 512, 513, 1023, 1024, 1025, 1537, 3000, 4096, 8192, 10000, 16384} {
		a, b := numbers[T](n, 1), numbers[T](n+2, 2)
		x, y, z := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			x[i] = float64(a[i])
			y[i] = float64(a[i]) * float64(b[i])
			z[i] = float64(a[i]) * float64(a[i])
		}
		for _, c := range []struct {
			name      string
			got, want float64
		}{{"Sum", k.Sum(a), tree(x)}, {"Dot", k.Dot(a, b), tree(y)}, {"SumSquares", k.SumSquares(a), tree(z)}} {
			if c.got != c.want {
				t.Errorf("%s of %d: %v, want %v", c.name, n, c.got, c.want)
			}
		}
	}
	if !panics(func() { k.Dot(make([]T, 4), make([]T, 4)[:3]) }) {
		t.Error("Dot of a short slice: no panic")
	}
	inf := T(math.Inf(1))
	if got := k.Sum([]T{1, inf, 2, -inf}); got == got {
		t.Errorf("Inf - Inf = %v, want NaN", got)
	}
}

func TestMaxAndNonFinite(t *testing.T) {
	everySet(t, testMaxAndNonFinite[float32], testMaxAndNonFinite[float64])
}

func testMaxAndNonFinite[T Float](t *testing.T, k *Table[T]) {
	inf, nan := T(math.Inf(1)), T(math.NaN())
	for _, c := range []struct {
		name string
		x    []T
		max  T
		bad  int
	}{
		{"nothing", nil, -inf, -1},
		{"one", []T{-3}, -3, -1},
		{"last", []T{1, 2, 3, 4, 5, 6, 7, 8, 9}, 9, -1},
		{"first", []T{9, 2, 3}, 9, -1},
		{"infinite", []T{1, 2, inf, 3}, inf, 2},
		{"minus infinity", []T{-inf, -2}, -2, 0},
		{"NaN first", []T{nan, 2, 3}, nan, 0},
		{"NaN last", []T{1, 2, 3, 4, 5, 6, 7, 8, nan}, nan, 8},
		{"NaN and infinity", []T{1, inf, nan}, nan, 1},
	} {
		sameBits(t, c.name+": Max", []T{k.Max(c.x)}, []T{c.max})
		if got := k.NonFinite(c.x); got != c.bad {
			t.Errorf("%s: NonFinite %d, want %d", c.name, got, c.bad)
		}
	}
}
