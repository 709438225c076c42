package kernel

import (
	"math"
	"os"
	"strconv"
	"testing"
)

// A curve is a kernel that computes a function of one number, or, from a gradient of 1, its derivative.
type curve[T Float] struct {
	name  string
	run   func(k *Table[T], dst, x []T)
	exact func(x float64) float64
	// unit is that of which the error is counted in ulp; nil is the result.
	unit  func(x float64) float64
	limit float64
}

func curves[T Float]() []curve[T] {
	back := func(f func(k *Table[T]) func(dx, x, dy []T, add bool)) func(k *Table[T], dst, x []T) {
		return func(k *Table[T], dst, x []T) {
			for i := range dst {
				dst[i] = 1
			}
			f(k)(dst, x, dst, false)
		}
	}
	density := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	below := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	gated := func(x, factor float64) float64 {
		if factor == 0 {
			return 0
		}
		return x * factor
	}
	logistic := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	tanhShare := func(x float64) (share, du float64) {
		c := math.Sqrt(2 / math.Pi)
		return logistic(2 * c * (x + 0.044715*x*x*x)), 2 * c * (1 + 3*0.044715*x*x)
	}
	unit := ELU{Positive: 1.5, Negative: 0.75, Width: 2}
	return []curve[T]{
		{"Exp", func(k *Table[T], dst, x []T) { k.Exp(dst, x) }, math.Exp, nil, 2},
		{"Tanh", func(k *Table[T], dst, x []T) { k.Tanh(dst, x) }, math.Tanh, nil, 2},
		{"Sigmoid", func(k *Table[T], dst, x []T) { k.Sigmoid(dst, x) }, logistic, nil, 2},
		{"Log", func(k *Table[T], dst, x []T) { k.Log(dst, x) }, math.Log, nil, 2},
		{"Erf", func(k *Table[T], dst, x []T) { k.Erf(dst, x) }, math.Erf, nil, 2},
		{"GELU", func(k *Table[T], dst, x []T) { k.GELU(dst, x) }, func(x float64) float64 { return gated(x, below(x)) }, nil, 2},
		{"GELUBack", back(func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.GELUBack }),
			func(x float64) float64 { return below(x) + gated(x, density(x)) },
			func(x float64) float64 { return below(x) + gated(math.Abs(x), density(x)) }, 4},
		{"GELUTanh", func(k *Table[T], dst, x []T) { k.GELUTanh(dst, x) }, func(x float64) float64 {
			share, _ := tanhShare(x)
			return gated(x, share)
		}, nil, 2},
		{"GELUTanhBack", back(func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.GELUTanhBack }),
			func(x float64) float64 {
				share, du := tanhShare(x)
				return share + gated(x*du, share*(1-share))
			}, func(x float64) float64 {
				share, du := tanhShare(x)
				return share + gated(math.Abs(x*du), share*(1-share))
			}, 4},
		{"SiLU", func(k *Table[T], dst, x []T) { k.SiLU(dst, x) }, func(x float64) float64 { return gated(x, logistic(x)) }, nil, 2},
		{"SiLUBack", back(func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.SiLUBack }),
			func(x float64) float64 { return logistic(x) + gated(x, logistic(x)*logistic(-x)) },
			func(x float64) float64 { return logistic(x) + gated(math.Abs(x), logistic(x)*logistic(-x)) }, 4},
		{"Softplus", func(k *Table[T], dst, x []T) { k.Softplus(dst, x) },
			func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, nil, 2},
		{"SoftplusBack", back(func(k *Table[T]) func(dx, x, dy []T, add bool) { return k.SoftplusBack }), logistic, nil, 2},
		{"ELU", func(k *Table[T], dst, x []T) { k.ELU(dst, x, unit) }, func(x float64) float64 {
			if x > 0 {
				return 1.5 * x
			}
			return 0.75 * math.Expm1(x/2)
		}, nil, 3},
		{"ELUBack", back(func(k *Table[T]) func(dx, x, dy []T, add bool) {
			return func(dx, x, dy []T, add bool) { k.ELUBack(dx, x, dy, add, unit) }
		}), func(x float64) float64 {
			if x > 0 {
				return 1.5
			}
			return 0.375 * math.Exp(x/2)
		}, nil, 3},
	}
}

// Functions of one number in float32 against float64, over all magnitudes: each 997th number, of the slow portable set each 160,000th. With
//
//	DESCENT_EXHAUSTIVE=1 go test -run TestUlps -timeout 12h ./internal/kernel
//
// over all 2^32, in some hours; with a greater number over each so manieth.
func TestUlps(t *testing.T) {
	for _, name := range Names() {
		k := table[float32](t, name)
		for _, f := range curves[float32]() {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				step := uint64(997)
				switch {
				case os.Getenv("DESCENT_EXHAUSTIVE") != "":
					var err error
					if step, err = strconv.ParseUint(os.Getenv("DESCENT_EXHAUSTIVE"), 10, 32); err != nil || step == 0 {
						t.Fatalf("DESCENT_EXHAUSTIVE is %q; the step from one number to the next is wanted", os.Getenv("DESCENT_EXHAUSTIVE"))
					}
				case name == "portable":
					step *= 160
				}
				worst, at := worstUlps(f, k, step)
				t.Logf("worst %.3f ulp at %v", worst, at)
				if !(worst < f.limit) {
					t.Errorf("%.3f ulp at %v, want below %v", worst, at, f.limit)
				}
			})
		}
	}
}

func worstUlps(f curve[float32], k *Table[float32], step uint64) (worst float64, at float32) {
	x, y := make([]float32, 4096), make([]float32, 4096)
	for b := uint64(0); b < 1<<32; {
		for i := range x {
			x[i] = math.Float32frombits(uint32(b))
			b += step
		}
		f.run(k, y, x)
		for i, v := range x {
			want := f.exact(float64(v))
			if w := float32(want); w == y[i] || w != w && y[i] != y[i] {
				continue
			}
			size := math.Abs(want)
			if f.unit != nil {
				size = f.unit(float64(v))
			}
			unit := math.Ldexp(1, math.Ilogb(max(size, 0x1p-126))-23)
			if u := math.Abs(float64(y[i])-want) / unit; !(u <= worst) {
				worst, at = u, v
			}
		}
	}
	return worst, at
}
