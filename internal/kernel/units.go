// Activation functions whose derivative is computed from their input, in float64 in either precision, an element at a time.

package kernel

import "math"

// ELU is the parameters of an exponential linear unit:
//
//	y = Positive*x                      where x > 0
//	y = Negative*(exp(x/Width) - 1)     elsewhere
type ELU struct{ Positive, Negative, Width float64 }

// apply is dst[i] = f(x[i]).
func apply[T Float](dst, x []T, f func(float64) float64) {
	x = x[:len(dst):len(x)]
	for i := range dst {
		dst[i] = T(f(float64(x[i])))
	}
}

// chain is dx[i] = dy[i]*slope(x[i]), added to dx[i] with add.
func chain[T Float](dx, x, dy []T, add bool, slope func(float64) float64) {
	x, dy = x[:len(dx):len(x)], dy[:len(dx):len(dy)]
	for i := range dx {
		d := T(float64(dy[i]) * slope(float64(x[i])))
		if add {
			d += dx[i]
		}
		dx[i] = d
	}
}

// gate is x times a factor between 0 and 1 that falls faster than x grows: 0 where the factor is 0, also for infinite x.
func gate(x, factor float64) float64 {
	if factor == 0 {
		return 0
	}
	return float64(x * factor)
}

func erf[T Float](dst, x []T) { apply(dst, x, Erf) }

// normalBelow is Φ(x), with its digits where it is small too.
func normalBelow(x float64) float64 {
	if z := x / math.Sqrt2; z <= -1.25 && z > -28 {
		return 0.5 * erfcTail(-z)
	}
	return 0.5 * (1 + Erf(x/math.Sqrt2))
}

func geluOf(x float64) float64 { return gate(x, normalBelow(x)) }

func geluSlope(x float64) float64 {
	const peak = 0.3989422804014326779399460599343819 // 1/√(2π)
	return normalBelow(x) + gate(x, peak*Exp(-0.5*float64(x*x)))
}

func gelu[T Float](dst, x []T)                  { apply(dst, x, geluOf) }
func geluBack[T Float](dx, x, dy []T, add bool) { chain(dx, x, dy, add, geluSlope) }

// geluShare is ½ (1 + tanh(u)), written as a sigmoid, which does not cancel for negative u, and du/dx.
func geluShare(x float64) (share, du float64) {
	const scale = 0.79788456080286535587989211986876 // √(2/π)
	x2 := float64(x * x)
	u := float64(float64(scale*x) * (1 + float64(0.044715*x2)))
	return Sigmoid(2 * u), scale * (1 + float64(3*0.044715*x2))
}

func geluTanhOf(x float64) float64 {
	share, _ := geluShare(x)
	return gate(x, share)
}

func geluTanhSlope(x float64) float64 {
	share, du := geluShare(x)
	return share + gate(2*du*x, float64(share*(1-share)))
}

func geluTanh[T Float](dst, x []T)                  { apply(dst, x, geluTanhOf) }
func geluTanhBack[T Float](dx, x, dy []T, add bool) { chain(dx, x, dy, add, geluTanhSlope) }

func siluOf(x float64) float64 { return gate(x, Sigmoid(x)) }

func siluSlope(x float64) float64 {
	share := Sigmoid(x)
	return share + gate(x, share*Sigmoid(-x))
}

func silu[T Float](dst, x []T)                  { apply(dst, x, siluOf) }
func siluBack[T Float](dx, x, dy []T, add bool) { chain(dx, x, dy, add, siluSlope) }

func softplusOf(x float64) float64 { return max(x, 0) + Log1p(Exp(-math.Abs(x))) }

func softplus[T Float](dst, x []T)                  { apply(dst, x, softplusOf) }
func softplusBack[T Float](dx, x, dy []T, add bool) { chain(dx, x, dy, add, Sigmoid) }

func elu[T Float](dst, x []T, h ELU) {
	apply(dst, x, func(x float64) float64 {
		if x > 0 {
			return h.Positive * x
		}
		return h.Negative * Expm1(x/h.Width)
	})
}

func eluBack[T Float](dx, x, dy []T, add bool, h ELU) {
	chain(dx, x, dy, add, func(x float64) float64 {
		if x > 0 {
			return h.Positive
		}
		return h.Negative / h.Width * Exp(x/h.Width)
	})
}
