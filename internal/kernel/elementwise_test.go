package kernel

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// An element is one kernel that computes each element from those at its place.
type element[T Float] struct {
	name string
	run  func(k *Table[T], dst, a, b []T)
	want func(dst, a, b float64) float64
	uses int  // how many of a and b it reads
	unit bool // a must lie within 0..1
}

func elements[T Float]() []element[T] {
	gate := func(y, dy float64) float64 {
		if y <= 0 {
			return 0
		}
		return dy
	}
	list := []element[T]{
		{"Add", func(k *Table[T], dst, a, b []T) { k.Add(dst, a, b) }, func(_, a, b float64) float64 { return a + b }, 2, false},
		{"Sub", func(k *Table[T], dst, a, b []T) { k.Sub(dst, a, b) }, func(_, a, b float64) float64 { return a - b }, 2, false},
		{"Mul", func(k *Table[T], dst, a, b []T) { k.Mul(dst, a, b) }, func(_, a, b float64) float64 { return a * b }, 2, false},
		{"MulAdd", func(k *Table[T], dst, a, b []T) { k.MulAdd(dst, a, b) }, func(d, a, b float64) float64 { return d + a*b }, 2, false},
		{"Axpy", func(k *Table[T], dst, a, _ []T) { k.Axpy(dst, 1.5, a) }, func(d, a, _ float64) float64 { return d + 1.5*a }, 1, false},
		{"Scale", func(k *Table[T], dst, a, _ []T) { k.Scale(dst, -2.5, a) }, func(_, a, _ float64) float64 { return -2.5 * a }, 1, false},
		{"Fill", func(k *Table[T], dst, _, _ []T) { k.Fill(dst, 3) }, func(_, _, _ float64) float64 { return 3 }, 0, false},
		{"Relu", func(k *Table[T], dst, a, _ []T) { k.Relu(dst, a) }, func(_, a, _ float64) float64 { return math.Max(a, 0) }, 1, false},
		{"ReluBack", func(k *Table[T], dst, a, b []T) { k.ReluBack(dst, a, b, false) }, func(_, y, dy float64) float64 { return gate(y, dy) }, 2, false},
		{"ReluBack add", func(k *Table[T], dst, a, b []T) { k.ReluBack(dst, a, b, true) }, func(d, y, dy float64) float64 { return d + gate(y, dy) }, 2, false},
		{"Sigmoid", func(k *Table[T], dst, a, _ []T) { k.Sigmoid(dst, a) }, func(_, a, _ float64) float64 { return 1 / (1 + math.Exp(-a)) }, 1, false},
		{"SigmoidBack", func(k *Table[T], dst, a, b []T) { k.SigmoidBack(dst, a, b, false) }, func(_, y, dy float64) float64 { return dy * y * (1 - y) }, 2, true},
		{"SigmoidBack add", func(k *Table[T], dst, a, b []T) { k.SigmoidBack(dst, a, b, true) }, func(d, y, dy float64) float64 { return d + dy*y*(1-y) }, 2, true},
		{"Tanh", func(k *Table[T], dst, a, _ []T) { k.Tanh(dst, a) }, func(_, a, _ float64) float64 { return math.Tanh(a) }, 1, false},
		{"TanhBack", func(k *Table[T], dst, a, b []T) { k.TanhBack(dst, a, b, false) }, func(_, y, dy float64) float64 { return dy * (1 - y*y) }, 2, true},
		{"TanhBack add", func(k *Table[T], dst, a, b []T) { k.TanhBack(dst, a, b, true) }, func(d, y, dy float64) float64 { return d + dy*(1-y*y) }, 2, true},
		{"Exp", func(k *Table[T], dst, a, _ []T) { k.Exp(dst, a) }, func(_, a, _ float64) float64 { return math.Exp(a) }, 1, false},
	}
	return append(list, curved[T]()...)
}

// exact reports whether every set has the bits of the portable one.
func (e element[T]) exact() bool {
	for _, f := range curves[T]() {
		if f.name == strings.TrimSuffix(e.name, " add") {
			return false
		}
	}
	return true
}

// curved are the functions of one number whose derivative is computed from it.
func curved[T Float]() []element[T] {
	unit := ELU{Positive: 1.5, Negative: 0.75, Width: 2}
	var list []element[T]
	for _, f := range curves[T]() {
		if slices.Contains([]string{"Exp", "Tanh", "Sigmoid"}, f.name) || strings.HasSuffix(f.name, "Back") {
			continue
		}
		list = append(list, element[T]{f.name, func(k *Table[T], dst, a, _ []T) { f.run(k, dst, a) }, func(_, a, _ float64) float64 { return f.exact(a) }, 1, false})
	}
	for _, f := range curves[T]() {
		back := map[string]func(k *Table[T]) func(dx, x, dy []T, add bool){
			"GELUBack":     func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.GELUBack },
			"GELUTanhBack": func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.GELUTanhBack },
			"SiLUBack":     func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.SiLUBack },
			"SoftplusBack": func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.SoftplusBack },
			"ELUBack": func(k *Table[T]) func(dx, x, dy []T, add bool) {
				return func(dx, x, dy []T, add bool) { k.ELUBack(dx, x, dy, add, unit) }
			},
		}[f.name]
		if back == nil {
			continue
		}
		list = append(list,
			element[T]{f.name, func(k *Table[T], dst, a, b []T) { back(k)(dst, a, b, false) }, func(_, a, b float64) float64 { return b * f.exact(a) }, 2, false},
			element[T]{f.name + " add", func(k *Table[T], dst, a, b []T) { back(k)(dst, a, b, true) }, func(d, a, b float64) float64 { return d + b*f.exact(a) }, 2, false})
	}
	return list
}

// specials are what every element-wise kernel must treat as IEEE 754 says.
func specials[T Float]() []T {
	inf := T(math.Inf(1))
	return []T{0, T(math.Copysign(0, -1)), 1, -1, inf, -inf, T(math.NaN()), 1e-30, -1e30, 1e30}
}

// same reports whether got is want up to rounding; scale is the size of what
// was added up.
func same[T Float](got T, want, scale float64) bool {
	if want != want {
		return got != got
	}
	if w := T(want); w-w != 0 || w == 0 {
		return got == w || math.Abs(float64(got)-float64(w)) <= 4*epsilon[T]()*scale
	}
	return math.Abs(float64(got)-want) <= 4*epsilon[T]()*(math.Abs(want)+scale)+math.SmallestNonzeroFloat32
}

func TestElementwise(t *testing.T) { everySet(t, testElementwise[float32], testElementwise[float64]) }

func testElementwise[T Float](t *testing.T, k *Table[T]) {
	for _, e := range elements[T]() {
		t.Run(e.name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 257} {
				e.check(t, k, numbers[T](n, 1), numbers[T](n+3, 2), numbers[T](n+1, 3))
			}
			var dst, a, b []T
			for _, x := range specials[T]() {
				for _, y := range specials[T]() {
					dst, a, b = append(dst, 1), append(a, x), append(b, y)
				}
			}
			e.check(t, k, dst, a, b)
			e.refuses(t, k)
		})
	}
}

func (e element[T]) check(t *testing.T, k *Table[T], start, a, b []T) {
	t.Helper()
	if e.unit {
		for i, v := range a {
			a[i] = T(1 / (1 + math.Exp(-float64(v))))
		}
	}
	n := len(start)
	buffer := slices.Concat([]T{canary, canary, canary}, start, []T{canary, canary})
	dst := buffer[3:][:n]
	e.run(k, dst, a, b)
	for i, got := range dst {
		d, x, y := float64(start[i]), float64(a[i]), float64(b[i])
		want := e.want(d, x, y)
		scale := math.Abs(d)
		if scale > 1e6 || x-x != 0 || y-y != 0 {
			scale = 0
		}
		if !same(got, want, scale) {
			t.Errorf("n %d: dst %v, a %v, b %v gives %v, want %v", n, d, x, y, got, want)
		}
	}
	if buffer[2] != canary || buffer[3+n] != canary {
		t.Errorf("n %d: wrote outside dst", n)
	}
	// The destination may be an operand.
	if e.uses > 0 {
		own := slices.Clone(a[:n])
		twin := slices.Clone(a[:n])
		e.run(k, own, own, b)
		e.run(k, twin, a[:n], b)
		sameBits(t, "dst is a", own, twin)
	}
	if e.uses > 1 {
		own := slices.Clone(b[:n])
		twin := slices.Clone(b[:n])
		e.run(k, own, a, own)
		e.run(k, twin, a, b[:n])
		sameBits(t, "dst is b", own, twin)
	}
}

func sameBits[T Float](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] && (got[i] == got[i] || want[i] == want[i]) {
			t.Errorf("%s: element %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// refuses checks that a short operand panics before anything is written, even
// where its capacity would do.
func (e element[T]) refuses(t *testing.T, k *Table[T]) {
	t.Helper()
	for short := range e.uses {
		dst := slices.Repeat([]T{canary}, 5)
		operands := [2][]T{numbers[T](5, 1), numbers[T](5, 2)}
		operands[short] = operands[short][:4]
		if !panics(func() { e.run(k, dst, operands[0], operands[1]) }) {
			t.Errorf("operand %d too short: no panic", short)
		}
		if slices.IndexFunc(dst, func(v T) bool { return v != canary }) >= 0 {
			t.Errorf("operand %d too short: wrote before it panicked", short)
		}
	}
}

func TestReluOfNegativeZero(t *testing.T) {
	everySet(t, testReluOfNegativeZero[float32], testReluOfNegativeZero[float64])
}

func testReluOfNegativeZero[T Float](t *testing.T, k *Table[T]) {
	x := []T{T(math.Copysign(0, -1))}
	k.Relu(x, x)
	if math.Signbit(float64(x[0])) {
		t.Error("Relu(-0) = -0, want +0")
	}
}
