package main

// erf, and the units that multiply x by a share between 0 and 1: GELU in both forms and SiLU, with their derivatives.
//
// All of them are max(x, 0) - T(|x|) with T(a) = a S(a), S(a) the share of -a, which keeps its relative precision where it is small. Up to a bound T is
// a polynomial in each of some pieces, and beyond it made of exp: for GELU S(a) = Φ(-a) and T(a) = exp(-a²/2) K(a) with K in pieces, for the others
// S = e/(1+e) with e = exp(-z), z = a for SiLU. The derivative is D(a) below 0 and 1 - D(a) above, D = S - a S', for GELU exp(-a²/2) times a function
// in pieces. Sigmoid is S of SiLU.

import (
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	geluHigh   = 14.55
	geluNormal = 12.8 // within this T is a normal number, or 0

	// Of a, plus a start: the exponent and first bits of that are the piece.
	bellScale16, bellStart16 = 1.28, 1.25
	bellScale8, bellStart8   = 1.02, 1

	geluA = 1.5957691216057307117597842397375 // 2√(2/π)
	geluB = 0.044715 * geluA
	geluK = 1 / 0.044715
	// Above these T is 0.
	geluTanhHigh = 11.1
	siluHigh     = 110
)

func rest(x float64) float32 { return float32(x - float64(float32(x))) }

// bellQ is what expQ is for exp(-v/2): coefficients of (exp(-v/2)-1)/v, from the highest power.
func bellQ() []float32 {
	var c []float32
	for i, q := range append(slices.Clone(expQ), 1) {
		c = append(c, q*float32(math.Pow(-0.5, float64(len(expQ)+1-i))))
	}
	return c
}

// bell gives the value of pick at a, times exp(-a²/2) without a factor of 2^n. a² - 2 ln 2 n comes from one multiply-add, so that the square is not
// rounded. precise takes in what the value lacks too.
func (ns *numbers) bell(shifter float32, a Register, pick *picker, precise bool) (r Register, two power) {
	t := ns.t
	start, by, shift := float32(bellStart8), float32(bellScale8), uint8(22)
	if t.wide() {
		start, by, shift = bellStart16, bellScale16, 21
	}
	var k, lacks, w Register
	t.abreast(2, func(chain int) {
		if chain == 0 {
			index := ns.copy(start)
			VFMADD231PS(ns.of(by), a, index)
			t.turn()
			VPSRLD(U8(shift), index, index)
			t.turn()
			k, lacks = pick.powers(a, index, nil, precise)
			return
		}
		s, sum, n := t.vec(), ns.copy(shifter), t.vec()
		VMULPS(a, a, s)
		t.turn()
		VFMADD231PS(ns.of(-0.5*math.Log2E), s, sum)
		t.turn()
		VSUBPS(ns.of(shifter), sum, n)
		t.turn()
		v := t.vec()
		VMULPS(ns.of(2*ln2High), n, v) // exact
		t.turn()
		VFMADD231PS(a, a, v)
		t.turn()
		VFMADD231PS(ns.of(2*ln2Low), n, v)
		t.turn()
		q := bellQ()
		w = ns.copy(q[0])
		for _, c := range q[1:] {
			VFMADD213PS(ns.of(c), v, w)
			t.turn()
		}
		VMULPS(v, w, w)
		two = power{sum, n}
	})
	t.turn()
	if !precise {
		VFMADD213PS(k, k, w)
		return w, two
	}
	VFMADD213PS(lacks, k, w)
	t.turn()
	VADDPS(k, w, w)
	return w, two
}

// holdUnit loads what units of the kind of e/(1+e) want.
func (ns *numbers) holdUnit() *numbers { return ns.holdExp().hold(1, 1.457, -0.5, biased-126) }

// minusPolynomial is -z with z = 2√(2/π) (a + 0.044715 a³) = geluB a (geluK + a²), and what it lacks.
func (ns *numbers) minusPolynomial(a Register) (z, low Register) {
	t := ns.t
	s, sl := t.vec(), t.vec()
	VMULPS(a, a, s)
	VMOVAPS(a, sl)
	VFMSUB213PS(s, a, sl)
	// w = geluK + s and what it lacks
	k, w, more := ns.copy(geluK), t.vec(), t.vec()
	VADDPS(k, s, w)
	VMAXPS(k, s, more)
	VMINPS(k, s, k)
	VSUBPS(more, w, more)
	VSUBPS(more, k, k)
	VADDPS(k, sl, sl)
	VADDPS(number(rest(geluK)), sl, sl)
	b, bl := t.vec(), t.vec()
	VMULPS(ns.of(-geluB), a, b)
	VMOVAPS(a, bl)
	VFMSUB132PS(ns.of(-geluB), b, bl)
	VFMADD231PS(number(-rest(geluB)), a, bl)
	z, low = t.vec(), t.vec()
	VMULPS(b, w, z)
	VMOVAPS(b, low)
	VFMSUB213PS(z, w, low)
	VFMADD231PS(b, sl, low)
	VFMADD231PS(bl, w, low)
	return z, low
}

// unit is max(x, 0) - T.
func (t *target) unit(x, product Register) Register {
	zero := t.vec()
	t.zero(zero)
	VPMAXSD(x, zero, x) // the greater one in float32 too; a NaN is in product
	VSUBPS(product, x, x)
	return x
}

// share is d where x is negative, else 1-d.
func (ns *numbers) share(x, d Register) Register {
	r := ns.copy(1)
	VSUBPS(d, r, r)
	return ns.t.negative(x, d, r)
}

// slope is d where x is negative, else 1-d, times dy.
func (ns *numbers) slope(x, d, dy Register) Register {
	r := ns.share(x, d)
	VMULPS(dy, r, r)
	return r
}

// derivative writes a function dst[i] = b[i] slope(a[i]) and its form that adds. q, which may be nil, says for what its quick form is.
func (t *target) derivative(name, does string, begin func(c *loopCode), q *quick, body func(c *loopCode, x Register, p place, quick bool) Register) {
	for _, add := range []bool{false, true} {
		suffix, is := "", "dst[i] = "
		if add {
			suffix, is = "Add", "dst[i] += "
		}
		finish := func(c *loopCode, r Register, p place) {
			if add {
				VADDPS(p.load(c.dst), r, r)
			}
			p.store(r, c.dst)
		}
		if q != nil {
			q = &quick{vectors: q.vectors, bound: q.bound, body: func(c *loopCode, x Register, p place) { finish(c, body(c, x, p, true), p) }}
		}
		t.loopQuick(name+suffix, is+does, 1, begin, q, func(c *loopCode, p place) { finish(c, body(c, p.load(c.a), p, false), p) })
	}
}

// normalUnit writes GELU and its derivative. Beyond the shortcut, and for the derivative, T comes from the bell.
func (t *target) normalUnit() {
	var ns *numbers
	var pick *picker
	begin := func(name string, wide, narrow pieces) func(c *loopCode) {
		return func(c *loopCode) {
			if t.wide() {
				pick = t.picker(name, wide, 8)
				ns = t.numbers(5, bellScale16, bellStart16, shifter, -0.5*math.Log2E, 2*ln2High, 2*ln2Low).hold(bellQ()...)
			} else {
				pick = t.picker(name, narrow, 0)
				ns = t.numbers(1, shifter)
			}
		}
	}
	anywhere := func(x Register, precise bool) Register {
		a := t.absolute(x)
		VMINPS(a, ns.register(geluHigh), a)
		r, two := ns.bell(biased, a, pick, precise)
		t.scale(r, two)
		return r
	}
	short := t.shortcut("below", shortcut{pieces: belowPieces16, high: 6, square: 0.246944444, linear: 1.1},
		shortcut{pieces: belowPieces8, high: 5.5, square: 0.120330579, linear: 0.7})
	short.loop("GELU", "dst[i] = a[i] Φ(a[i])", func(c *loopCode, x Register) Register {
		pick, ns = t.picker("bell", t.pieces(bellPieces16, bellPieces8), 0), short.ns
		return anywhere(x, true)
	}, t.unit)
	t.derivative("GELUBack", "b[i] (Φ(a[i]) + a[i] φ(a[i]))", begin("bellSlope", bellSlopePieces16, bellSlopePieces8), &quick{vectors: bellAbreast, bound: geluNormal},
		func(c *loopCode, x Register, p place, quick bool) Register {
			if !quick {
				return ns.slope(x, anywhere(x, false), p.load(c.b))
			}
			r, two := ns.bell(shifter, t.absolute(x), pick, false)
			t.turn()
			VPSLLD(U8(23), two.sum, two.sum)
			VPADDD(two.sum, r, r)
			return ns.slope(p.load(c.a), r, p.load(c.b))
		})
}

const bellAbreast = 2

func (t *target) normalDistribution() {
	var ns *numbers
	var pick *picker

	erf := func(c *loopCode, x Register, p place) {
		a := t.absolute(x)
		VMINPS(a, ns.register(3.94), a)
		t.turn()
		index := ns.copy(shifter)
		if t.wide() {
			VFMADD231PS(ns.of(1/0.26), a, index)
		} else {
			VFMADD231PS(number(1/0.53), a, index)
		}
		t.turn()
		r, _ := pick.powers(a, index, ns.of(erfRest), false)
		VMINPS(r, ns.register(1), r)
		p.store(t.signOf(x, r), c.dst)
	}
	t.loopQuick("Erf", "dst[i] = erf(a[i])", 0, func(c *loopCode) {
		pick = t.picker("erf", t.pieces(erfPieces16, erfPieces8), 8)
		ns = t.numbers(1, 3.94)
		if t.wide() {
			ns = t.numbers(8, shifter, 1/0.26, 3.94, 1, erfRest)
		}
	}, &quick{vectors: 4, body: erf}, func(c *loopCode, p place) { erf(c, p.load(c.a), p) })

	t.normalUnit()

	unit := func(c *loopCode) { ns = t.numbers(18).holdUnit() }
	bounded := func(x Register, high float32) Register {
		a := t.absolute(x)
		VMINPS(a, ns.register(high), a)
		return a
	}
	product := func(d declining) Register {
		t.scale(d.raw, d.two)
		return d.raw
	}
	silu := t.shortcut("silu", shortcut{pieces: siluPieces16, high: 17.4, square: -0.0109063284, linear: 1.08},
		shortcut{pieces: siluPieces8, high: 17.4, square: -0.00623794425, linear: 0.539})
	silu.loop("SiLU", "dst[i] = a[i]/(1+exp(-a[i]))", func(c *loopCode, x Register) Register {
		ns = silu.ns
		a := bounded(x, siluHigh)
		return product(ns.decline(t.signed(a), nil, a))
	}, t.unit)
	// D = q (1 - a (1-q) z'), with z' the derivative of z.
	sloped := func(c *loopCode, x, a, dz Register, p place, d declining) Register {
		r, one := t.vec(), ns.register(1)
		VSUBPS(d.q, one, r)
		VMULPS(a, r, r)
		if dz != nil {
			VMULPS(dz, r, r)
		}
		VSUBPS(r, one, r)
		VMULPS(d.raw, r, r)
		t.scale(r, d.two)
		return ns.slope(x, r, p.load(c.b))
	}
	t.derivative("SiLUBack", "b[i] times the derivative of SiLU at a[i]", unit, nil, func(c *loopCode, x Register, p place, _ bool) Register {
		a := bounded(x, siluHigh)
		return sloped(c, x, a, nil, p, ns.decline(t.signed(a), nil, nil))
	})
	gelu := t.shortcut("geluTanh", shortcut{pieces: geluTanhPieces16, high: 5.2, square: 0.245931953, linear: 1.7},
		shortcut{pieces: geluTanhPieces8, high: 5, square: 0.1696, linear: 0.65})
	gelu.loop("GELUTanh", "dst[i] = a[i]/2 (1+tanh(√(2/π) (a[i]+0.044715 a[i]³)))", func(c *loopCode, x Register) Register {
		ns = gelu.ns
		a := bounded(x, geluTanhHigh)
		z, low := ns.minusPolynomial(a)
		return product(ns.decline(z, low, a))
	}, t.unit)
	t.derivative("GELUTanhBack", "b[i] times the derivative of GELUTanh at a[i]", unit, nil, func(c *loopCode, x Register, p place, _ bool) Register {
		a := bounded(x, geluTanhHigh)
		z, low := ns.minusPolynomial(a)
		dz, s := ns.copy(geluA), t.vec()
		VMULPS(a, a, s)
		VFMADD231PS(number(3*geluB), s, dz)
		return sloped(c, x, a, dz, p, ns.decline(z, low, nil))
	})
	share := t.sigmoidShare()
	t.derivative("SoftplusBack", "b[i]/(1+exp(-a[i]))", func(c *loopCode) { share.begin() }, &quick{vectors: 4, bound: -share.high},
		func(c *loopCode, x Register, p place, quick bool) Register {
			if quick {
				r := share.near(x)
				return share.ns.slope(p.load(c.a), r, p.load(c.b))
			}
			return share.ns.slope(x, share.all(x, func() Register { return share.ns.sigmoid(x) }), p.load(c.b))
		})
}

// sigmoidShare is 1/(1+exp(|x|)).
func (t *target) sigmoidShare() *shortcut {
	return t.shortcut("sigmoid", shortcut{pieces: sigmoidPieces16, high: 17.4, square: -0.00171092615, linear: 0.92},
		shortcut{pieces: sigmoidPieces8, high: 17.4, square: -0.00250231206, linear: 0.474})
}
