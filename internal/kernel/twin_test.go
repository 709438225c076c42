package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The kernels of a set beside those of the portable set: the same bits where both
// do the same operations in the same order, else close.

// A twin is one kernel on four slices, of which it may write all.
type twin[T Float] struct {
	name  string
	run   func(k *Table[T], x *[4][]T)
	exact bool // same bits in every set
}

func twins[T Float]() []twin[T] {
	list := []twin[T]{
		{"SGD", func(k *Table[T], x *[4][]T) { k.SGD(x[0], x[1], SGD{LR: 0.1, Scale: 0.3}) }, true},
		{"SGD decay", func(k *Table[T], x *[4][]T) { k.SGD(x[0], x[1], SGD{LR: 0.1, Scale: 0.3, Decay: 0.01}) }, true},
		{"SumSquares", func(k *Table[T], x *[4][]T) { x[1] = []T{T(k.SumSquares(x[0]))} }, true},
		{"Dot", func(k *Table[T], x *[4][]T) { x[1] = []T{T(k.Dot(x[0], x[1]))} }, true},
		{"Max", func(k *Table[T], x *[4][]T) { x[1] = []T{k.Max(x[0])} }, true},
		{"NonFinite", func(k *Table[T], x *[4][]T) { x[1] = []T{T(k.NonFinite(x[0]))} }, true},
		{"Softmax", func(k *Table[T], x *[4][]T) { k.Softmax(1, len(x[0]), x[0], 0, x[1], 0) }, false},
		{"SumRows", func(k *Table[T], x *[4][]T) { k.SumRows(3, len(x[0])/3, x[0], x[1], len(x[0])/3, false) }, true},
		{"SumRows add", func(k *Table[T], x *[4][]T) {
			if n := len(x[0]); n > 0 {
				k.SumRows(n, 1, x[0], x[1], 1, true)
			}
		}, true},
		{"AddBias", func(k *Table[T], x *[4][]T) { k.AddBias(3, len(x[0])/3, x[0], len(x[0])/3, x[1]) }, true},
	}
	for _, e := range elements[T]() {
		close := e.name == "Exp" || e.name == "Sigmoid" || e.name == "Tanh"
		list = append(list, twin[T]{e.name, func(k *Table[T], x *[4][]T) { e.run(k, x[0], x[1], x[2]) }, !close})
	}
	for bits := range 8 {
		h := Momentum{LR: 0.1, Scale: 0.5, Decay: 0.01 * float64(bits&1), Mu: 0.9, Dampening: 0.2, Nesterov: bits&2 != 0, Folded: bits&4 != 0}
		list = append(list, twin[T]{fmt.Sprint("Momentum ", bits), func(k *Table[T], x *[4][]T) { k.Momentum(x[0], x[1], x[2], h) }, true})
	}
	for bits := range 8 {
		h := Adam{LR: 0.01, Scale: 0.5, Beta1: 0.9, Beta2: 0.99, Correction1: 0.2, Correction2: 0.1, Eps: 1e-3, EpsInside: bits&2 != 0, Decay: 0.01 * float64(bits&1), Decoupled: 0.03}
		if bits&4 != 0 {
			h.Beta1 = 0.3
		}
		list = append(list, twin[T]{fmt.Sprint("Adam ", bits), func(k *Table[T], x *[4][]T) {
			for i, v := range x[2] {
				x[2][i] = T(math.Abs(float64(v)))
			}
			k.Adam(x[0], x[1], x[2], x[3], h)
		}, true})
	}
	return list
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
		lengths = append(lengths, n, 70+r.IntN(3000))
	}
	for _, w := range twins[T]() {
		for _, n := range lengths {
			for _, wild := range []bool{false, true} {
				var got, want [4][]T
				for i := range got {
					got[i] = odd[T](r, n, wild)
					want[i] = slices.Clone(got[i])
				}
				w.run(k, &got)
				w.run(p, &want)
				for i := range got {
					for j, v := range want[i] {
						g := got[i][j]
						if g == v || g != g && v != v {
							continue
						}
						if w.exact || !(math.Abs(float64(g)-float64(v)) <= 4*epsilon[T]()*math.Abs(float64(v))+4*math.SmallestNonzeroFloat32) {
							t.Fatalf("%s of %d, slice %d: element %d is %v, the portable set has %v", w.name, n, i, j, g, v)
						}
					}
				}
			}
		}
	}
}

// The bits of an element don't depend on its place.
func TestPlaceDoesNotMatter(t *testing.T) {
	everySet(t, testPlaceDoesNotMatter[float32], testPlaceDoesNotMatter[float64])
}

func testPlaceDoesNotMatter[T Float](t *testing.T, k *Table[T]) {
	x := numbers[T](77, 1)
	for name, f := range map[string]func(dst, x []T){"Exp": k.Exp, "Tanh": k.Tanh, "Sigmoid": k.Sigmoid} {
		whole := make([]T, len(x))
		f(whole, x)
		for i := range x {
			one := []T{0}
			f(one, x[i:])
			sameBits(t, name, one, whole[i:i+1])
		}
	}
}

// Exp, Tanh and Sigmoid in float32 against float64, over all magnitudes.
func TestUlps(t *testing.T) {
	for _, name := range Names() {
		k := table[float32](t, name)
		for _, f := range []struct {
			name  string
			run   func(dst, x []float32)
			exact func(float64) float64
		}{
			{"Exp", k.Exp, math.Exp},
			{"Tanh", k.Tanh, math.Tanh},
			{"Sigmoid", k.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		} {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				worst, at := 0.0, float32(0)
				step := uint32(997)
				if name == "portable" {
					step *= 160
				}
				x, y := make([]float32, 4096), make([]float32, 4096)
				for b := uint64(0); b < 1<<32; {
					for i := range x {
						x[i] = math.Float32frombits(uint32(b))
						b += uint64(step)
					}
					f.run(y, x)
					for i, v := range x {
						want := f.exact(float64(v))
						if w := float32(want); w == y[i] || w != w && y[i] != y[i] {
							continue
						}
						size := max(math.Abs(want), 0x1p-126)
						unit := math.Ldexp(1, math.Ilogb(size)-23)
						if u := math.Abs(float64(y[i])-want) / unit; !(u <= worst) {
							worst, at = u, v
						}
					}
				}
				t.Logf("worst %.3f ulp at %v", worst, at)
				if !(worst < 2) {
					t.Errorf("%.3f ulp at %v, want below 2", worst, at)
				}
			})
		}
	}
}

// A step must not allocate.
func TestNothingIsAllocated(t *testing.T) {
	everySet(t, testNothingIsAllocated[float32], testNothingIsAllocated[float64])
}

func testNothingIsAllocated[T Float](t *testing.T, k *Table[T]) {
	x, y, z, u := numbers[T](100, 1), numbers[T](100, 2), numbers[T](100, 3), numbers[T](100, 4)
	if n := testing.AllocsPerRun(5, func() {
		k.Add(x, y, z)
		k.Axpy(x, 2, y)
		k.AddBias(2, 50, x, 50, y)
		k.SumRows(2, 50, x, y, 50, true)
		k.ReluBack(x, y, z, true)
		k.Tanh(x, y)
		k.Softmax(2, 50, x, 50, y, 50)
		k.CrossEntropy(x, y, 3)
		k.Dot(x, y)
		k.NonFinite(x)
		k.Max(x)
		k.SGD(x, y, SGD{})
		k.Momentum(x, y, z, Momentum{})
		k.Adam(x, y, z, u, Adam{})
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
