package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// prec is the precision of the reference values, in bits.
const prec = 200

func bigOf(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }
func bigNew() *big.Float         { return new(big.Float).SetPrec(prec) }

// bigExp sums the series of e^x after halving x until it is small.
func bigExp(x *big.Float) *big.Float {
	halvings := max(x.MantExp(nil)+8, 0)
	y := bigNew().SetMantExp(x, -halvings)
	sum, term := bigOf(1), bigOf(1)
	for n := 1; n < 60; n++ {
		term.Quo(term.Mul(term, y), bigOf(float64(n)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigLog solves e^y = x by Newton's method from math.Log.
func bigLog(x *big.Float) *big.Float {
	m := bigNew()
	exp := x.MantExp(m)
	f, _ := m.Float64()
	y := bigOf(math.Log(f))
	for range 3 {
		e := bigExp(y)
		d := bigNew().Sub(m, e)
		y.Add(y, d.Mul(d, bigOf(2)).Quo(d, bigNew().Add(m, e)))
	}
	if exp != 0 {
		y.Add(y, bigNew().Mul(bigOf(float64(exp)), bigLn2()))
	}
	return y
}

func bigLn2() *big.Float {
	sum := bigNew()
	for n := 1; n < prec+20; n++ {
		t := bigNew().SetMantExp(bigOf(1), -n)
		sum.Add(sum, t.Quo(t, bigOf(float64(n))))
	}
	return sum
}

func bigExpm1(x *big.Float) *big.Float { return bigNew().Sub(bigExp(x), bigOf(1)) }

func bigTanh(x *big.Float) *big.Float {
	e := bigExpm1(bigNew().Mul(x, bigOf(2)))
	return e.Quo(e, bigNew().Add(e, bigOf(2)))
}

func bigSigmoid(x *big.Float) *big.Float {
	e := bigExp(bigNew().Neg(x))
	return e.Quo(bigOf(1), e.Add(e, bigOf(1)))
}

// bigErf sums x*sum (-1)^n x^2n/(n!(2n+1)) * 2/sqrt(pi), good for |x| <= 6.
func bigErf(x *big.Float) *big.Float {
	xx := bigNew().Neg(bigNew().Mul(x, x))
	sum, term := bigNew(), bigNew().Set(x)
	for n := 0; n < 300; n++ {
		if n > 0 {
			term.Quo(term.Mul(term, xx), bigOf(float64(n)))
		}
		sum.Add(sum, bigNew().Quo(term, bigOf(float64(2*n+1))))
	}
	pi, _, _ := big.ParseFloat("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798", 10, prec, big.ToNearestEven)
	return sum.Quo(sum.Mul(sum, bigOf(2)), pi.Sqrt(pi))
}

// ulps is the distance of got from want in units in the last place of want.
func ulps(got float64, want *big.Float) float64 {
	w, _ := want.Float64()
	unit := math.Nextafter(math.Abs(w), math.Inf(1)) - math.Abs(w)
	d := bigNew().Sub(bigOf(got), want)
	f, _ := d.Float64()
	return math.Abs(f) / unit
}

var functions = []struct {
	name      string
	own, std  func(float64) float64
	exact     func(*big.Float) *big.Float
	low, high float64 // range of dense samples
	tiny      bool    // also samples of every magnitude
	limit     float64 // ulp
}{
	{"exp", Exp, math.Exp, bigExp, -708, 709, false, 1},
	{"exp near 0", Exp, math.Exp, bigExp, -2, 2, true, 1},
	{"exp subnormal", Exp, math.Exp, bigExp, -745, -708, false, 1.5}, // rounded twice
	{"exp large", Exp, nil, bigExp, 709, 709.78, false, 1},           // math.Exp overflows too early on amd64
	{"expm1 large", Expm1, math.Expm1, bigExpm1, 709, 709.78, false, 1},
	{"expm1", Expm1, math.Expm1, bigExpm1, -40, 709, false, 1},
	{"expm1 near 0", Expm1, math.Expm1, bigExpm1, -2, 2, true, 1},
	{"log", Log, math.Log, bigLog, 1e-300, 1e6, false, 1},
	{"log near 1", Log, math.Log, bigLog, 0.5, 2, false, 1},
	{"log1p", Log1p, math.Log1p, bigLog1p, -1 + 1e-16, 1e4, false, 1},
	{"log1p near 0", Log1p, math.Log1p, bigLog1p, -0.9, 2, true, 1},
	{"tanh", Tanh, math.Tanh, bigTanh, -25, 25, true, 1.1},
	{"tanh near 0", Tanh, math.Tanh, bigTanh, -0.625, 0.625, false, 1},
	{"tanh near 1", Tanh, math.Tanh, bigTanh, 0.625, 1.2, false, 1.1},
	{"sigmoid", Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, bigSigmoid, -700, 50, true, 2},
	{"sigmoid near 0", Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, bigSigmoid, -2, 2, true, 2},
	{"erf", Erf, math.Erf, bigErf, -6, 6, true, 1},
	{"erf near 1", Erf, math.Erf, bigErf, 0.8, 1.3, false, 1},
}

func bigLog1p(x *big.Float) *big.Float { return bigLog(bigNew().Add(x, bigOf(1))) }

func TestFunctionsAgainstHighPrecision(t *testing.T) {
	for _, f := range functions {
		t.Run(f.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			worst, at := 0.0, 0.0
			check := func(x float64) {
				if u := ulps(f.own(x), f.exact(bigOf(x))); u > worst || u != u {
					worst, at = u, x
				}
			}
			samples := 400
			if f.name == "tanh near 1" {
				samples = 5000 // the worst places are rare
			}
			for range samples {
				check(f.low + (f.high-f.low)*r.Float64())
				if f.tiny {
					x := math.Ldexp(r.Float64()*2-1, -r.IntN(60))
					if x >= f.low && x <= f.high {
						check(x)
					}
				}
			}
			t.Logf("worst %.3f ulp at %v", worst, at)
			if !(worst < f.limit) {
				t.Errorf("error of %.3f ulp at %v, want below %v", worst, at, f.limit)
			}
		})
	}
}

// Both sides have up to an ulp of error, so they may differ by two; package math's
// exp has assembly on some processors that is less exact than the rest.
func TestFunctionsAgainstMath(t *testing.T) {
	for _, f := range functions {
		if f.std == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			worst, at := 0.0, 0.0
			const n = 100000
			for i := range n {
				x := f.low + (f.high-f.low)*(float64(i)+0.5)/n
				want := f.std(x)
				unit := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
				if u := math.Abs(f.own(x)-want) / unit; u > worst || u != u {
					worst, at = u, x
				}
			}
			t.Logf("worst %v ulp at %v", worst, at)
			if !(worst <= 3) {
				t.Errorf("%v ulp from package math at %v", worst, at)
			}
		})
	}
}

func TestFunctionsAtSpecialValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	zero, least := math.Copysign(0, -1), math.SmallestNonzeroFloat64
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"exp", Exp, 0, 1}, {"exp", Exp, zero, 1}, {"exp", Exp, inf, inf}, {"exp", Exp, -inf, 0}, {"exp", Exp, nan, nan},
		{"exp", Exp, 709.79, inf}, {"exp", Exp, -745.2, 0}, {"exp", Exp, -745.1, least},
		{"exp", Exp, least, 1}, {"exp", Exp, math.MaxFloat64, inf},
		{"expm1", Expm1, 0, 0}, {"expm1", Expm1, zero, zero}, {"expm1", Expm1, inf, inf}, {"expm1", Expm1, -inf, -1}, {"expm1", Expm1, nan, nan},
		{"expm1", Expm1, least, least}, {"expm1", Expm1, -1e3, -1}, {"expm1", Expm1, 1e3, inf},
		{"log", Log, 1, 0}, {"log", Log, 0, -inf}, {"log", Log, zero, -inf}, {"log", Log, inf, inf}, {"log", Log, -1, nan},
		{"log", Log, -inf, nan}, {"log", Log, nan, nan}, {"log", Log, least, -744.4400719213812}, {"log", Log, math.MaxFloat64, 709.782712893384},
		{"log1p", Log1p, 0, 0}, {"log1p", Log1p, zero, zero}, {"log1p", Log1p, -1, -inf}, {"log1p", Log1p, -1.1, nan},
		{"log1p", Log1p, inf, inf}, {"log1p", Log1p, -inf, nan}, {"log1p", Log1p, nan, nan}, {"log1p", Log1p, least, least},
		{"log1p", Log1p, 1e300, 690.7755278982137},
		{"tanh", Tanh, 0, 0}, {"tanh", Tanh, zero, zero}, {"tanh", Tanh, inf, 1}, {"tanh", Tanh, -inf, -1}, {"tanh", Tanh, nan, nan},
		{"tanh", Tanh, least, least}, {"tanh", Tanh, 22, 1}, {"tanh", Tanh, -1e9, -1},
		{"sigmoid", Sigmoid, 0, 0.5}, {"sigmoid", Sigmoid, inf, 1}, {"sigmoid", Sigmoid, -inf, 0}, {"sigmoid", Sigmoid, nan, nan},
		{"sigmoid", Sigmoid, 800, 1}, {"sigmoid", Sigmoid, -745.1, least}, {"sigmoid", Sigmoid, -800, 0},
		{"erf", Erf, 0, 0}, {"erf", Erf, zero, zero}, {"erf", Erf, inf, 1}, {"erf", Erf, -inf, -1}, {"erf", Erf, nan, nan},
		{"erf", Erf, 7, 1}, {"erf", Erf, -7, -1}, {"erf", Erf, 1e-300, 1.1283791670955126e-300},
	} {
		got := c.f(c.x)
		if math.Float64bits(got) != math.Float64bits(c.want) && !(got != got && c.want != c.want) {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.x, got, c.want)
		}
	}
}
