package main

// exp and what follows from it. x = n ln 2 + r; exp(r) is 1 + r + r² P(r) with
// the polynomial of Cephes (expf.c, release 2.8, copyright 1984-2000 by Stephen
// L. Moshier).

import "math"

// Beyond these the result is infinite, or 0: exp need not look further.
const (
	expHigh = 89
	expLow  = -104.5
)

// expCode holds the numbers of exp in registers.
type expCode struct {
	c                                      *code
	high, low, log2e, ln2, rest, one, bias vector
	coefficients                           []vector
}

func (c *code) exp() *expCode {
	ln2 := float32(math.Ln2)
	e := &expCode{c: c, high: c.number(expHigh), low: c.number(expLow), log2e: c.number(math.Log2E),
		ln2: c.number(ln2), rest: c.number(float32(math.Ln2 - float64(ln2))), one: c.number(1), bias: c.bits(127)}
	for _, x := range []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		e.coefficients = append(e.coefficients, c.number(x))
	}
	return e
}

// expTemporaries is how many registers of makes use of.
const expTemporaries = 4

// of turns x into exp(x).
func (e *expCode) of(x vector, t []vector) {
	c, n, k, p, q := e.c, t[0], t[1], t[2], t[3]
	c.fmin(x, x, e.high)
	c.fmax(x, x, e.low)
	c.fmul(k, x, e.log2e)
	c.frintn(n, k)
	c.fcvtns(k, k)
	c.fms(x, n, e.ln2)
	c.fms(x, n, e.rest)
	p, q = c.polynomial(x, e.coefficients, p, q)
	c.fmul(n, x, x)
	c.fma(x, p, n)
	c.fadd(x, x, e.one)
	// 2^n in two factors, since n may be -150 or 128. Their exponents are n/2
	// rounded down and the rest.
	c.shiftRight(p, k, 1)
	c.op("VSUB", p.s4(), k.s4(), q.s4())
	for _, power := range []vector{p, q} {
		c.op("VADD", e.bias.s4(), power.s4(), power.s4())
		c.op("VSHL", 23, power.s4(), power.s4())
		c.fmul(x, x, power)
	}
}

// polynomial is (c[0]*x + c[1])*x + ...; it uses two registers, of which the first
// that it returns holds the result.
func (c *code) polynomial(x vector, coefficients []vector, p, q vector) (result, other vector) {
	c.move(coefficients[1], p)
	c.fma(p, coefficients[0], x)
	for _, a := range coefficients[2:] {
		c.move(a, q)
		c.fma(q, p, x)
		p, q = q, p
	}
	return p, q
}

const signBit = 1 << 31

func (c *code) exponentials() {
	var e *expCode
	c.loop("Exp", "dst[i] = exp(a[i])", "da", 2, func(*loop) { e = c.exp() }, func(l *loop, p place) {
		t := c.temporaries(1 + expTemporaries)
		p.load(l.a, t[0])
		e.of(t[0], t[1:])
		p.store(t[0], l.dst)
	})

	// q = 1/(1+e) or e/(1+e), and one step of correction by the remainder, which
	// takes back what the addition and the division lose.
	var half, v, sign vector
	begin := func(*loop) {
		e = c.exp()
		half, v, sign = c.number(0.5), c.number(1.457), c.bits(signBit)
	}
	c.loop("Sigmoid", "dst[i] = 1/(1+exp(-a[i]))", "da", 1, begin, func(l *loop, p place) {
		t := c.temporaries(4 + expTemporaries)
		x, y, d, r, q := t[0], t[1], t[2], t[3], t[4]
		p.load(l.a, x)
		c.or(y, x, sign)
		e.of(y, t[4:]) // of -|x|
		c.fadd(d, e.one, y)
		c.shiftRight(r, x, 31)
		c.choose(r, y, e.one)
		c.fdiv(q, r, d)
		c.fsub(x, d, e.one)
		c.fsub(y, y, x) // what d lacks
		c.fms(r, q, d)
		c.fms(r, q, y)
		c.move(v, x)
		c.fms(x, half, d) // 1/d to 9 %
		c.fma(q, r, x)
		p.store(q, l.dst)
	})

	// Near 0 the polynomial of Cephes (tanhf.c), elsewhere 1 - 2/(exp(2|x|)+1).
	var near, two vector
	var coefficients []vector
	begin = func(*loop) {
		e = c.exp()
		near, two, sign = c.number(0.625), c.number(2), c.bits(signBit)
		coefficients = nil
		for _, x := range []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1} {
			coefficients = append(coefficients, c.number(x))
		}
	}
	c.loop("Tanh", "dst[i] = tanh(a[i])", "da", 1, begin, func(l *loop, p place) {
		t := c.temporaries(4 + expTemporaries)
		x, a, far, z := t[0], t[1], t[2], t[3]
		p.load(l.a, x)
		c.fabs(a, x)
		c.fadd(far, a, a)
		e.of(far, t[4:])
		c.fadd(far, far, e.one)
		c.fdiv(far, two, far)
		c.fsub(far, e.one, far)

		c.fmul(z, a, a)
		q, r := c.polynomial(z, coefficients, t[4], t[5])
		c.fmul(z, z, a)
		c.move(a, r)
		c.fma(r, q, z) // near 0
		c.fsub(a, a, near)
		c.shiftRight(a, a, 31)
		c.choose(a, r, far)
		c.and(x, x, sign)
		c.or(a, a, x)
		p.store(a, l.dst)
	})
}
