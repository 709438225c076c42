// log and log1p, after FreeBSD's msun (e_log.c, s_log1p.c); see exp.go for why
// they are here and for the meaning of madd. The originals carry this notice:
//
//	====================================================
//	Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//
//	Developed at SunPro, a Sun Microsystems, Inc. business.
//	Permission to use, copy, modify, and distribute this
//	software is freely granted, provided that this notice
//	is preserved.
//	====================================================

package kernel

import "math"

// Log returns the natural logarithm of x; error below 1 ulp. It is -Inf for 0
// and NaN for negative numbers.
func Log(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	k := 0
	if x < 0x1p-1022 { // subnormal
		x *= 1 << 54
		k = -54
	}
	e, m := mantissa(math.Float64bits(x))
	k += e
	f := m - 1
	s, hfsq, r := logTerms(f)
	return combine(k, f, float64(s*(hfsq+r)), hfsq, 0)
}

// Log1p returns log(1+x), without the loss for x near 0; error below 1 ulp. It is
// -Inf for -1 and NaN below.
func Log1p(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || x > math.MaxFloat64 || a < 1.0/(1<<54):
		return x
	case x < -1:
		return math.NaN()
	case x == -1:
		return math.Inf(-1)
	case a < 1.0/(1<<29):
		return x - float64(float64(x*x)*0.5)
	}
	k, f, c := 0, x, 0.0 // c corrects for what 1+x loses
	if x <= math.Sqrt2/2-1 || x >= math.Sqrt2-1 {
		u := 1 + x
		var m float64
		k, m = mantissa(math.Float64bits(u))
		switch {
		case a >= 1<<53:
			// 1+x is x to within half a unit: no correction.
		case u >= 2:
			c = (1 - (u - x)) / u
		default:
			c = (x - (u - 1)) / u
		}
		f = m - 1
	}
	s, hfsq, r := logTerms(f)
	if k == 0 && c == 0 {
		return f - (hfsq - float64(s*(hfsq+r)))
	}
	return combine(k, f, float64(s*(hfsq+r)), hfsq, c)
}

// mantissa splits a normal positive number into m*2^k with m in [sqrt(1/2),
// sqrt(2)).
func mantissa(bits uint64) (k int, m float64) {
	k = int(bits>>52) - 1023
	m = math.Float64frombits(bits&(1<<52-1) | 1023<<52)
	if m >= math.Sqrt2 {
		m *= 0.5
		k++
	}
	return k, m
}

// logTerms returns s, f²/2 and R such that log(1+f) = f - (f²/2 - s*(f²/2+R)).
func logTerms(f float64) (s, hfsq, r float64) {
	const (
		l1 = 6.666666666666735130e-01
		l2 = 3.999999999940941908e-01
		l3 = 2.857142874366239149e-01
		l4 = 2.222219843214978396e-01
		l5 = 1.818357216161805012e-01
		l6 = 1.531383769920937332e-01
		l7 = 1.479819860511658591e-01
	)
	s = f / (2 + f)
	z := float64(s * s)
	w := float64(z * z)
	odd := float64(z * madd(w, madd(w, madd(w, l7, l5), l3), l1))
	even := float64(w * madd(w, madd(w, l6, l4), l2))
	return s, float64(float64(0.5*f) * f), odd + even
}

// combine returns k*ln 2 + log(1+f) + c from the terms of the latter.
func combine(k int, f, sr, hfsq, c float64) float64 {
	n := float64(k)
	return float64(n*ln2Hi) - ((hfsq - (sr + (float64(n*ln2Lo) + c))) - f)
}
