package main

// exp and the functions that are made of it: softplus, the exponential units, sigmoid where it is small; and tanh, in pieces. x = n ln 2 + r with an integer n and |r| <= ln 2 / 2;
// p(r) = exp(r) - 1 is r + r² Q(r) with a polynomial Q of degree 4, minimax in the relative error of exp (3.2e-9). ln 2 is split so that the product
// of its first part with n is exact. n comes from adding 1.5·2^23, after which it stands in the low bits of the sum.

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	// Beyond these the result is infinite, or 0: exp need not look further.
	expHigh  = 89
	expLow   = -104.5
	decayLow = -88.2
	// Within this, exp is a normal number.
	expNormal = 87

	shifter = 3 << 22         // 1.5·2^23
	biased  = shifter + 2*127 // its low bits, halved, are a biased exponent
	ln2High = 0.693145751953125
	ln2Low  = math.Ln2 - ln2High

	signBit  = 1 << 31
	infinity = 0x7f800000
)

// expQ is Q from its highest power.
var expQ = []float32{0.0013818952720612288, 0.00836870539933443, 0.04166828840970993, 0.1666652113199234, 0.4999999403953552}

// holdExp loads what expm1 wants.
func (ns *numbers) holdExp() *numbers {
	return ns.hold(biased, math.Log2E, -ln2High, -ln2Low).hold(expQ...)
}

// holdDecay loads what decay wants.
func (ns *numbers) holdDecay() *numbers {
	return ns.hold(shifter+127, math.Log2E, -ln2High, -ln2Low).hold(expQ...)
}

// A power is 2^n.
type power struct {
	sum Register // biased + n
	n   Register // as a number
}

// expm1 splits x into 2^n and p(r): exp(x) = 2^n (1 + p). low, which may be nil, is added to r. Both are overwritten.
func (ns *numbers) expm1(x, low Register) (power, Register) {
	sum, n := ns.split(biased, x)
	return power{sum, n}, ns.reduced(x, n, low)
}

// reduced is p(x - n ln 2 + low).
func (ns *numbers) reduced(x, n, low Register) Register {
	t := ns.t
	VFMADD231PS(ns.of(-ln2High), n, x) // exact
	t.turn()
	if low == nil {
		VFMADD231PS(ns.of(-ln2Low), n, x)
	} else {
		VFMADD231PS(ns.of(-ln2Low), n, low)
		VADDPS(low, x, x)
	}
	t.turn()
	z := t.vec()
	VMULPS(x, x, z)
	t.turn()
	p := ns.polynomial(x, z, expQ...)
	VFMADD213PS(x, z, p) // p = z*p + x
	t.turn()
	return p
}

// split adds x/ln 2 to a shifter, whose sum holds the integer n, and gives that as a number too.
func (ns *numbers) split(shifter float32, x Register) (sum, n Register) {
	sum, n = ns.copy(shifter), ns.t.vec()
	VFMADD231PS(ns.of(math.Log2E), x, sum)
	ns.t.turn()
	VSUBPS(ns.of(shifter), sum, n)
	ns.t.turn()
	return sum, n
}

// decay turns x, at most 0, into exp(x), or 0 for less than about -87.7, where the result would not be a normal number.
func (ns *numbers) decay(x Register) {
	VMAXPS(x, ns.register(decayLow), x)
	ns.t.turn()
	sum, n := ns.split(shifter+127, x)
	p := ns.reduced(x, n, nil)
	VPSLLD(U8(23), sum, x) // 2^n, and 0 for n = -127
	VFMADD213PS(x, x, p)
	VMOVAPS(p, x)
}

// polynomial has coefficients c from the highest power of x; z is x². It goes in steps of two powers, whose chain of dependences is half as long as
// that of Horner's scheme.
func (ns *numbers) polynomial(x, z Register, c ...float32) Register {
	pair := func(a, b float32) Register {
		p := ns.copy(a)
		VFMADD213PS(ns.of(b), x, p)
		return p
	}
	var p Register
	if len(c)%2 == 1 {
		p, c = ns.copy(c[0]), c[1:]
	} else {
		p, c = pair(c[0], c[1]), c[2:]
	}
	for ; len(c) > 0; c = c[2:] {
		q := pair(c[0], c[1])
		ns.t.turn()
		VFMADD231PS(z, p, q)
		ns.t.turn()
		p = q
	}
	return p
}

// scale is x *= 2^n, also where 2^n or the result is not normal.
func (t *target) scale(x Register, p power) {
	if t.wide() {
		VSCALEFPS(p.n, x, x)
		return
	}
	// 2^n in two factors, since n may be -150 or 128: half of n, rounded down, and the rest. The two biases of 127 are in the sum.
	half, rest := t.vec(), t.vec()
	VPSRLD(U8(1), p.sum, half)
	VPSUBD(half, p.sum, rest)
	for _, e := range []Register{half, rest} {
		VPSLLD(U8(23), e, e)
		VMULPS(e, x, x)
	}
}

// normal is 2^n for -126 <= n <= 127; with least it is 2^-126 for any smaller n.
func (ns *numbers) normal(p power, least bool) Register {
	s := ns.t.vec()
	from := p.sum
	if least {
		VMAXPS(ns.of(biased-126), from, s)
		from = s
	}
	VPSUBD(bits(127), from, s)
	VPSLLD(U8(23), s, s)
	return s
}

// clamp holds x within the bounds of exp, unless it is NaN.
func (ns *numbers) clamp(x Register, high bool) {
	if high {
		VMINPS(x, ns.register(expHigh), x)
	}
	VMAXPS(x, ns.register(expLow), x)
}

// wholeExp is exp(x) in two parts, 2^n in the low bits of sum and 1+p. The steps go one power at a time: the chain is longer than that of polynomial, and
// there are fewer instructions, which is better where vectors stand abreast.
func (ns *numbers) wholeExp(shifter float32, x Register) (two power, p Register) {
	t := ns.t
	sum, n := ns.copy(shifter), t.vec()
	VFMADD231PS(ns.of(math.Log2E), x, sum)
	t.turn()
	VSUBPS(ns.of(shifter), sum, n)
	t.turn()
	VFMADD231PS(ns.of(-ln2High), n, x) // exact
	t.turn()
	VFMADD231PS(ns.of(-ln2Low), n, x)
	t.turn()
	p = ns.copy(expQ[0])
	for _, c := range expQ[1:] {
		VFMADD213PS(ns.of(c), x, p)
		t.turn()
	}
	for range 2 {
		VFMADD213PS(ns.of(1), x, p)
		t.turn()
	}
	return power{sum, n}, p
}

// expNormal is exp(x) for x within expNormal, where n is added to the exponent of 1+p.
func (ns *numbers) expNormal(x Register) Register {
	two, p := ns.wholeExp(shifter, x)
	VPSLLD(U8(23), two.sum, two.sum)
	VPADDD(two.sum, p, p)
	return p
}

// exp turns x into exp(x). Without high x must be at most 0.
func (ns *numbers) exp(x Register, high bool) {
	ns.clamp(x, high)
	ns.t.turn()
	two, p := ns.wholeExp(biased, x)
	VMOVAPS(p, x)
	ns.t.scale(x, two)
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

// absolute is the size of x.
func (t *target) absolute(x Register) Register {
	a := t.vec()
	if t.wide() {
		VPANDD(bits(signBit-1), x, a)
	} else {
		VANDPS(bits(signBit-1), x, a)
	}
	return a
}

// declining is what decline gives: q = e/(1+e) for e = exp(-z), z >= 0, and by its side the same, or a q, without the factor 2^n.
type declining struct {
	q, raw Register
	two    power
}

// decline takes -z, and low to be added to it, or nil; a nil a is 1. The quotient is corrected by its remainder, which takes back what the addition
// and the division lose. q is left out with a, and z and low are overwritten.
func (ns *numbers) decline(z, low, a Register) declining {
	t := ns.t
	two, p := ns.expm1(z, low)
	e, s := t.vec(), ns.normal(two, true)
	VMOVAPS(s, e)
	VFMADD231PS(s, p, e) // e = s*p + s
	d, lacks, one := t.vec(), t.vec(), ns.register(1)
	VADDPS(one, e, d)
	VSUBPS(one, d, lacks)
	VSUBPS(lacks, e, lacks)
	// The inverse of d, good enough for corrections.
	v := ns.copy(1.457)
	VFMADD231PS(ns.of(-0.5), d, v)
	r, q := t.vec(), t.vec()
	if a == nil {
		VADDPS(one, p, r)
	} else {
		VMOVAPS(a, r)
		VFMADD231PS(a, p, r)
	}
	VDIVPS(d, r, q)
	VFNMADD231PS(d, q, r)
	VFNMADD231PS(lacks, q, r)
	VFMADD231PS(v, r, q)
	if a != nil {
		return declining{raw: q, two: two}
	}
	// 2^n is 2^-126 where it is less, which changes nothing in 1-q.
	scaled := t.vec()
	VMULPS(s, q, scaled)
	return declining{scaled, q, two}
}

// signOf is r, whatever its sign, with the sign of x, which it may overwrite.
func (t *target) signOf(x, r Register) Register {
	if t.wide() {
		VPTERNLOGD(U8(0xd8), bits(signBit), x, r) // of x where the last is 1, else of r
		return r
	}
	r = t.absolute(r)
	VANDPS(bits(signBit), x, x)
	VORPS(x, r, r)
	return r
}

// signed is x with its sign bit set: -|x|.
func (t *target) signed(x Register) Register {
	r := t.vec()
	if t.wide() {
		VPORD(bits(signBit), x, r)
	} else {
		VORPS(bits(signBit), x, r)
	}
	return r
}

// sigmoid is 1/(1+exp(-x)), for what the shortcut leaves: e/(1+e) or 1/(1+e) with e = exp(-|x|), corrected.
func (ns *numbers) sigmoid(x Register) Register {
	t := ns.t
	e, d := t.signed(x), t.vec()
	ns.exp(e, false)
	one := ns.copy(1)
	VADDPS(one, e, d)
	r, q := t.negative(x, e, one), t.vec()
	VDIVPS(d, r, q)
	VSUBPS(one, d, one)
	VSUBPS(one, e, e) // e - (d-1): what d lacks
	VFNMADD231PS(d, q, r)
	VFNMADD231PS(e, q, r)
	v := ns.copy(1.457) // v = 1/d to 9 %
	VFMADD231PS(ns.of(-0.5), d, v)
	VFMADD231PS(v, r, q)
	return q
}

const (
	// tanhHigh is where tanh is 1.
	tanhHigh  = 9.1
	tanhScale = 1.647 // of a, plus 1, whose exponent and first bits are the piece
)

// hyperbolicTangent writes tanh, in pieces.
func (t *target) hyperbolicTangent() {
	var ns *numbers
	var pick *picker
	shift := uint8(22)
	if t.wide() {
		shift = 21
	}
	body := func(c *loopCode, x Register, p place) {
		a := t.absolute(x)
		VMINPS(a, ns.register(tanhHigh), a)
		t.turn()
		index := ns.copy(1)
		VFMADD231PS(ns.of(tanhScale), a, index)
		t.turn()
		VPSRLD(U8(shift), index, index)
		t.turn()
		r, _ := pick.powers(a, index, nil, false)
		p.store(t.signOf(x, r), c.dst)
	}
	t.loopQuick("Tanh", "dst[i] = tanh(a[i])", 0, func(c *loopCode) {
		pick = t.picker("tanh", t.pieces(tanhPieces16, tanhPieces8), 8)
		ns = t.numbers(1, tanhHigh)
		if t.wide() {
			ns = t.numbers(3, tanhHigh, 1, tanhScale)
		}
	}, &quick{vectors: 4, body: body}, func(c *loopCode, p place) { body(c, p.load(c.a), p) })
}

func (t *target) exponentials() {
	var ns *numbers
	q := &quick{vectors: 4, past: true, bound: expNormal, body: func(c *loopCode, x Register, p place) { p.store(ns.expNormal(x), c.dst) }}
	if t.wide() { // which has an instruction for 2^n
		q = &quick{vectors: 4, past: true, body: func(c *loopCode, x Register, p place) {
			ns.exp(x, true)
			p.store(x, c.dst)
		}}
	}
	t.loopQuick("Exp", "dst[i] = exp(a[i])", 0, func(c *loopCode) {
		if t.wide() {
			ns = t.numbers(20, expHigh, expLow, 1).holdExp()
		} else {
			ns = t.numbers(3, shifter, math.Log2E, -ln2High)
		}
	}, q, func(c *loopCode, p place) {
		x := p.load(c.a)
		ns.exp(x, true)
		p.store(x, c.dst)
	})

	share := t.sigmoidShare()
	share.loop("Sigmoid", "dst[i] = 1/(1+exp(-a[i]))", func(c *loopCode, x Register) Register { return share.ns.sigmoid(x) },
		func(x, r Register) Register { return share.ns.share(x, r) })

	t.hyperbolicTangent()
	t.logarithm()
	t.normalDistribution()
}
