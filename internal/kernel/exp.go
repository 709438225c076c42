// exp, expm1, and what follows from exp: the sigmoid and tanh.
//
// Package math has assembly for some of these on some processors, which rounds
// differently there. These are the algorithms of FreeBSD's msun (e_exp.c, s_expm1.c),
// written without fused operations: every product that is added to
// something goes through madd or an explicit conversion, so the bits are the
// same on every processor. The originals carry this notice:
//
//	====================================================
//	Copyright (C) 1993, 2004 by Sun Microsystems, Inc. All rights reserved.
//
//	Permission to use, copy, modify, and distribute this
//	software is freely granted, provided that this notice
//	is preserved.
//	====================================================

package kernel

import "math"

const (
	ln2Hi = 6.93147180369123816490e-01 // the upper 33 bits of ln 2: small multiples are exact
	ln2Lo = 1.90821492927058770002e-10 // the rest

	expOver  = 7.09782712893383973096e+02  // exp of more is infinite
	expUnder = -7.45133219101941108420e+02 // exp of less is zero
)

// madd is x*y + z in two roundings.
func madd(x, y, z float64) float64 { return float64(x*y) + z }

// pow2 is 2^k for a normal result, -1022 <= k <= 1023.
func pow2(k int) float64 { return math.Float64frombits(uint64(k+1023) << 52) }

// scalb is y*2^k for y in [0.5, 2) and -1100 < k <= 1024.
func scalb(y float64, k int) float64 {
	switch {
	case k < -1021:
		return y * pow2(k+1000) * pow2(-1000)
	case k == 1024:
		return y * 2 * pow2(1023)
	}
	return y * pow2(k)
}

// reduce splits x into k*ln 2 + hi - lo with hi - lo within half of ln 2.
func reduce(x float64) (k int, hi, lo float64) {
	bias := 0.5
	if x < 0 {
		bias = -0.5
	}
	k = int(madd(x, math.Log2E, bias))
	return k, madd(-ln2Hi, float64(k), x), float64(float64(k) * ln2Lo)
}

// Exp returns e^x; error below 1 ulp, 1.5 where the result is subnormal.
func Exp(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x > expOver:
		return math.Inf(1)
	case x < expUnder:
		return 0
	}
	const (
		p1 = 1.66666666666666019037e-01
		p2 = -2.77777777770155933842e-03
		p3 = 6.61375632143793436117e-05
		p4 = -1.65339022054652515390e-06
		p5 = 4.13813679705723846039e-08
	)
	k, hi, lo := reduce(x)
	r := hi - lo
	t := float64(r * r)
	c := r - float64(t*madd(t, madd(t, madd(t, madd(t, p5, p4), p3), p2), p1))
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return scalb(y, k)
}

// Expm1 returns e^x - 1, without the cancellation for x near 0; error below 1 ulp.
func Expm1(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x > expOver:
		return math.Inf(1)
	case x < -56*math.Ln2:
		return -1
	case math.Abs(x) < 1.0/(1<<54):
		return x
	}
	const (
		q1 = -3.33333333333331316428e-02
		q2 = 1.58730158725481460165e-03
		q3 = -7.93650757867487942473e-05
		q4 = 4.00821782732936239552e-06
		q5 = -2.01099218183624371326e-07
	)
	k, c := 0, 0.0 // c is what is lost in x = hi - lo
	if math.Abs(x) > 0.5*math.Ln2 {
		var hi, lo float64
		k, hi, lo = reduce(x)
		x = hi - lo
		c = (hi - x) - lo
	}
	half := float64(0.5 * x)
	hxs := float64(x * half)
	r := madd(hxs, madd(hxs, madd(hxs, madd(hxs, madd(hxs, q5, q4), q3), q2), q1), 1)
	t := 3 - float64(r*half)
	e := float64(hxs * ((r - t) / (6 - float64(x*t))))
	if k == 0 {
		return x - (float64(x*e) - hxs)
	}
	e = float64(x*(e-c)) - c - hxs
	switch {
	case k == -1:
		return float64(0.5*(x-e)) - 0.5
	case k == 1 && x < -0.25:
		return -2 * (e - (x + 0.5))
	case k == 1:
		return 1 + float64(2*(x-e))
	case k <= -2 || k > 56:
		return scalb(1-(e-x), k) - 1
	case k < 20:
		return ((1 - pow2(-k)) - (e - x)) * pow2(k)
	}
	return ((x - (e + pow2(-k))) + 1) * pow2(k)
}

// Sigmoid returns 1/(1+e^-x); error below 2 ulp, down to results that are
// subnormal.
func Sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + Exp(-x))
	}
	e := Exp(x)
	return e / (1 + e)
}

// Tanh returns the hyperbolic tangent of x; error below 1.1 ulp. For |x| < 0.625 it
// is the rational function of the Cephes library (tanh.c, release 2.8,
// copyright 1984-2000 by Stephen L. Moshier).
func Tanh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || a < 1.0/(1<<28):
		return x
	case a < 0.625:
		const (
			p0 = -9.64399179425052238628e-1
			p1 = -9.92877231001918586564e1
			p2 = -1.61468768441708447952e3
			q0 = 1.12811678491632931402e2
			q1 = 2.23548839060100448583e3
			q2 = 4.84406305325125486048e3
		)
		z := float64(x * x)
		p := madd(z, madd(z, p0, p1), p2)
		q := madd(z, madd(z, z+q0, q1), q2)
		return x + float64(float64(x*z)*(p/q))
	case a < 22:
		// 1 - 2/(e+1), where what e+1 loses is put back into the quotient.
		e := Exp(2 * a)
		d := e + 1
		q := 2 / d
		q -= float64(q*(1-(d-e))) / d
		return math.Copysign(1-q, x)
	}
	return math.Copysign(1, x)
}
