package main

// exp and what follows from it. x = n ln 2 + r; exp(r) is 1 + r + r² P(r) with
// the polynomial of Cephes (expf.c, release 2.8, copyright 1984-2000 by Stephen
// L. Moshier).

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Beyond these the result is infinite, or 0: exp need not look further.
const (
	expHigh = 89
	expLow  = -104.5
)

// expBounds loads what exp wants in registers.
func (t *target) expBounds() (high, low Register) { return t.constant(expHigh), t.constant(expLow) }

// exp turns x into exp(x).
func (t *target) exp(x, high, low Register) {
	n, p, z := t.vec(), t.vec(), t.vec()
	VMINPS(x, high, x) // x where that is NaN
	VMAXPS(x, low, x)
	VMULPS(number(math.Log2E), x, n)
	if t.wide() {
		VRNDSCALEPS(U8(0), n, n)
	} else {
		VROUNDPS(U8(0), n, n)
	}
	ln2 := float32(math.Ln2)
	VFNMADD231PS(number(ln2), n, x)
	VFNMADD231PS(number(float32(math.Ln2-float64(ln2))), n, x)
	t.polynomial(p, x, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	VMULPS(x, x, z)
	VFMADD213PS(x, z, p) // p = z*p + x
	VADDPS(number(1), p, p)
	if t.wide() {
		VSCALEFPS(n, p, x)
		return
	}
	// 2^n in two factors, since n may be -150 or 128. Their exponents are n/2
	// rounded down and the rest.
	half := t.vec()
	VCVTPS2DQ(n, n)
	VPSRAD(U8(1), n, half)
	VPSUBD(half, n, n)
	for _, e := range []Register{half, n} {
		VPADDD(bits(127), e, e)
		VPSLLD(U8(23), e, e)
		VMULPS(e, p, p)
	}
	VMOVAPS(p, x)
}

// polynomial is p = (c[0]*x + c[1])*x + ...
func (t *target) polynomial(p, x Register, c ...float32) {
	VMOVUPS(number(c[0]), p)
	for _, c := range c[1:] {
		VFMADD213PS(number(c), x, p)
	}
}

// negative is a where the sign bit of s is set, else b; it may overwrite a and s.
func (t *target) negative(s, a, b Register) Register {
	r := t.vec()
	if t.wide() {
		k := K()
		VPMOVD2M(s, k)
		VBLENDMPS(a, b, k, r)
	} else {
		VBLENDVPS(s, a, b, r)
	}
	return r
}

const signBit = 1 << 31

func (t *target) exponentials() {
	bounds := func(c *loopCode) { c.x, c.y = t.expBounds() }
	t.loop("Exp", "dst[i] = exp(a[i])", 4, bounds, func(c *loopCode, p place) {
		x := p.load(c.a)
		t.exp(x, c.x, c.y)
		p.store(x, c.dst)
	})

	// q = 1/(1+e) or e/(1+e), and one step of correction by the remainder, which
	// takes back what the addition and the division lose.
	t.loop("Sigmoid", "dst[i] = 1/(1+exp(-a[i]))", 1, bounds, func(c *loopCode, p place) {
		x, e, d := p.load(c.a), t.vec(), t.vec()
		VORPS(bits(signBit), x, e)
		t.exp(e, c.x, c.y) // of -|x|
		VADDPS(number(1), e, d)
		one := t.constant(1)
		r, q := t.negative(x, e, one), t.vec()
		VDIVPS(d, r, q)
		VSUBPS(one, d, one)
		VSUBPS(one, e, e) // e - (d-1): what d lacks
		VFNMADD231PS(d, q, r)
		VFNMADD231PS(e, q, r)
		v := t.constant(1.457) // v = 1/d to 9 %
		VFNMADD231PS(number(0.5), d, v)
		VFMADD231PS(v, r, q)
		p.store(q, c.dst)
	})

	// Near 0 the polynomial of Cephes (tanhf.c), elsewhere 1 - 2/(exp(2|x|)+1).
	t.loop("Tanh", "dst[i] = tanh(a[i])", 1, bounds, func(c *loopCode, p place) {
		x := p.load(c.a)
		a, e := t.vec(), t.vec()
		VANDPS(bits(signBit-1), x, a)
		VADDPS(a, a, e)
		t.exp(e, c.x, c.y)
		one := t.constant(1)
		VADDPS(one, e, e)
		VADDPS(one, one, x)
		VDIVPS(e, x, x)
		VSUBPS(x, one, one)

		z, q := t.vec(), t.vec()
		VMULPS(a, a, z)
		t.polynomial(q, z, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
		VMULPS(a, z, z)
		VFMADD213PS(a, z, q) // q = z*q + a
		VSUBPS(number(0.625), a, a)
		r := t.negative(a, q, one)
		again, sign := p.load(c.a), t.vec()
		VANDPS(bits(signBit), again, sign)
		VORPS(sign, r, r)
		p.store(r, c.dst)
	})
}
