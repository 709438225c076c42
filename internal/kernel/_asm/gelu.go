package main

// erf, and the units that multiply x by a share between 0 and 1: GELU in both forms and SiLU, with their derivatives.
//
// All of them are max(x, 0) - T(|x|) with T(a) = a S(a), S(a) the share of -a, which keeps its relative precision where it is small: for GELU
// S(a) = Φ(-a) = exp(-a²/2) G(a) with G in pieces, for the others S = e/(1+e) with e = exp(-z), z = a for SiLU. The derivative is D(a) below 0 and
// 1 - D(a) above, D = S - a S'.

import (
	"math"

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

// at is the value at a, whose piece index says. rest, if not nil, is what the second coefficients lack, which matters where the first one is 0.
func (k *picker) at(a, index Register, rest Op) Register {
	p, _ := k.both(a, index, rest, false)
	return p
}

// both gives, if wanted, what the result lacks too.
func (k *picker) both(a, index Register, rest Op, wanted bool) (p, lacks Register) {
	pick := func(table Op) Register {
		r := k.t.vec()
		VPERMPS(table, index, r)
		return r
	}
	d, z := pick(k.tables[0]), k.t.vec()
	VSUBPS(d, a, d)
	VMULPS(d, d, z)
	pair := func(high, low int) Register {
		p, c := pick(k.tables[high]), pick(k.tables[low])
		VFMADD213PS(c, d, p)
		return p
	}
	// In steps of two powers down to the second, then one by one: these steps are the precise ones.
	n := len(k.tables) - 1
	if n%2 == 1 {
		p = pick(k.tables[n])
		n--
	} else {
		p = pair(n, n-1)
		n -= 2
	}
	for ; n >= 4; n -= 2 {
		q := pair(n, n-1)
		VFMADD231PS(z, p, q)
		p = q
	}
	VFMADD213PS(pick(k.tables[2]), d, p)
	c := pick(k.tables[1])
	if rest != nil {
		VFMADD231PS(rest, d, c)
	}
	if !wanted {
		VFMADD213PS(c, d, p)
		return p, nil
	}
	r := k.t.vec()
	VMOVAPS(c, r)
	VFMADD231PS(d, p, r)
	VSUBPS(r, c, c)
	VFMADD213PS(c, d, p)
	return r, p
}

// powers is what at is, one power at a time, for vectors abreast.
func (k *picker) powers(a, index Register, rest Op) Register {
	pick := func(table Op) Register {
		r := k.t.vec()
		VPERMPS(table, index, r)
		return r
	}
	d := pick(k.tables[0])
	VSUBPS(d, a, d)
	n := len(k.tables) - 1
	p := pick(k.tables[n])
	k.t.turn()
	for n--; n >= 1; n-- {
		c := pick(k.tables[n])
		if n == 1 && rest != nil {
			VFMADD231PS(rest, d, c)
		}
		VFMADD213PS(c, d, p)
		k.t.turn()
	}
	return p
}

func (t *target) pieces(wide, narrow pieces) pieces {
	if t.wide() {
		return wide
	}
	return narrow
}

const (
	geluHigh     = 14.55
	belowScale   = 1.03             // of a, plus 1, whose exponent and first bits are the piece
	normalHeight = 0.39894228040143 // 1/sqrt(2 pi)

	geluA = 1.5957691216057307117597842397375 // 2√(2/π)
	geluB = 0.044715 * geluA
	geluK = 1 / 0.044715
	// Above these T is 0.
	geluTanhHigh = 11.1
	siluHigh     = 110
)

func rest(x float64) float32 { return float32(x - float64(float32(x))) }

// below gives G(|x|), if precise what it lacks, a = |x| up to a bound, and p and 2^n of exp(-a²/2).
func (ns *numbers) below(x Register, pick *picker, precise bool) (g, lacks, a, p Register, two power) {
	t := ns.t
	a = t.absolute(x)
	VMINPS(a, ns.register(geluHigh), a)
	index := ns.copy(1)
	VFMADD231PS(ns.of(belowScale), a, index)
	shift := uint8(22)
	if t.wide() {
		shift = 21
	}
	VPSRLD(U8(shift), index, index)
	g, lacks = pick.both(a, index, nil, precise)
	half, square, low := t.vec(), t.vec(), t.vec()
	VMULPS(ns.of(-0.5), a, half)
	VMULPS(half, a, square)
	VMOVAPS(half, low)
	VFMSUB213PS(square, a, low) // what the square lacks
	two, p = ns.expm1(square, low)
	return g, lacks, a, p, two
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

// derivative writes a function dst[i] = b[i] slope(a[i]) and its form that adds.
func (t *target) derivative(name, does string, begin func(c *loopCode), body func(c *loopCode, x, dy Register) Register) {
	for _, add := range []bool{false, true} {
		suffix, is := "", "dst[i] = "
		if add {
			suffix, is = "Add", "dst[i] += "
		}
		t.loop(name+suffix, is+does, 1, begin, func(c *loopCode, p place) {
			r := body(c, p.load(c.a), p.load(c.b))
			if add {
				VADDPS(p.load(c.dst), r, r)
			}
			p.store(r, c.dst)
		})
	}
}

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
		r := pick.powers(a, index, ns.of(erfRest))
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

	begin := func(c *loopCode) {
		pick = t.picker("below", t.pieces(belowPieces16, belowPieces8), 8)
		ns = t.numbers(13, geluHigh, 1, belowScale, -0.5).holdExp()
	}
	t.loop("GELU", "dst[i] = a[i] Φ(a[i])", 1, begin, func(c *loopCode, p place) {
		x := p.load(c.a)
		g, lacks, a, e, two := ns.below(x, pick, true)
		h, low := t.vec(), t.vec()
		VMULPS(a, g, h)
		VMOVAPS(a, low)
		VFMSUB213PS(h, g, low) // what h lacks
		VFMADD231PS(lacks, a, low)
		VFMADD231PS(e, h, low)
		VADDPS(h, low, h) // a g (1+e)
		t.scale(h, two)
		p.store(t.unit(x, h), c.dst)
	})
	t.derivative("GELUBack", "b[i] (Φ(a[i]) + a[i] φ(a[i]))", begin, func(c *loopCode, x, dy Register) Register {
		g, _, a, e, two := ns.below(x, pick, false)
		VFMADD231PS(number(-normalHeight), a, g)
		VFMADD213PS(g, g, e) // e g + g
		t.scale(e, two)
		return ns.slope(x, e, dy)
	})

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
	sloped := func(x, a, dz, dy Register, d declining) Register {
		r, one := t.vec(), ns.register(1)
		VSUBPS(d.q, one, r)
		VMULPS(a, r, r)
		if dz != nil {
			VMULPS(dz, r, r)
		}
		VSUBPS(r, one, r)
		VMULPS(d.raw, r, r)
		t.scale(r, d.two)
		return ns.slope(x, r, dy)
	}
	t.derivative("SiLUBack", "b[i] times the derivative of SiLU at a[i]", unit, func(c *loopCode, x, dy Register) Register {
		a := bounded(x, siluHigh)
		return sloped(x, a, nil, dy, ns.decline(t.signed(a), nil, nil))
	})
	t.loop("GELUTanh", "dst[i] = a[i]/2 (1+tanh(√(2/π) (a[i]+0.044715 a[i]³)))", 1, unit, func(c *loopCode, p place) {
		x := p.load(c.a)
		a := bounded(x, geluTanhHigh)
		z, low := ns.minusPolynomial(a)
		p.store(product(x, ns.decline(z, low, a)), c.dst)
	})
	t.derivative("GELUTanhBack", "b[i] times the derivative of GELUTanh at a[i]", unit, func(c *loopCode, x, dy Register) Register {
		a := bounded(x, geluTanhHigh)
		z, low := ns.minusPolynomial(a)
		dz, s := ns.copy(geluA), t.vec()
		VMULPS(a, a, s)
		VFMADD231PS(number(3*geluB), s, dz)
		return sloped(x, a, dz, dy, ns.decline(z, low, nil))
	})
	t.derivative("SoftplusBack", "b[i]/(1+exp(-a[i]))", func(c *loopCode) {
		ns = t.numbers(20, expLow, 1, 1.457, -0.5).holdExp()
	}, func(c *loopCode, x, dy Register) Register {
		r := ns.sigmoid(x)
		VMULPS(dy, r, r)
		return r
	})
}
