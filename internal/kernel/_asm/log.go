package main

// log, softplus in pieces, and the exponential units. x = 2^k (1 + f) with 1 + f between 2/3 and 4/3; log(1+f) = f + f² R(f) with a polynomial of degree 8, minimax in relative error
// (4.7e-9).

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// logR is R from its highest power.
var logR = []float32{-0.12874263525009155, 0.13986706733703613, -0.1218838170170784, 0.1400534063577652, -0.1668017953634262, 0.20010444521903992,
	-0.2499980479478836, 0.3333321511745453, -0.5}

const (
	least     = 0x1p-126 // the least normal number
	twoThirds = 0x3f2aaaab
	notANum   = 0x7fc00000

	lessThan     = 1
	lessEqual    = 2
	notLess      = 5
	orderedEqual = 0
	unordered    = 3
	greater      = 30
)

// logOf is k ln 2 + log(1+f).
func (ns *numbers) logOf(k, f Register) Register {
	z := ns.vec()
	VMULPS(f, f, z)
	r := ns.polynomial(f, z, logR...)
	VFMADD213PS(f, z, r) // r = z*r + f
	VFMADD231PS(ns.of(math.Ln2), k, r)
	return r
}

// where is b where the comparison of x with y holds, else a, which it overwrites.
func (t *target) where(comparison uint8, x Register, y Op, a, b Register) {
	if t.wide() {
		k := K()
		VCMPPS(U8(comparison), y, x, k)
		VMOVAPS(b, k, a)
		return
	}
	m := t.vec()
	VCMPPS(U8(comparison), y, x, m)
	VBLENDVPS(m, b, a, a)
}

func (t *target) logarithm() {
	var ns *numbers
	t.loop("Log", "dst[i] = log(a[i])", 1, func(c *loopCode) {
		ns = t.numbers(14, 1, least, math.Ln2).hold(logR...)
	}, func(c *loopCode, p place) {
		x := p.load(c.a)
		// A subnormal number is multiplied by 2^23 first.
		y, k0 := t.vec(), t.vec()
		VMOVAPS(x, y)
		if t.wide() {
			small := K()
			VCMPPS(U8(lessThan), ns.of(least), x, small)
			VMULPS(number(1<<23), x, small, y)
			VMOVUPS_Z(number(23), small, k0)
		} else {
			large := t.vec()
			VCMPPS(U8(lessThan), ns.of(least), x, k0)
			VMULPS(number(1<<23), x, large)
			VBLENDVPS(k0, large, y, y)
			VANDPS(number(23), k0, k0)
		}
		k, whole := t.vec(), t.vec()
		VPSUBD(bits(twoThirds), y, k)
		VPSRAD(U8(23), k, k)
		VPSLLD(U8(23), k, whole)
		VPSUBD(whole, y, y)
		VSUBPS(ns.of(1), y, y)
		VCVTDQ2PS(k, k)
		VSUBPS(k0, k, k)
		r := ns.logOf(k, y)
		t.where(notLess, x, bits(infinity), r, x) // infinity and NaN
		special := t.vec()
		VMOVUPS(bits(notANum), special)
		zero := t.vec()
		t.zero(zero)
		t.where(lessThan, x, zero, r, special)
		VMOVUPS(bits(minusInfinity), special)
		t.where(orderedEqual, x, zero, r, special)
		p.store(r, c.dst)
	})

	// max(x, 0) + log(1+exp(-|x|)), of which beyond the bound exp(-|x|) remains.
	soft := t.shortcut("softplus", shortcut{pieces: softplusPieces16, high: 17.4, square: -0.00171092615, linear: 0.92},
		shortcut{pieces: softplusPieces8, high: 17.4, square: -0.00250231206, linear: 0.474})
	soft.loop("Softplus", "dst[i] = log(1+exp(a[i]))", func(c *loopCode, x Register) Register {
		e := t.signed(x)
		soft.ns.exp(e, false)
		return e
	}, func(x, r Register) Register {
		zero := t.vec()
		t.zero(zero)
		VMAXPS(x, zero, x) // x where that is NaN
		VADDPS(x, r, r)
		return r
	})

	t.exponentialUnit()
}

// exponentialUnit writes ELU and its derivative.
func (t *target) exponentialUnit() {
	var ns *numbers
	zero := func() Register {
		r := t.vec()
		t.zero(r)
		return r
	}
	// below is x/width for x below 0, else 0.
	below := func(x Register) Register {
		v := t.vec()
		VMINPS(x, zero(), v)
		VDIVPS(t.broadcast(argument("width")), v, v)
		return v
	}
	t.function("ELU", "func(n int, dst, a *float32, positive, negative, width float32)",
		"is dst[i] = positive*a[i] for a[i] > 0, else negative*(exp(a[i]/width)-1), for n values.")
	n, dst, a := Load(Param("n"), GP64()), Load(Param("dst"), GP64()), Load(Param("a"), GP64())
	ns = t.numbers(16, 1, -80).holdExp()
	t.each(n, 1, func(p place) {
		x := p.load(a)
		v := below(x)
		VMAXPS(v, ns.register(-80), v)
		two, e := ns.expm1(v, nil)
		s, less := ns.normal(two, false), t.vec()
		VSUBPS(ns.of(1), s, less)
		VFMADD213PS(less, s, e) // 2^n e + (2^n - 1)
		t.times(e, "negative")
		r := t.vec()
		VMULPS(t.broadcast(argument("positive")), x, r)
		t.where(greater, x, zero(), e, r)
		p.store(e, dst)
	})
	t.end()
	for _, add := range []bool{false, true} {
		name, does := "ELUBack", "is dst[i] = b[i]*positive for a[i] > 0, else b[i]*negative*exp(a[i]/width), for n values."
		if add {
			name, does = "ELUBackAdd", "is dst[i] += b[i]*positive for a[i] > 0, else b[i]*negative*exp(a[i]/width), for n values."
		}
		t.function(name, "func(n int, dst, a, b *float32, positive, negative, width float32)", does)
		n, dst, a, b := Load(Param("n"), GP64()), Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
		ns = t.numbers(16, 1, expLow).holdExp()
		t.each(n, 1, func(p place) {
			x := p.load(a)
			e := below(x)
			ns.exp(e, false)
			t.times(e, "negative")
			t.where(greater, x, zero(), e, t.broadcast(argument("positive")))
			VMULPS(p.load(b), e, e)
			if add {
				VADDPS(p.load(dst), e, e)
			}
			p.store(e, dst)
		})
		t.end()
	}
}
