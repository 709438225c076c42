package main

// log, softplus in pieces, and the exponential units. x = 2^k (1 + f) with 1 + f between 3/4 and 3/2; log(1+f) = f + f² R(f) with a polynomial of
// degree 7, minimax in relative error (2.8e-8).

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// logR is R from its highest power.
var logR = []float32{0.05417019501328468, -0.12070778012275696, 0.14983916282653809, -0.16822263598442078, 0.19977065920829773, -0.2499348372220993,
	0.3333354890346527, -0.5000005960464478}

const (
	least         = 0x1p-126 // the least normal number
	threeQuarters = 0x3f400000
	notANum       = 0x7fc00000

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

// logHorner is logOf one power at a time, as wholeExp is.
func (ns *numbers) logHorner(k, f Register) Register {
	r := ns.copy(logR[0])
	for _, c := range logR[1:] {
		VFMADD213PS(ns.of(c), f, r)
		ns.t.turn()
	}
	VMULPS(f, r, r)
	ns.t.turn()
	VFMADD213PS(f, f, r)
	ns.t.turn()
	VFMADD231PS(ns.of(math.Ln2), k, r)
	return r
}

// logAny is log(x) by the instructions of AVX-512 for a number's parts, which know all special ones: 0 has the exponent -Inf, infinity Inf, and a
// negative number NaN for its mantissa.
func (ns *numbers) logAny(x Register) Register {
	t := ns.t
	m, k, e := t.vec(), t.vec(), t.vec()
	VGETMANTPS(U8(mantissaFromThreeQuarters), x, m)
	VGETEXPPS(x, k)
	t.turn()
	VGETEXPPS(m, e) // -1 where m is below 1
	t.turn()
	VSUBPS(e, k, k)
	VSUBPS(ns.of(1), m, m)
	t.turn()
	return ns.logHorner(k, m)
}

// mantissaFromThreeQuarters has mantissas from 3/4 to 3/2, NaN for negative numbers, 1 for both zeros.
const mantissaFromThreeQuarters = 15

// logNormal is log(x) for a normal positive x, less k0 ln 2 if that is not nil.
func (ns *numbers) logNormal(x, k0 Register) Register {
	t := ns.t
	k, f := t.vec(), t.vec()
	VPSUBD(bits(threeQuarters), x, k)
	t.turn()
	VPSRAD(U8(23), k, k)
	t.turn()
	VPSLLD(U8(23), k, f)
	t.turn()
	VPSUBD(f, x, f)
	t.turn()
	VSUBPS(ns.of(1), f, f)
	VCVTDQ2PS(k, k)
	if k0 != nil {
		VSUBPS(k0, k, k)
	}
	t.turn()
	return ns.logHorner(k, f)
}

func (t *target) logarithm() {
	var ns *numbers
	const log, does = "Log", "dst[i] = log(a[i])"
	if t.wide() {
		body := func(c *loopCode, x Register, p place) { p.store(ns.logAny(x), c.dst) }
		t.loopQuick(log, does, 0, func(c *loopCode) { ns = t.numbers(11, 1, math.Ln2).hold(logR...) },
			&quick{vectors: 4, past: true, body: body}, func(c *loopCode, p place) { body(c, p.load(c.a), p) })
	} else {
		t.loopQuick(log, does, 0, func(c *loopCode) { ns = t.numbers(2, 1, logR[0]) },
			&quick{vectors: 4, past: true, bound: math.MaxFloat32, from: least, body: func(c *loopCode, x Register, p place) { p.store(ns.logNormal(x, nil), c.dst) }},
			func(c *loopCode, p place) {
				x := p.load(c.a)
				// A subnormal number is multiplied by 2^23 first.
				y, k0, large := t.vec(), t.vec(), t.vec()
				VCMPPS(U8(lessThan), number(least), x, k0)
				VMULPS(number(1<<23), x, large)
				VBLENDVPS(k0, large, x, y)
				VANDPS(number(23), k0, k0)
				r := ns.logNormal(y, k0)
				t.where(notLess, x, bits(infinity), r, x) // infinity and NaN
				special, zero := t.vec(), t.vec()
				VMOVUPS(bits(notANum), special)
				t.zero(zero)
				t.where(lessThan, x, zero, r, special)
				VMOVUPS(bits(minusInfinity), special)
				t.where(orderedEqual, x, zero, r, special)
				p.store(r, c.dst)
			})
	}

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
