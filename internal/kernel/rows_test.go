package kernel

import (
	"math"
	"slices"
	"testing"
)

var rowShapes = [][2]int{{0, 0}, {0, 3}, {3, 0}, {1, 1}, {1, 10}, {2, 3}, {5, 1}, {7, 17}, {32, 10}}

// matrix returns random rows that begin ld apart, with canaries between them.
func matrix[T Float](rows, cols, ld int, seed uint64) []T {
	x := slices.Repeat([]T{canary}, rows*ld+4)
	for r, v := range slices.Collect(slices.Chunk(numbers[T](rows*cols, seed), max(cols, 1))) {
		copy(x[r*ld:][:cols], v)
	}
	return x
}

// checkRows compares a matrix with what each element should be, and its canaries.
// scale is the size of what was added up for an element.
func checkRows[T Float](t *testing.T, what string, rows, cols, ld int, x []T, scale float64, want func(r, j int) float64) {
	t.Helper()
	for i, got := range x {
		r, j := 0, cols
		if ld > 0 {
			r, j = i/ld, i%ld
		}
		if r >= rows || j >= cols {
			if got != canary {
				t.Errorf("%s %dx%d: wrote outside at %d", what, rows, cols, i)
			}
		} else if w := want(r, j); !same(got, w, scale) {
			t.Errorf("%s %dx%d: [%d,%d] = %v, want %v", what, rows, cols, r, j, got, w)
		}
	}
}

func TestRowKernels(t *testing.T) { everySet(t, testRowKernels[float32], testRowKernels[float64]) }

func testRowKernels[T Float](t *testing.T, k *Table[T]) {
	for _, s := range rowShapes {
		rows, cols := s[0], s[1]
		for _, extra := range []int{0, 3} {
			ld := cols + extra
			y := matrix[T](rows, cols, ld, 1)
			was, bias := slices.Clone(y), numbers[T](cols+1, 2)
			k.AddBias(rows, cols, y, ld, bias)
			checkRows(t, "AddBias", rows, cols, ld, y, 1, func(r, j int) float64 { return float64(was[r*ld+j]) + float64(bias[j]) })

			for _, add := range []bool{false, true} {
				dst := matrix[T](1, cols, cols, 3)
				start := slices.Clone(dst)
				k.SumRows(rows, cols, dst, was, ld, add)
				checkRows(t, "SumRows", 1, cols, cols, dst, float64(rows+1), func(_, j int) float64 {
					sum := 0.0
					if add {
						sum = float64(start[j])
					}
					for r := range rows {
						sum += float64(was[r*ld+j])
					}
					return sum
				})
			}

			p := matrix[T](rows, cols, ld+1, 4)
			k.Softmax(rows, cols, p, ld+1, was, ld)
			checkRows(t, "Softmax", rows, cols, ld+1, p, 1, func(r, j int) float64 {
				sum := 0.0
				for i := range cols {
					sum += math.Exp(float64(was[r*ld+i]))
				}
				return math.Exp(float64(was[r*ld+j])) / sum
			})
			for _, add := range []bool{false, true} {
				dx, dy := matrix[T](rows, cols, ld+2, 5), matrix[T](rows, cols, ld, 6)
				start := slices.Clone(dx)
				k.SoftmaxBack(rows, cols, dx, ld+2, p, ld+1, dy, ld, add)
				checkRows(t, "SoftmaxBack", rows, cols, ld+2, dx, 1, func(r, j int) float64 {
					mean := 0.0
					for i := range cols {
						mean += float64(dy[r*ld+i]) * float64(p[r*(ld+1)+i])
					}
					d := float64(p[r*(ld+1)+j]) * (float64(dy[r*ld+j]) - mean)
					if add {
						d += float64(start[r*(ld+2)+j])
					}
					return d
				})
			}
			// In place.
			own := slices.Clone(was)
			k.Softmax(rows, cols, own, ld, own, ld)
			checkRows(t, "Softmax in place", rows, cols, ld, own, 1, func(r, j int) float64 { return float64(p[r*(ld+1)+j]) })
		}
	}
}

func TestRowKernelsRefuse(t *testing.T) {
	everySet(t, testRowKernelsRefuse[float32], testRowKernelsRefuse[float64])
}

func testRowKernelsRefuse[T Float](t *testing.T, k *Table[T]) {
	x, y := slices.Repeat([]T{canary}, 12), make([]T, 12)
	for name, call := range map[string]func(){
		"AddBias short y":     func() { k.AddBias(3, 4, x[:11], 4, y) },
		"AddBias short bias":  func() { k.AddBias(3, 4, x, 4, y[:3]) },
		"AddBias stride":      func() { k.AddBias(3, 4, x, 3, y) },
		"AddBias rows":        func() { k.AddBias(-1, 4, x, 4, y) },
		"AddBias columns":     func() { k.AddBias(3, -4, x, 4, y) },
		"SumRows short dst":   func() { k.SumRows(3, 4, x[:3], y, 4, false) },
		"SumRows short x":     func() { k.SumRows(3, 4, x, y[:11], 4, false) },
		"Softmax short dst":   func() { k.Softmax(3, 4, x[:11], 4, y, 4) },
		"Softmax short x":     func() { k.Softmax(3, 4, x, 4, y[:11], 4) },
		"SoftmaxBack short y": func() { k.SoftmaxBack(3, 4, x, 4, y[:11], 4, y, 4, false) },
		"SoftmaxBack short g": func() { k.SoftmaxBack(3, 4, x, 4, y, 4, y[:11], 4, false) },
		"SoftmaxBack short":   func() { k.SoftmaxBack(3, 4, x[:11], 4, y, 4, y, 4, false) },
		"CrossEntropy short":  func() { k.CrossEntropy(x[:4], y[:3], 0) },
		"CrossEntropy class":  func() { k.CrossEntropy(x[:4], y, 4) },
		"CrossEntropy under":  func() { k.CrossEntropy(x[:4], y, -1) },
		"SGD short":           func() { k.SGD(x[:4], y[:3], SGD{LR: 1}) },
		"Momentum short v":    func() { k.Momentum(x[:4], y[:3], y, Momentum{LR: 1}) },
		"Momentum short g":    func() { k.Momentum(x[:4], y, y[:3], Momentum{LR: 1}) },
		"Adam short m":        func() { k.Adam(x[:4], y[:3], y, y, Adam{LR: 1}) },
		"Adam short v":        func() { k.Adam(x[:4], y, y[:3], y, Adam{LR: 1}) },
		"Adam short g":        func() { k.Adam(x[:4], y, y, y[:3], Adam{LR: 1}) },
	} {
		if !panics(call) {
			t.Errorf("%s: no panic", name)
		}
		if slices.IndexFunc(x, func(v T) bool { return v != canary }) >= 0 {
			t.Fatalf("%s: wrote before it panicked", name)
		}
	}
}
