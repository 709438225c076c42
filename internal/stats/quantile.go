package stats

import "math"

// This file holds the quantiles of the normal and of Student's t distribution. Each is solved from its tail
// probability, which is what is small and must keep its digits; quantiles above 1/2 follow by symmetry. Products are converted before they are
// added to something, so that no target fuses the two.

// NormalQuantile returns z with P(Z <= z) = p for a standard normal Z. p = 0 and 1 give infinities, p outside them
// gives NaN. Its error is below 1e-12 of its size.
func NormalQuantile(p float64) float64 {
	switch {
	case !(p >= 0 && p <= 1):
		return math.NaN()
	case p == 0:
		return math.Inf(-1)
	case p > 0.5:
		return -NormalQuantile(1 - p)
	case p == 0.5:
		return 0
	}
	// Formula 26.2.23 of M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964): error < 4.5e-4.
	t := math.Sqrt(-2 * math.Log(p))
	above := 2.515517 + float64(t*(0.802853+float64(t*0.010328)))
	below := 1 + float64(t*(1.432788+float64(t*(0.189269+float64(t*0.001308)))))
	z := t - above/below
	// Halley's method on the upper tail triples the digits each time. The slope is the density, -exp(-z²/2)/√(2π).
	for range 3 {
		root := math.Exp(z * z / 4) // its square can overflow
		e := (float64(0.5*math.Erfc(z/math.Sqrt2)) - p) * math.Sqrt(2*math.Pi) * root * root
		z += e / (1 - float64(z*e/2))
	}
	return -z
}

// StudentQuantile returns t with P(T <= t) = p for Student's distribution with df degrees of freedom, whole or not, to
// 1e-9 of its size or better for df >= 1 and p >= 1e-140. p = 0 and 1 give infinities; p outside them, or df not above
// 0, give NaN.
func StudentQuantile(p, df float64) float64 {
	switch {
	case !(p >= 0 && p <= 1) || !(df > 0):
		return math.NaN()
	case p == 0:
		return math.Inf(-1)
	case p > 0.5:
		return -StudentQuantile(1-p, df)
	case p == 0.5:
		return 0
	}
	z := -NormalQuantile(p)
	if df > 1e5 {
		// Formula 26.7.5 of Abramowitz and Stegun, to its third term: what is left out is below 1e-15 for |z| < 7 and
		// below 1e-10 for every p, while the continued fraction of studentTail loses digits with growing df.
		z2 := float64(z * z)
		first := float64((z2 + 1) / 4)
		second := (float64((float64(5*z2)+16)*z2) + 3) / 96
		third := (float64((float64((float64(3*z2)+19)*z2)+17)*z2) - 15) / 384
		return -z * (1 + (first+(second+third/df)/df)/df)
	}
	// The normal quantile lies below the root; doubling comes within a factor of 2. From there Newton's method on the
	// logarithm of the tail needs few steps, however small the tail is.
	t := z
	for studentTail(2*t, df) > p {
		t *= 2
	}
	for range 50 {
		tail := studentTail(t, df)
		step := math.Log(tail/p) * tail / studentDensity(t, df)
		if !(math.Abs(step) > 1e-15*t && math.Abs(step) < t) { // NaN or huge: the tail is too small for a float64
			break
		}
		t += step
	}
	return -t
}

// studentTail returns P(T > t) for t >= 0: half the regularized incomplete beta function of (df/2, 1/2) at
// df/(df+t²), formula 26.7.1 of Abramowitz and Stegun.
func studentTail(t, df float64) float64 {
	if math.IsInf(t, 1) {
		return 0
	}
	x := df / (df + float64(t*t))
	y := 1 / (1 + df/t/t) // 1-x without cancellation
	a, b := float64(df/2), 0.5
	front := math.Exp(float64(logX(x, y)*a)+float64(0.5*math.Log(y))+logGammaRatio(a)) / math.Sqrt(math.Pi)
	// The fraction converges fast on one side only; the other one is its complement.
	if x < (a+1)/(a+b+2) {
		return 0.5 * front / a * betaFraction(a, b, x)
	}
	return 0.5 * (1 - float64(front/b*betaFraction(b, a, y)))
}

// logX is the logarithm of x = 1-y from the one of the two that has the digits.
func logX(x, y float64) float64 {
	if y < 0.5 {
		return math.Log1p(-y)
	}
	return math.Log(x)
}

// studentDensity returns the density at t.
func studentDensity(t, df float64) float64 {
	return math.Exp(logGammaRatio(df/2)-float64((df+1)/2*math.Log1p(t/df*t))) / math.Sqrt(df*math.Pi)
}

// logGammaRatio returns log(Γ(a+1/2) / Γ(a)). For large a the difference of two large logarithms has no digits left,
// its asymptotic series (F. G. Tricomi and A. Erdélyi, 1951) has all.
func logGammaRatio(a float64) float64 {
	if a < 30 {
		above, _ := math.Lgamma(a + 0.5)
		below, _ := math.Lgamma(a)
		return above - below
	}
	r := 1 / (a * a)
	series := 1.0/8 - float64(r*(1.0/192-float64(r*(1.0/640-float64(r*17.0/14336)))))
	return float64(0.5*math.Log(a)) - series/a
}

// betaFraction is the continued fraction of the incomplete beta function (NIST Digital Library of Mathematical
// Functions, 8.17.22), by the modified Lentz method.
func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	nonzero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/nonzero(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i < 100000; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / nonzero(1+float64(even*d))
		c = nonzero(1 + even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / nonzero(1+float64(odd*d))
		c = nonzero(1 + odd/c)
		h *= d * c
		if math.Abs(float64(d*c)-1) < 1e-16 {
			break
		}
	}
	return h
}
