// The error function, after FreeBSD's msun (s_erf.c); see exp.go for why it is
// here and for the meaning of madd. Four intervals have a quotient of two
// polynomials each. The original carries this notice:
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

// Erf returns the error function of x, 2/sqrt(pi) times the integral of
// exp(-t*t) from 0 to x; error below 1 ulp.
func Erf(x float64) float64 {
	a := math.Abs(x)
	var y float64
	switch {
	case x != x:
		return x
	case a < 0.84375:
		return erfSmall(x)
	case a < 1.25:
		y = erfNearOne(a)
	case a < 6:
		y = 1 - erfcTail(a)
	default:
		y = 1
	}
	return math.Copysign(y, x)
}

// erfSmall is erf for |x| < 0.84375: x + x*P(x²)/Q(x²).
func erfSmall(x float64) float64 {
	const efx8 = 1.02703333676410069053e+00 // 8*(2/sqrt(pi) - 1)
	const (
		pp0 = 1.28379167095512558561e-01
		pp1 = -3.25042107247001499370e-01
		pp2 = -2.84817495755985104766e-02
		pp3 = -5.77027029648944159157e-03
		pp4 = -2.37630166566501626084e-05
		qq1 = 3.97917223959155352819e-01
		qq2 = 6.50222499887672944485e-02
		qq3 = 5.08130628187576562776e-03
		qq4 = 1.32494738004321644526e-04
		qq5 = -3.96022827877536812320e-06
	)
	if math.Abs(x) < 1.0/(1<<28) {
		return 0.125 * (float64(8*x) + float64(efx8*x)) // x*x would be lost, and x may be subnormal
	}
	z := float64(x * x)
	p := madd(z, madd(z, madd(z, madd(z, pp4, pp3), pp2), pp1), pp0)
	q := madd(z, madd(z, madd(z, madd(z, qq5, qq4), qq3), qq2), qq1)
	return x + float64(x*(p/madd(z, q, 1)))
}

// erfNearOne is erf for 0.84375 <= x < 1.25: erx + P(x-1)/Q(x-1).
func erfNearOne(x float64) float64 {
	const erx = 8.45062911510467529297e-01 // erf(1), rounded to single precision
	const (
		pa0 = -2.36211856075265944077e-03
		pa1 = 4.14856118683748331666e-01
		pa2 = -3.72207876035701323847e-01
		pa3 = 3.18346619901161753674e-01
		pa4 = -1.10894694282396677476e-01
		pa5 = 3.54783043256182359371e-02
		pa6 = -2.16637559486879084300e-03
		qa1 = 1.06420880400844228286e-01
		qa2 = 5.40397917702171048937e-01
		qa3 = 7.18286544141962662868e-02
		qa4 = 1.26171219808761642112e-01
		qa5 = 1.36370839120290507362e-02
		qa6 = 1.19844998467991074170e-02
	)
	s := x - 1
	p := madd(s, madd(s, madd(s, madd(s, madd(s, madd(s, pa6, pa5), pa4), pa3), pa2), pa1), pa0)
	q := madd(s, madd(s, madd(s, madd(s, madd(s, qa6, qa5), qa4), qa3), qa2), qa1)
	return erx + p/madd(s, q, 1)
}

// erfcTail is 1 - erf for 1.25 <= x < 28: exp(-x²-0.5625+P(1/x²)/Q(1/x²))/x.
func erfcTail(x float64) float64 {
	s := 1 / float64(x*x)
	var quotient float64
	if x < 1/0.35 {
		quotient = erfcNear(s)
	} else {
		quotient = erfcFar(s)
	}
	// z is x cut to 21 bits, so that z*z is exact.
	z := math.Float64frombits(math.Float64bits(x) &^ (1<<32 - 1))
	r := Exp(float64(-z*z)-0.5625) * Exp(float64((z-x)*(z+x))+quotient)
	return r / x
}

// erfcNear is P(s)/Q(s) for 1.25 <= x < 1/0.35, s = 1/x².
func erfcNear(s float64) float64 {
	const (
		ra0 = -9.86494403484714822705e-03
		ra1 = -6.93858572707181764372e-01
		ra2 = -1.05586262253232909814e+01
		ra3 = -6.23753324503260060396e+01
		ra4 = -1.62396669462573470355e+02
		ra5 = -1.84605092906711035994e+02
		ra6 = -8.12874355063065934246e+01
		ra7 = -9.81432934416914548592e+00
		sa1 = 1.96512716674392571292e+01
		sa2 = 1.37657754143519042600e+02
		sa3 = 4.34565877475229228821e+02
		sa4 = 6.45387271733267880336e+02
		sa5 = 4.29008140027567833386e+02
		sa6 = 1.08635005541779435134e+02
		sa7 = 6.57024977031928170135e+00
		sa8 = -6.04244152148580987438e-02
	)
	p := madd(s, madd(s, madd(s, madd(s, madd(s, madd(s, madd(s, ra7, ra6), ra5), ra4), ra3), ra2), ra1), ra0)
	q := madd(s, madd(s, madd(s, madd(s, madd(s, madd(s, madd(s, sa8, sa7), sa6), sa5), sa4), sa3), sa2), sa1)
	return p / madd(s, q, 1)
}

// erfcFar is P(s)/Q(s) for 1/0.35 <= x < 28, s = 1/x².
func erfcFar(s float64) float64 {
	const (
		rb0 = -9.86494292470009928597e-03
		rb1 = -7.99283237680523006574e-01
		rb2 = -1.77579549177547519889e+01
		rb3 = -1.60636384855821916062e+02
		rb4 = -6.37566443368389627722e+02
		rb5 = -1.02509513161107724954e+03
		rb6 = -4.83519191608651397019e+02
		sb1 = 3.03380607434824582924e+01
		sb2 = 3.25792512996573918826e+02
		sb3 = 1.53672958608443695994e+03
		sb4 = 3.19985821950859553908e+03
		sb5 = 2.55305040643316442583e+03
		sb6 = 4.74528541206955367215e+02
		sb7 = -2.24409524465858183362e+01
	)
	p := madd(s, madd(s, madd(s, madd(s, madd(s, madd(s, rb6, rb5), rb4), rb3), rb2), rb1), rb0)
	q := madd(s, madd(s, madd(s, madd(s, madd(s, madd(s, sb7, sb6), sb5), sb4), sb3), sb2), sb1)
	return p / madd(s, q, 1)
}
