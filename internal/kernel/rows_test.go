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
		"AddBias short y":          func() { k.AddBias(3, 4, x[:11], 4, y) },
		"AddBias short bias":       func() { k.AddBias(3, 4, x, 4, y[:3]) },
		"AddBias stride":           func() { k.AddBias(3, 4, x, 3, y) },
		"AddBias rows":             func() { k.AddBias(-1, 4, x, 4, y) },
		"AddBias columns":          func() { k.AddBias(3, -4, x, 4, y) },
		"SumRows short dst":        func() { k.SumRows(3, 4, x[:3], y, 4, false) },
		"SumRows short x":          func() { k.SumRows(3, 4, x, y[:11], 4, false) },
		"Softmax short dst":        func() { k.Softmax(3, 4, x[:11], 4, y, 4) },
		"Softmax short x":          func() { k.Softmax(3, 4, x, 4, y[:11], 4) },
		"SoftmaxBack short y":      func() { k.SoftmaxBack(3, 4, x, 4, y[:11], 4, y, 4, false) },
		"SoftmaxBack short g":      func() { k.SoftmaxBack(3, 4, x, 4, y, 4, y[:11], 4, false) },
		"SoftmaxBack short":        func() { k.SoftmaxBack(3, 4, x[:11], 4, y, 4, y, 4, false) },
		"CrossEntropy short":       func() { k.CrossEntropy(x[:4], y[:3], 0) },
		"CrossEntropy class":       func() { k.CrossEntropy(x[:4], y, 4) },
		"CrossEntropy under":       func() { k.CrossEntropy(x[:4], y, -1) },
		"CrossEntropyRows short":   func() { k.CrossEntropyRows(3, 4, y, x[:11], 4, y, 4, y) },
		"CrossEntropyRows loss":    func() { k.CrossEntropyRows(3, 4, x[:2], x, 4, y, 4, y) },
		"CrossEntropyRows classes": func() { k.CrossEntropyRows(3, 4, y, x, 4, y, 4, y[:2]) },
		"CrossEntropyBack short":   func() { k.CrossEntropyBack(3, 4, x[:11], 4, y, 4, y, y, false) },
		"CrossEntropyBack d":       func() { k.CrossEntropyBack(3, 4, x, 4, y, 4, y, y[:2], false) },
		"LogSoftmax short":         func() { k.LogSoftmax(3, 4, x, 4, y[:11], 4) },
		"LogSoftmaxBack short":     func() { k.LogSoftmaxBack(3, 4, x, 4, y, 4, y[:11], 4, false) },
		"LayerNorm short x":        func() { k.LayerNorm(3, 4, x, y[:11], y, y, y, y, 1) },
		"LayerNorm short y":        func() { k.LayerNorm(3, 4, x[:11], y, y, y, y, y, 1) },
		"LayerNorm short scale":    func() { k.LayerNorm(3, 4, x, y, y[:3], y, y, y, 1) },
		"LayerNorm short shift":    func() { k.LayerNorm(3, 4, x, y, y, y[:3], y, y, 1) },
		"LayerNorm short mean":     func() { k.LayerNorm(3, 4, x, y, y, y, x[:2], y, 1) },
		"LayerNorm short inverse":  func() { k.LayerNorm(3, 4, x, y, y, y, y, x[:2], 1) },
		"LayerNormBack short dx":   func() { k.LayerNormBack(3, 4, x[:11], nil, nil, y, y, y, y, y, false) },
		"LayerNormBack short sum":  func() { k.LayerNormBack(3, 4, x, x[:3], nil, y, y, y, y, y, false) },
		"LayerNormBack short dy":   func() { k.LayerNormBack(3, 4, x, x, x, y, y[:11], y, y, y, false) },
		"RMSProp short":            func() { k.RMSProp(x[:4], y[:3], nil, nil, y, RMSProp{Out: 1}) },
		"RMSProp short mean":       func() { k.RMSProp(x[:4], y, y[:3], nil, y, RMSProp{Out: 1}) },
		"RMSProp short velocity":   func() { k.RMSProp(x[:4], y, nil, y[:3], y, RMSProp{Out: 1}) },
		"AdaGrad short":            func() { k.AdaGrad(x[:4], y, y[:3], AdaGrad{LR: 1}) },
		"Adadelta short":           func() { k.Adadelta(x[:4], y, y[:3], y, Adadelta{LR: 1}) },
		"AMSGrad short":            func() { k.AMSGrad(x[:4], y, y, y[:3], y, AMSGrad{LR: 1}) },
		"SGD short":                func() { k.SGD(x[:4], y[:3], SGD{LR: 1}) },
		"Momentum short v":         func() { k.Momentum(x[:4], y[:3], y, Momentum{LR: 1}) },
		"Momentum short g":         func() { k.Momentum(x[:4], y, y[:3], Momentum{LR: 1}) },
		"Adam short m":             func() { k.Adam(x[:4], y[:3], y, y, Adam{LR: 1}) },
		"Adam short v":             func() { k.Adam(x[:4], y, y[:3], y, Adam{LR: 1}) },
		"Adam short g":             func() { k.Adam(x[:4], y, y, y[:3], Adam{LR: 1}) },
	} {
		if !panics(call) {
			t.Errorf("%s: no panic", name)
		}
		if slices.IndexFunc(x, func(v T) bool { return v != canary }) >= 0 {
			t.Fatalf("%s: wrote before it panicked", name)
		}
	}
}

// LayerNorm against its formula in float64, in one call and row by row, also where the mean is large against the deviation.
func TestLayerNorm(t *testing.T) { everySet(t, testLayerNorm[float32], testLayerNorm[float64]) }

func testLayerNorm[T Float](t *testing.T, k *Table[T]) {
	const epsilonOf = 1e-5
	for _, s := range [][2]int{{1, 1}, {3, 2}, {2, 7}, {5, 16}, {4, 33}, {7, 100}, {30, 513}} {
		for _, offset := range []float64{0, 100} {
			rows, cols := s[0], s[1]
			n := float64(cols)
			x, dy := numbers[T](rows*cols, 1), numbers[T](rows*cols, 2)
			for i := range x {
				x[i] += T(offset)
			}
			scale, shift := scales[T](cols), numbers[T](cols, 3)
			y, mean, inverse := make([]T, rows*cols), make([]T, rows), make([]T, rows)
			k.LayerNorm(rows, cols, y, x, scale, shift, mean, inverse, epsilonOf)
			dx, dscale, dshift := numbers[T](rows*cols, 4), make([]T, cols), make([]T, cols)
			was := slices.Clone(dx)
			k.LayerNormBack(rows, cols, dx, dscale, dshift, x, dy, scale, mean, inverse, true)
			wantScale, wantShift := make([]float64, cols), make([]float64, cols)
			near := func(what string, r, j int, got T, want, size float64) {
				if d := math.Abs(float64(got) - want); !(d <= 20*epsilon[T]()*(1+size)) {
					t.Errorf("%dx%d: %s [%d,%d] is %v, want %v", rows, cols, what, r, j, got, want)
				}
			}
			for r := range rows {
				m, v, sum, product := 0.0, 0.0, 0.0, 0.0
				for j := range cols {
					m += float64(x[r*cols+j]) / n
				}
				for j := range cols {
					d := float64(x[r*cols+j]) - m
					v += d * d / n
				}
				by := 1 / math.Sqrt(v+epsilonOf)
				for j := range cols {
					z, d := (float64(x[r*cols+j])-m)*by, float64(dy[r*cols+j])
					size := 4.0
					if epsilon[T]() < 1e-10 {
						size += offset * by // what the reference itself is off
					}
					near("y", r, j, y[r*cols+j], float64(scale[j])*z+float64(shift[j]), size)
					sum += float64(scale[j]) * d / n
					product += float64(scale[j]) * d * z / n
					wantScale[j] += d * z
					wantShift[j] += d
				}
				for j := range cols {
					z, g := (float64(x[r*cols+j])-m)*by, float64(scale[j])*float64(dy[r*cols+j])
					// The mean is saved as T, which an offset makes coarse.
					near("dx", r, j, dx[r*cols+j], float64(was[r*cols+j])+(g-sum-z*product)*by, by*(8+offset*by*8))
				}
			}
			for j := range cols {
				near("dscale", 0, j, dscale[j], wantScale[j], float64(rows)*(4+offset*300))
				near("dshift", 0, j, dshift[j], wantShift[j], float64(rows)*4)
			}
			// A row alone, in place, and the gradients one by one.
			own, parts := slices.Clone(x), make([]T, cols)
			for r := range rows {
				k.LayerNorm(1, cols, own[r*cols:], own[r*cols:], scale, shift, mean[r:], inverse[r:], epsilonOf)
				k.LayerNormBack(1, cols, nil, parts, nil, x[r*cols:], dy[r*cols:], scale, mean[r:], inverse[r:], false)
			}
			sameBits(t, "in place", own, y)
			sameBits(t, "dscale in parts", parts, dscale)
		}
	}
}
