package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every byte is divided as the language divides, by the usual divisors and by many others, whatever its place.
func TestBytes(t *testing.T) {
	everySet(t, testBytes[float32], testBytes[float64])
}

func testBytes[T Float](t *testing.T, k *Table[T]) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	divisors := []T{1, 2, 16, 100, 127, 127.5, 128, 255, 256, 1e-3, 1e30}
	for _, x := range numbers[T](200, 7) {
		divisors = append(divisors, T(math.Abs(float64(x)))*300+1)
	}
	dst := make([]T, len(all)+1)
	for _, d := range divisors {
		for n := range len(all) + 1 {
			dst[n] = -1
			from := all[len(all)-n:]
			k.Bytes(dst[:n], from, d)
			for i, b := range from {
				if dst[i] != T(b)/d {
					t.Fatalf("%d of %d bytes: %d / %v = %v, wanted %v", i, n, b, d, dst[i], T(b)/d)
				}
			}
			if dst[n] != -1 {
				t.Fatalf("%d bytes: the number behind them was written", n)
			}
		}
	}
	k.Bytes(nil, nil, 1)
	if !panics(func() { k.Bytes(dst[:17], all[:16], 255) }) {
		t.Error("a source that is too short was read")
	}
}

// Memory is asked for whatever its place and length, and nothing happens.
func TestPrefetch(t *testing.T) {
	everySet(t, testPrefetch[float32], testPrefetch[float64])
}

func testPrefetch[T Float](_ *testing.T, k *Table[T]) {
	x := make([]byte, 1<<20)
	for _, n := range []int{0, 1, 63, 64, 65, 784, 1 << 20} {
		k.Prefetch(x[len(x)-n:])
	}
}

// A quotient of two numbers of float32 that is rounded to float64 and then to float32 is the one that is rounded once: scaling goes by that.
func TestDivide(t *testing.T) {
	everySet(t, testDivide[float32], testDivide[float64])
}

func testDivide[T Float](t *testing.T, k *Table[T]) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range []T{1, 255, 16, 127.5, 3, 1e-3, 1e30, T(math.Inf(1)), 0, -7} {
		for n := range 70 {
			x := odd[T](r, n, true)
			for i := range x {
				if i%5 == 0 {
					x[i] *= 1e-38 // many of these are not normal in float32, or their quotients are not
				}
			}
			place := make([]T, n+2)
			place[0], place[n+1] = -1, -1
			dst := place[1 : n+1]
			k.Divide(dst, x, d)
			for i, v := range x {
				if want := T(float64(v) / float64(d)); dst[i] != want && (dst[i] == dst[i] || want == want) || math.Signbit(float64(dst[i])) != math.Signbit(float64(want)) && want == want {
					t.Fatalf("%d of %d: %v / %v = %v, wanted %v", i, n, v, d, dst[i], want)
				}
			}
			if place[0] != -1 || place[n+1] != -1 {
				t.Fatalf("%d numbers: those around them were written", n)
			}
			in := slices.Clone(x)
			k.Divide(in, in, d)
			for i := range in {
				if math.Float64bits(float64(in[i])) != math.Float64bits(float64(dst[i])) {
					t.Fatalf("in place, %d of %d: %v, wanted %v", i, n, in[i], dst[i])
				}
			}
		}
	}
	if !panics(func() { k.Divide(make([]T, 17), make([]T, 16), 255) }) {
		t.Error("a source that is too short was read")
	}
}

func TestStandardize(t *testing.T) {
	everySet(t, testStandardize[float32], testStandardize[float64])
}

func testStandardize[T Float](t *testing.T, k *Table[T]) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 500 {
		n := round % 100
		x, subtract, divide := make([]T, n), make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = T(math.Ldexp(r.NormFloat64(), r.IntN(40)-20))
			subtract[i], divide[i] = r.NormFloat64(), math.Ldexp(1+r.Float64(), r.IntN(40)-20)
			switch r.IntN(12) {
			case 0:
				subtract[i] = 0
			case 1:
				x[i], subtract[i] = T(math.Copysign(0, -1)), 0
			case 2:
				subtract[i] = float64(x[i])
			case 3:
				divide[i] = math.Ldexp(2-0x1p-52, r.IntN(900)-450)
			case 4:
				x[i] = T(math.Ldexp(r.NormFloat64(), -140)) // not normal in float32
				subtract[i] = 0
			case 5:
				divide[i] *= 1e38 // the quotient is not
			}
		}
		place := make([]T, n+2)
		place[0], place[n+1] = -1, -1
		dst := place[1 : n+1]
		k.Standardize(dst, x, subtract, divide)
		for i, v := range x {
			if want := T((float64(v) - subtract[i]) / divide[i]); math.Float64bits(float64(dst[i])) != math.Float64bits(float64(want)) {
				t.Fatalf("%d of %d: (%v - %v) / %v = %v, wanted %v", i, n, v, subtract[i], divide[i], dst[i], want)
			}
		}
		if place[0] != -1 || place[n+1] != -1 {
			t.Fatalf("%d numbers: those around them were written", n)
		}
		k.Standardize(x, x, subtract, divide)
		if !slices.Equal(x, dst) {
			t.Fatalf("in place, %d numbers: %v, wanted %v", n, x, dst)
		}
	}
	ones := slices.Repeat([]float64{1}, 16)
	for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		x := slices.Repeat([]T{T(odd)}, 16)
		if k.Standardize(x, x, ones, ones); k.NonFinite(x) != 0 {
			t.Errorf("%v became %v", odd, x[0])
		}
	}
	if !panics(func() {
		k.Standardize(make([]T, 17), make([]T, 17), make([]float64, 16), make([]float64, 17))
	}) {
		t.Error("numbers that are not there were read")
	}
}

func BenchmarkDivide(b *testing.B) {
	for _, set := range Names() {
		b.Run(set, func(b *testing.B) {
			k, err := For[float32](set)
			if err != nil {
				b.Fatal(err)
			}
			x, dst := make([]float32, 784), make([]float32, 784)
			for i := range x {
				x[i] = float32(i)
			}
			for b.Loop() {
				k.Divide(dst, x, 255)
			}
		})
	}
}

func BenchmarkStandardize(b *testing.B) {
	for _, set := range Names() {
		b.Run(set, func(b *testing.B) {
			k, err := For[float32](set)
			if err != nil {
				b.Fatal(err)
			}
			x, dst, subtract, divide := make([]float32, 784), make([]float32, 784), make([]float64, 784), make([]float64, 784)
			for i := range divide {
				x[i], divide[i] = float32(i), 1.5+float64(i)/7
			}
			for b.Loop() {
				k.Standardize(dst, x, subtract, divide)
			}
		})
	}
}
