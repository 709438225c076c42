package kernel

import (
	"math"
	"slices"
	"testing"
)

func TestCrossEntropy(t *testing.T) {
	everySet(t, testCrossEntropy[float32], testCrossEntropy[float64])
}

func testCrossEntropy[T Float](t *testing.T, k *Table[T]) {
	inf := T(math.Inf(1))
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		x     []T
		class int
		want  float64
		lse   float64
	}{
		{"one class", []T{3}, 0, 0, 3},
		{"even", []T{0, 0, 0, 0}, 2, math.Log(4), math.Log(4)},
		{"large", []T{1000, 0}, 0, 0, 1000},
		{"large and wrong", []T{1000, 0}, 1, 1000, 1000},
		{"very negative", []T{-1000, -1001}, 0, math.Log1p(math.Exp(-1)), -1000 + math.Log1p(math.Exp(-1))},
		{"impossible", []T{0, -inf}, 1, math.Inf(1), 0},
		{"impossible other", []T{0, -inf}, 0, 0, 0},
		{"all impossible", []T{-inf, -inf}, 0, nan, math.Inf(-1)},
		{"infinite", []T{inf, 0}, 1, nan, math.Inf(1)},
		{"not a number", []T{T(nan), 0}, 1, nan, nan},
	} {
		p := make([]T, len(c.x))
		got := k.CrossEntropy(p, c.x, c.class)
		if near := math.Abs(got-c.want) <= 2*epsilon[T]()*math.Abs(c.want); !same(got, c.want, 1e-9) && (k.Name == "portable" || !near) {
			t.Errorf("%s: loss %v, want %v", c.name, got, c.want)
		}
		if got := k.LogSumExp(c.x); !same(got, c.lse, 1e-9) && !(k.Name != "portable" && math.Abs(got-c.lse) <= epsilon[T]()) {
			t.Errorf("%s: LogSumExp %v, want %v", c.name, got, c.lse)
		}
		soft := make([]T, len(c.x))
		k.Softmax(1, len(c.x), soft, len(c.x), c.x, len(c.x))
		sameBits(t, c.name+": probabilities", p, soft)
		sum := 0.0
		for _, v := range p {
			sum += float64(v)
		}
		if c.want == c.want && math.Abs(sum-1) > 1e-6 {
			t.Errorf("%s: probabilities sum to %v", c.name, sum)
		}
	}
	if got := k.LogSumExp(nil); !math.IsInf(got, -1) {
		t.Errorf("LogSumExp of nothing is %v, want -Inf", got)
	}
	// Whatever the logits, the loss is not negative, and p may be x.
	for seed := range uint64(200) {
		x := numbers[T](7, seed)
		p := make([]T, 7)
		loss := k.CrossEntropy(p, x, int(seed%7))
		if loss < 0 {
			t.Errorf("loss %v", loss)
		}
		if again := k.CrossEntropy(x, x, int(seed%7)); again != loss {
			t.Errorf("in place: loss %v, want %v", again, loss)
		}
		sameBits(t, "in place", x, p)
	}
}

// Rows of cross-entropy are those of one row, in any cut, and its gradient is p less the class.
func TestCrossEntropyRows(t *testing.T) {
	everySet(t, testCrossEntropyRows[float32], testCrossEntropyRows[float64])
}

func testCrossEntropyRows[T Float](t *testing.T, k *Table[T]) {
	for _, cols := range []int{1, 2, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 100, 1000} {
		for _, rows := range []int{1, 2, 3, 4, 5, 9, 30} {
			x, ld := numbers[T](rows*(cols+3), uint64(cols)), cols+3
			for i := range x {
				x[i] *= 4
			}
			p, loss, class := make([]T, rows*ld), make([]T, rows), make([]T, rows)
			for r := range class {
				class[r] = T((r * 7) % cols)
			}
			k.CrossEntropyRows(rows, cols, loss, p, ld, x, ld, class)
			for r := range rows {
				soft := make([]T, cols)
				want := k.CrossEntropy(soft, x[r*ld:][:cols], int(class[r]))
				if d := math.Abs(float64(loss[r]) - want); !(d <= 3*epsilon[T]()*want) {
					t.Errorf("%dx%d: loss %d is %v, want %v", rows, cols, r, loss[r], want)
				}
				sameBits(t, "probabilities", p[r*ld:][:cols], soft)
				one, lone := make([]T, 1), make([]T, cols)
				k.CrossEntropyRows(1, cols, one, lone, cols, x[r*ld:], cols, class[r:])
				sameBits(t, "one row's loss", one, loss[r:r+1])
				sameBits(t, "one row", lone, soft)
				logs := make([]T, cols)
				k.LogSoftmax(1, cols, logs, cols, x[r*ld:], cols)
				lse := k.LogSumExp(x[r*ld:][:cols])
				for j, got := range logs {
					if want := float64(x[r*ld+j]) - lse; !(math.Abs(float64(got)-want) <= 4*epsilon[T]()*(1+math.Abs(want))) {
						t.Errorf("%dx%d: LogSoftmax [%d,%d] is %v, want %v", rows, cols, r, j, got, want)
					}
				}
			}
			own, again := slices.Clone(x), make([]T, rows)
			k.CrossEntropyRows(rows, cols, again, own, ld, own, ld, class)
			sameBits(t, "in place", again, loss)
			whole, one := make([]T, rows*ld), make([]T, rows*ld)
			k.LogSoftmax(rows, cols, whole, ld, x, ld)
			for r := range rows {
				k.LogSoftmax(1, cols, one[r*ld:], ld, x[r*ld:], ld)
			}
			sameBits(t, "LogSoftmax in parts", one, whole)

			d := numbers[T](rows, 5)
			for _, add := range []bool{false, true} {
				dx := numbers[T](rows*ld, 6)
				want := slices.Clone(dx)
				k.CrossEntropyBack(rows, cols, dx, ld, p, ld, class, d, add)
				for r := range rows {
					for j := range cols {
						v := p[r*ld+j]
						if j == int(class[r]) {
							v--
						}
						if add {
							want[r*ld+j] += T(v * d[r])
						} else {
							want[r*ld+j] = v * d[r]
						}
					}
				}
				sameBits(t, "gradient", dx, want)
			}
		}
	}
	loss, p := []T{canary, canary}, []T{canary, canary, canary, canary}
	for _, class := range [][]T{{0, 2}, {-1, 0}, {0, T(math.NaN())}, {0}} {
		if !panics(func() { k.CrossEntropyRows(2, 2, loss, p, 2, make([]T, 4), 2, class) }) {
			t.Errorf("classes %v of 2: no panic", class)
		}
	}
	for _, v := range append(loss, p...) {
		if v != canary {
			t.Error("wrote before it panicked")
		}
	}
}
