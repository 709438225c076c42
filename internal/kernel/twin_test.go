package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The kernels of a set beside those of the portable set: the same bits where both
// do the same operations in the same order, else close.

// slots are the slices of a kernel.
type slots[T Float] [5][]T

// A twin is one kernel on some slices, of which it may write all.
type twin[T Float] struct {
	name  string
	run   func(k *Table[T], x *slots[T])
	exact bool // same bits in every set
}

// near is how far a result may be from the portable set's.
func (w twin[T]) near(v float64) float64 {
	name, _, _ := strings.Cut(w.name, " ")
	switch name {
	case "LayerNorm", "LayerNormBack", "LogSoftmaxBack", "LogSumExp": // sums that cancel
		if name == "LayerNormBack" { // over thousands of rows
			return 3000 * epsilon[T]() * (1 + math.Abs(v))
		}
		return 40 * epsilon[T]() * (1 + math.Abs(v))
	case "GELUBack", "GELUTanhBack", "SiLUBack", "SoftplusBack", "ELUBack": // derivatives that cross 0, times and plus any number; TestUlps measures them
		if math.Abs(v) > 1e6 {
			return 0.1 * math.Abs(v)
		}
		return 40*epsilon[T]() + 1e-3*math.Abs(v)
	case "Softmax", "CrossEntropy", "CrossEntropyRows": // results that are not normal numbers are 0
		return 4*epsilon[T]()*math.Abs(v) + 0x1p-126
	}
	return 4*epsilon[T]()*math.Abs(v) + 4*math.SmallestNonzeroFloat32
}

func twins[T Float]() []twin[T] {
	list := []twin[T]{
		{"SGD", func(k *Table[T], x *slots[T]) { k.SGD(x[0], x[1], SGD{LR: 0.1, Scale: 0.3}) }, true},
		{"SGD decay", func(k *Table[T], x *slots[T]) { k.SGD(x[0], x[1], SGD{LR: 0.1, Scale: 0.3, Decay: 0.01}) }, true},
		{"Within", func(k *Table[T], x *slots[T]) {
			x[1] = []T{0}
			if k.Within(x[0]) {
				x[1][0] = 1
			}
		}, true},
		{"SumSquares", func(k *Table[T], x *slots[T]) { x[1] = []T{T(k.SumSquares(x[0]))} }, true},
		{"Dot", func(k *Table[T], x *slots[T]) { x[1] = []T{T(k.Dot(x[0], x[1]))} }, true},
		{"Max", func(k *Table[T], x *slots[T]) { x[1] = []T{k.Max(x[0])} }, true},
		{"NonFinite", func(k *Table[T], x *slots[T]) { x[1] = []T{T(k.NonFinite(x[0]))} }, true},
		{"Softmax", func(k *Table[T], x *slots[T]) { k.Softmax(1, len(x[0]), x[0], 0, x[1], 0) }, false},
		{"SumRows", func(k *Table[T], x *slots[T]) { k.SumRows(3, len(x[0])/3, x[0], x[1], len(x[0])/3, false) }, true},
		{"SumRows add", func(k *Table[T], x *slots[T]) {
			if n := len(x[0]); n > 0 {
				k.SumRows(n, 1, x[0], x[1], 1, true)
			}
		}, true},
		{"AddBias", func(k *Table[T], x *slots[T]) { k.AddBias(3, len(x[0])/3, x[0], len(x[0])/3, x[1]) }, true},
	}
	for _, e := range elements[T]() {
		list = append(list, twin[T]{e.name, func(k *Table[T], x *slots[T]) { e.run(k, x[0], x[1], x[2]) }, e.exact()})
	}
	for _, add := range []bool{false, true} {
		on := map[bool]string{true: " add"}[add]
		list = append(list,
			twin[T]{"SoftmaxBack" + on, func(k *Table[T], x *slots[T]) { k.SoftmaxBack(1, len(x[0]), x[0], 0, x[1], 0, x[2], 0, add) }, true},
			twin[T]{"LogSoftmaxBack" + on, func(k *Table[T], x *slots[T]) { k.LogSoftmaxBack(1, len(x[0]), x[0], 0, x[1], 0, x[2], 0, add) }, false},
			twin[T]{"CrossEntropyBack" + on, func(k *Table[T], x *slots[T]) {
				rows, cols := split(len(x[0]))
				k.CrossEntropyBack(rows, cols, x[0], cols, x[1], cols, classes[T](rows, cols), x[2], add)
			}, true},
			twin[T]{"LayerNormBack" + on, func(k *Table[T], x *slots[T]) {
				rows, cols := split(len(x[0]))
				k.LayerNormBack(rows, cols, x[0], x[1][:cols], x[2][:cols], x[3], x[4], scales[T](cols), scales[T](rows), scales[T](rows), add)
			}, false})
	}
	list = append(list,
		twin[T]{"Sum", func(k *Table[T], x *slots[T]) { x[1] = []T{T(k.Sum(x[0]))} }, true},
		twin[T]{"LogSumExp", func(k *Table[T], x *slots[T]) { x[1] = []T{T(k.LogSumExp(x[0]))} }, false},
		twin[T]{"LogSoftmax", func(k *Table[T], x *slots[T]) {
			rows, cols := split(len(x[0]))
			k.LogSoftmax(rows, cols, x[0], cols, x[1], cols)
		}, false},
		twin[T]{"CrossEntropy", func(k *Table[T], x *slots[T]) {
			if n := len(x[0]); n > 0 {
				x[2] = []T{T(k.CrossEntropy(x[0], x[1], n/2))}
			}
		}, false},
		twin[T]{"CrossEntropyRows", func(k *Table[T], x *slots[T]) {
			rows, cols := split(len(x[0]))
			k.CrossEntropyRows(rows, cols, x[2], x[0], cols, x[1], cols, classes[T](rows, cols))
		}, false},
		twin[T]{"LayerNorm", func(k *Table[T], x *slots[T]) {
			rows, cols := split(len(x[0]))
			k.LayerNorm(rows, cols, x[0], x[1], scales[T](cols), x[2], x[3], x[4], 1e-3)
		}, false},
	)
	for bits := range 8 {
		inside, decay := bits&2 != 0, 0.01*float64(bits&1)
		positive := func(x []T) []T {
			for i, v := range x {
				x[i] = T(math.Abs(float64(v)))
			}
			return x
		}
		list = append(list,
			twin[T]{fmt.Sprint("AdaGrad ", bits), func(k *Table[T], x *slots[T]) {
				k.AdaGrad(x[0], positive(x[1]), x[2], AdaGrad{LR: 0.1, Scale: 0.5, Decay: decay, Eps: 1e-3, EpsInside: inside})
			}, true},
			twin[T]{fmt.Sprint("Adadelta ", bits), func(k *Table[T], x *slots[T]) {
				k.Adadelta(x[0], positive(x[1]), positive(x[2]), x[3], Adadelta{LR: 0.1, Scale: 0.5, Decay: decay, Rho: 0.9, Eps: 1e-3})
			}, true},
			twin[T]{fmt.Sprint("AMSGrad ", bits), func(k *Table[T], x *slots[T]) {
				k.AMSGrad(x[0], x[1], positive(x[2]), x[3], x[4],
					AMSGrad{LR: 0.1, Scale: 0.5, Decay: decay, Beta1: 0.9, Beta2: 0.99, Correction1: 0.2, Correction2: 0.1, Eps: 1e-3})
			}, true},
			twin[T]{fmt.Sprint("RMSProp ", bits), func(k *Table[T], x *slots[T]) {
				h := RMSProp{Into: 0.1, Out: 1, Scale: 0.5, Decay: decay, Rho: 0.9, Mu: 0.9, Eps: 1e-3, EpsInside: inside}
				mean, velocity := x[2], x[3]
				if bits&4 != 0 {
					mean = nil
					h.Into, h.Out = 1, 0.1
				}
				if inside != (bits&4 != 0) {
					velocity = nil
				}
				k.RMSProp(x[0], positive(x[1]), mean, velocity, x[4], h)
			}, true})
	}
	for bits := range 16 {
		h := Momentum{LR: 0.1, Scale: 0.5, Decay: 0.01 * float64(bits&1), Mu: 0.9, Dampening: 0.2 * float64(bits>>3), Nesterov: bits&2 != 0, Folded: bits&4 != 0}
		list = append(list, twin[T]{fmt.Sprint("Momentum ", bits), func(k *Table[T], x *slots[T]) { k.Momentum(x[0], x[1], x[2], h) }, true})
	}
	for bits := range 16 {
		h := Adam{LR: 0.01, Scale: 0.5, Beta1: 0.9, Beta2: 0.99, Correction1: 0.2, Correction2: 0.1, Eps: 1e-3, EpsInside: bits&2 != 0, Decay: 0.01 * float64(bits&1), Decoupled: 0.03}
		if bits&4 != 0 {
			h.Beta1 = 0.3
		}
		if bits&8 != 0 {
			h.Beta2 = 0.4
		}
		list = append(list, twin[T]{fmt.Sprint("Adam ", bits), func(k *Table[T], x *slots[T]) {
			for i, v := range x[2] {
				x[2][i] = T(math.Abs(float64(v)))
			}
			k.Adam(x[0], x[1], x[2], x[3], h)
		}, true})
	}
	return list
}

// split makes rows and columns of n numbers, the last few of which are left out.
func split(n int) (rows, cols int) {
	cols = []int{1, 2, 7, 10, 16, 17, 33, 64, 100, 1000}[n%10]
	return n / cols, min(cols, n)
}

// classes are a class for each row.
func classes[T Float](rows, cols int) []T {
	c := make([]T, rows)
	for i := range c {
		c[i] = T(i * 5 % max(cols, 1))
	}
	return c
}

// scales are numbers around 1.
func scales[T Float](n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = 1 + T(i%7)/8
	}
	return x
}

// TestEveryFieldHasATwin fails for a kernel that is not compared with the portable set's, whose tests are elsewhere in the package if it is on
// the list.
func TestEveryFieldHasATwin(t *testing.T) {
	elsewhere := []string{"Name", "GemmNN", "GemmNT", "GemmTN", "Multiply", "Updates", "PackA", "Delta", "Bytes", "Divide", "Standardize", "Prefetch"}
	compared := map[string]bool{}
	for _, w := range twins[float32]() {
		name, _, _ := strings.Cut(w.name, " ")
		compared[name] = true
	}
	for i := range reflect.TypeFor[Table[float32]]().NumField() {
		if name := reflect.TypeFor[Table[float32]]().Field(i).Name; !compared[name] && !slices.Contains(elsewhere, name) {
			t.Errorf("%s is not compared with its portable twin", name)
		}
	}
}

// odd returns n numbers of all kinds that begin at some place of a longer slice.
func odd[T Float](r *rand.Rand, n int, wild bool) []T {
	x := make([]T, n+8)[r.IntN(8):][:n]
	for i := range x {
		x[i] = T(r.NormFloat64())
		if wild {
			switch r.IntN(12) {
			case 0:
				x[i] = T(math.NaN())
			case 1:
				x[i] = T(math.Inf(1 - 2*r.IntN(2)))
			case 2:
				x[i] = T(math.Copysign(0, r.Float64()-0.5))
			case 3:
				x[i] *= 1e-42 // denormal in float32
			case 4:
				x[i] *= 1e37
			}
		}
	}
	return x
}

func TestTwins(t *testing.T) { everySet(t, testTwins[float32], func(*testing.T, *Table[float64]) {}) }

func testTwins[T Float](t *testing.T, k *Table[T]) {
	if k.Name == "portable" {
		return
	}
	p, r := table[T](t, "portable"), rand.New(rand.NewPCG(5, 6))
	lengths := []int{piece - 1, piece, piece + 1, 2*piece + 19}
	for n := range 70 {
		lengths = append(lengths, n)
	}
	for range 20 {
		lengths = append(lengths, 70+r.IntN(3000))
	}
	for _, w := range twins[T]() {
		for _, n := range lengths {
			w.compare(t, k, p, r, n, false)
			w.compare(t, k, p, r, n, true)
		}
	}
}

// compare runs a kernel of k and of the portable set p on n numbers.
func (w twin[T]) compare(t *testing.T, k, p *Table[T], r *rand.Rand, n int, wild bool) {
	t.Helper()
	var got, want slots[T]
	for i := range got {
		got[i] = odd[T](r, n, wild)
		want[i] = slices.Clone(got[i])
	}
	w.run(k, &got)
	w.run(p, &want)
	if wild && strings.HasPrefix(w.name, "LayerNorm") { // huge numbers cancel to any degree, and overflow in float32 alone
		return
	}
	for i := range got {
		for j, v := range want[i] {
			g := got[i][j]
			if g == v || g != g && v != v {
				continue
			}
			if w.exact || !(math.Abs(float64(g)-float64(v)) <= w.near(float64(v))) {
				t.Fatalf("%s of %d, slice %d: element %d is %v, the portable set has %v", w.name, n, i, j, g, v)
			}
		}
	}
}

// FuzzTwins compares all kernels of all sets at any size.
func FuzzTwins(f *testing.F) {
	for _, n := range []uint16{0, 1, 17, 4096, piece + 1} {
		f.Add(n, uint64(n), false)
	}
	f.Fuzz(func(t *testing.T, n uint16, seed uint64, wild bool) {
		p := table[float32](t, "portable")
		for _, name := range Names() {
			for _, w := range twins[float32]() {
				w.compare(t, table[float32](t, name), p, rand.New(rand.NewPCG(seed, 1)), int(n), wild)
			}
		}
	})
}

// The bits of an element don't depend on its place.
func TestPlaceDoesNotMatter(t *testing.T) {
	everySet(t, testPlaceDoesNotMatter[float32], testPlaceDoesNotMatter[float64])
}

func testPlaceDoesNotMatter[T Float](t *testing.T, k *Table[T]) {
	// A number that the quick form of a function is not made for sends those beside it the long way.
	rare := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1e-42, -1e-42, 5.9, -5.6, -6.5, 13, -13, 50, -50, 90, -90, 104, -104, 1e30, -1e30}
	r := rand.New(rand.NewPCG(1, 2))
	mixed := numbers[T](777, 2)
	for i := range mixed {
		mixed[i] *= 2
		if r.IntN(40) == 0 {
			mixed[i] = T(rare[r.IntN(len(rare))])
		}
	}
	for _, x := range [][]T{numbers[T](77, 1), mixed} {
		for _, f := range curves[T]() {
			whole := make([]T, len(x))
			f.run(k, whole, x)
			for i := range x {
				one := []T{0}
				f.run(k, one, x[i:])
				if a, b := one[0], whole[i]; math.Float64bits(float64(a)) != math.Float64bits(float64(b)) && (a == a || b == b) {
					t.Errorf("%s of %v is %v alone, %v among others", f.name, x[i], a, b)
				}
			}
		}
	}
}

// A step must not allocate.
func TestNothingIsAllocated(t *testing.T) {
	everySet(t, testNothingIsAllocated[float32], testNothingIsAllocated[float64])
}

func testNothingIsAllocated[T Float](t *testing.T, k *Table[T]) {
	x, y, z, u := numbers[T](100, 1), numbers[T](100, 2), numbers[T](100, 3), numbers[T](100, 4)
	first, second, classes := numbers[T](100, 5), numbers[T](100, 6), make([]T, 10)
	if n := testing.AllocsPerRun(5, func() {
		k.Add(x, y, z)
		k.Axpy(x, 2, y)
		k.AddBias(2, 50, x, 50, y)
		k.SumRows(2, 50, x, y, 50, true)
		k.ReluBack(x, y, z, true)
		k.Tanh(x, y)
		k.Softmax(2, 50, x, 50, y, 50)
		k.CrossEntropy(x, y, 3)
		k.CrossEntropyRows(10, 10, u, x, 10, y, 10, classes)
		k.CrossEntropyBack(10, 10, x, 10, y, 10, classes, z, true)
		k.LogSoftmax(2, 50, x, 50, y, 50)
		k.LogSoftmaxBack(2, 50, x, 50, y, 50, z, 50, true)
		k.SoftmaxBack(2, 50, x, 50, y, 50, z, 50, true)
		k.LogSumExp(x)
		k.LayerNorm(2, 50, x, y, z, u, first, second, 1)
		k.LayerNormBack(2, 50, x, z, u, y, y, y, first, second, true)
		k.GELU(x, y)
		k.GELUBack(x, y, z, true)
		k.ELU(x, y, ELU{Width: 1})
		k.ELUBack(x, y, z, true, ELU{Width: 1})
		k.Sum(x)
		k.Dot(x, y)
		k.NonFinite(x)
		k.Within(x)
		k.Max(x)
		k.SGD(x, y, SGD{})
		k.Momentum(x, y, z, Momentum{})
		k.Adam(x, y, z, u, Adam{})
		k.RMSProp(x, y, nil, z, u, RMSProp{})
		k.AdaGrad(x, y, z, AdaGrad{})
		k.Adadelta(x, y, z, u, Adadelta{})
		k.AMSGrad(x, y, z, u, first, AMSGrad{})
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
