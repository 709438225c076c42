package main

// erf, and the units that multiply x by a share between 0 and 1: GELU in both forms and SiLU, with their derivatives.
//
// All of them are max(x, 0) - T(|x|) with T(a) = a S(a), S(a) the share of -a, which keeps its relative precision where it is small: for GELU
// S(a) = Φ(-a) and T(a) = exp(-a²/2) K(a) with K in pieces, for the others S = e/(1+e) with e = exp(-z), z = a for SiLU. The derivative is D(a)
// below 0 and 1 - D(a) above, D = S - a S', for GELU too exp(-a²/2) times a function in pieces.

import (
	"math"
	"slices"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A picker computes a function in pieces.
type picker struct {
	t *target
	p pieces
	// What the tables are read from.
	tables []Op
}

// tables16 are the tables that stand in memory.
var pieceTables = map[string]Mem{}

func (t *target) table(name string, x []float32) Mem {
	m, ok := pieceTables[name]
	if !ok {
		m = GLOBL(name, attr.RODATA|attr.NOPTR)
		for i, v := range x {
			DATA(4*i, U32(math.Float32bits(v))) // F32 writes a whole number as an integer
		}
		pieceTables[name] = m
	}
	return m
}

// picker loads the tables of p; those of the highest powers stay in memory when registers are fewer.
func (t *target) picker(name string, p pieces, registers int) *picker {
	k := &picker{t: t, p: p}
	for i, row := range p {
		m := t.table(name+string(rune('a'+i)), row)
		if t.wide() && i < registers {
			r := t.vec()
			VMOVUPS(m, r)
			k.tables = append(k.tables, r)
		} else {
			k.tables = append(k.tables, m)
		}
	}
	return k
}

// powers is the value at a, whose piece index says, one power at a time.
// rest, if not nil, is what the second coefficients lack, which matters where the first one is 0. It gives, if wanted, what the result lacks too.
func (k *picker) powers(a, index Register, rest Op, wanted bool) (p, lacks Register) {
	pick := func(table Op) Register {
		r := k.t.vec()
		VPERMPS(table, index, r)
		return r
	}
	d := pick(k.tables[0])
	VSUBPS(d, a, d)
	n := len(k.tables) - 1
	p = pick(k.tables[n])
	k.t.turn()
	for n--; n >= 1; n-- {
		c := pick(k.tables[n])
		if n == 1 && rest != nil {
			VFMADD231PS(rest, d, c)
		}
		if n == 1 && wanted {
			r := k.t.vec()
			VMOVAPS(c, r)
			VFMADD231PS(d, p, r)
			k.t.turn()
			VSUBPS(r, c, c)
			VFMADD213PS(c, d, p)
			k.t.turn()
			return r, p
		}
		VFMADD213PS(c, d, p)
		k.t.turn()
	}
	return p, nil
}

func (t *target) pieces(wide, narrow pieces) pieces {
	if t.wide() {
		return wide
	}
	return narrow
}

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

// unit writes max(x, 0) - T.
func (t *target) unit(x, product Register) Register {
	zero := t.vec()
	t.zero(zero)
	VMAXPS(x, zero, x)
	VSUBPS(product, x, x)
	return x
}

// slope is d where x is negative, else 1-d, times dy.
func (ns *numbers) slope(x, d, dy Register) Register {
	r := ns.copy(1)
	VSUBPS(d, r, r)
	r = ns.t.negative(x, d, r)
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
			q = &quick{q.vectors, q.bound, func(c *loopCode, x Register, p place) { finish(c, body(c, x, p, true), p) }}
		}
		t.loopQuick(name+suffix, is+does, 1, begin, q, func(c *loopCode, p place) { finish(c, body(c, p.load(c.a), p, false), p) })
	}
}

// normalUnit writes GELU and its derivative. For a up to a bound T comes from pieces alone, whose index is a polynomial of a, rounded; beyond it, where
// few numbers are, and for the derivative from the bell.
func (t *target) normalUnit() {
	var ns *numbers
	var pick, direct *picker
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
	// T of the size of x, as if it were no larger than the bound.
	high, square, linear := float32(5.5), float32(0.120330579), float32(0.7)
	if t.wide() {
		high, square, linear = 6, 0.246944444, 1.1
	}
	near := func(x Register) Register {
		a := t.absolute(x)
		VMINPS(a, ns.register(high), a)
		t.turn()
		v, index := ns.copy(linear), ns.copy(shifter)
		VFMADD231PS(ns.of(square), a, v)
		t.turn()
		VFMADD231PS(v, a, index)
		t.turn()
		r, _ := direct.powers(a, index, nil, false)
		return r
	}
	store := func(c *loopCode, x, product Register, p place) {
		zero := t.vec()
		t.zero(zero)
		VPMAXSD(x, zero, x) // the greater one in float32 too; a NaN is in product
		VSUBPS(product, x, x)
		p.store(x, c.dst)
	}
	t.loopQuick("GELU", "dst[i] = a[i] Φ(a[i])", 0, func(c *loopCode) {
		direct = t.picker("below", t.pieces(belowPieces16, belowPieces8), 9)
		pick = t.picker("bell", t.pieces(bellPieces16, bellPieces8), 0)
		ns = t.numbers(2, high, shifter)
		if t.wide() {
			ns.left = 2
			ns.hold(square, linear)
		}
	}, &quick{4, -high, func(c *loopCode, x Register, p place) {
		r := near(x)
		store(c, p.load(c.a), r, p) // loaded anew: registers are few
	}}, func(c *loopCode, p place) {
		x := p.load(c.a)
		var r, far Register
		t.abreast(2, func(way int) {
			if way == 0 {
				r = near(x)
			} else {
				far = anywhere(x, true)
			}
		})
		t.where(lessThan, x, number(-high), r, far)
		store(c, x, r, p)
	})
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
	product := func(x Register, d declining) Register {
		t.scale(d.raw, d.two)
		return t.unit(x, d.raw)
	}
	t.loop("SiLU", "dst[i] = a[i]/(1+exp(-a[i]))", 1, unit, func(c *loopCode, p place) {
		x := p.load(c.a)
		a := bounded(x, siluHigh)
		p.store(product(x, ns.decline(t.signed(a), nil, a)), c.dst)
	})
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
	t.loop("GELUTanh", "dst[i] = a[i]/2 (1+tanh(√(2/π) (a[i]+0.044715 a[i]³)))", 1, unit, func(c *loopCode, p place) {
		x := p.load(c.a)
		a := bounded(x, geluTanhHigh)
		z, low := ns.minusPolynomial(a)
		p.store(product(x, ns.decline(z, low, a)), c.dst)
	})
	t.derivative("GELUTanhBack", "b[i] times the derivative of GELUTanh at a[i]", unit, nil, func(c *loopCode, x Register, p place, _ bool) Register {
		a := bounded(x, geluTanhHigh)
		z, low := ns.minusPolynomial(a)
		dz, s := ns.copy(geluA), t.vec()
		VMULPS(a, a, s)
		VFMADD231PS(number(3*geluB), s, dz)
		return sloped(c, x, a, dz, p, ns.decline(z, low, nil))
	})
	t.derivative("SoftplusBack", "b[i]/(1+exp(-a[i]))", func(c *loopCode) {
		ns = t.numbers(20, expLow, 1, 1.457, -0.5).holdExp()
	}, nil, func(c *loopCode, x Register, p place, _ bool) Register {
		r := ns.sigmoid(x)
		VMULPS(p.load(c.b), r, r)
		return r
	})
}
