package kernel

import (
	"math"
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
		if got := k.LogSumExp(c.x); !same(got, c.lse, 1e-9) {
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
