package main

// Kernels that compute each element from the elements at the same place: four
// vectors in a round, then single ones, then what is left number by number, as
// the first lane of a vector. A lane gets the same instructions in all three, so
// that the bits of an element don't depend on its place.

import "fmt"

const (
	lanes         = 4
	registerBytes = 4 * lanes
)

// A place is a vector's place in the slices of a loop.
type place struct {
	c      *code
	offset int  // in bytes
	single bool // one number; the other lanes are loaded as 0
}

func (p place) name() string {
	if p.single {
		return "FMOVS"
	}
	return "FMOVQ"
}

func (p place) load(slice string, to vector) {
	p.c.op(p.name(), fmt.Sprintf("%d(%s)", p.offset, slice), to.f())
}

func (p place) store(from vector, slice string) {
	p.c.op(p.name(), from.f(), fmt.Sprintf("%d(%s)", p.offset, slice))
}

// each writes the loop over n values of some slices, unroll vectors in a round.
func (c *code) each(n string, slices []string, unroll int, body func(p place)) {
	next := func(values int) {
		for _, s := range slices {
			c.op("ADD", 4*values, s)
		}
		c.op("SUB", values, n)
	}
	end := c.fresh("end")
	if unroll > 1 {
		several, one := c.fresh("several"), c.fresh("one")
		c.label(several)
		c.op("CMP", unroll*lanes, n)
		c.op("BLT", one)
		for v := range unroll {
			body(place{c, v * registerBytes, false})
		}
		next(unroll * lanes)
		c.op("B", several)
		c.label(one)
	}
	vectors, rest := c.fresh("vector"), c.fresh("rest")
	c.label(vectors)
	c.op("CMP", lanes, n)
	c.op("BLT", rest)
	body(place{c, 0, false})
	next(lanes)
	c.op("B", vectors)
	c.label(rest)
	c.op("CBZ", n, end)
	body(place{c, 0, true})
	next(1)
	c.op("B", rest)
	c.label(end)
}

// A loop is what the body of a function over dst, a and b works with.
type loop struct {
	*code
	dst, a, b string
	x         vector // set by begin, for the loop's own use
}

// loop writes a function over dst, a, b and a number s, whatever it uses of them: uses
// has the letters d, a, b.
func (c *code) loop(name, does, uses string, unroll int, begin func(l *loop), body func(l *loop, p place)) {
	c.function(name, "func(n int, dst, a, b *float32, s float32)", "is "+does+" for n values.")
	l, n := &loop{code: c}, c.load("n")
	var slices []string
	for _, slice := range []struct {
		letter byte
		name   string
		to     *string
	}{{'d', "dst", &l.dst}, {'a', "a", &l.a}, {'b', "b", &l.b}} {
		for i := range uses {
			if uses[i] == slice.letter {
				*slice.to = c.load(slice.name)
				slices = append(slices, *slice.to)
			}
		}
	}
	if begin != nil {
		begin(l)
	}
	c.each(n, slices, unroll, func(p place) { body(l, p) })
	c.ret()
}

func (c *code) elementwise() {
	binary := func(op func(d, n, m vector)) func(l *loop, p place) {
		return func(l *loop, p place) {
			t := c.temporaries(2)
			p.load(l.a, t[0])
			p.load(l.b, t[1])
			op(t[0], t[0], t[1])
			p.store(t[0], l.dst)
		}
	}
	s := func(l *loop) { l.x = c.broadcast("s") }
	c.loop("Add", "dst[i] = a[i] + b[i]", "dab", 4, nil, binary(c.fadd))
	c.loop("Sub", "dst[i] = a[i] - b[i]", "dab", 4, nil, binary(c.fsub))
	c.loop("Mul", "dst[i] = a[i] * b[i]", "dab", 4, nil, binary(c.fmul))
	c.loop("MulAdd", "dst[i] += float32(a[i]*b[i])", "dab", 4, nil, func(l *loop, p place) {
		t := c.temporaries(3)
		p.load(l.a, t[0])
		p.load(l.b, t[1])
		p.load(l.dst, t[2])
		c.fmul(t[0], t[0], t[1])
		c.fadd(t[0], t[2], t[0])
		p.store(t[0], l.dst)
	})
	c.loop("Axpy", "dst[i] += float32(s*a[i])", "da", 4, s, func(l *loop, p place) {
		t := c.temporaries(2)
		p.load(l.a, t[0])
		p.load(l.dst, t[1])
		c.fmul(t[0], l.x, t[0])
		c.fadd(t[0], t[1], t[0])
		p.store(t[0], l.dst)
	})
	c.loop("Scale", "dst[i] = s*a[i]", "da", 4, s, func(l *loop, p place) {
		t := c.temporaries(1)
		p.load(l.a, t[0])
		c.fmul(t[0], l.x, t[0])
		p.store(t[0], l.dst)
	})
	c.loop("Fill", "dst[i] = s", "d", 4, s, func(l *loop, p place) { p.store(l.x, l.dst) })

	zero := func(l *loop) { l.x = c.constant(); c.zero(l.x) }
	c.loop("Relu", "dst[i] = max(a[i], 0)", "da", 4, zero, func(l *loop, p place) {
		t := c.temporaries(1)
		p.load(l.a, t[0])
		c.fmax(t[0], t[0], l.x)
		p.store(t[0], l.dst)
	})
	c.loop("ReluBack", "dst[i] = b[i] where not a[i] <= 0, else 0,", "dab", 4, nil, func(l *loop, p place) {
		t := c.temporaries(2)
		p.load(l.a, t[0])
		p.load(l.b, t[1])
		c.notAbove(t[0], t[0])
		c.andNot(t[1], t[1], t[0])
		p.store(t[1], l.dst)
	})
	c.loop("ReluBackAdd", "dst[i] += b[i] where not a[i] <= 0", "dab", 4, nil, func(l *loop, p place) {
		t := c.temporaries(3)
		p.load(l.a, t[0])
		p.load(l.b, t[1])
		p.load(l.dst, t[2])
		c.notAbove(t[0], t[0])
		c.fadd(t[1], t[2], t[1])
		c.choose(t[0], t[2], t[1])
		p.store(t[0], l.dst)
	})

	ones := func(l *loop) { l.x = c.number(1) }
	for _, add := range []bool{false, true} {
		name, does := "", "dst[i] ="
		if add {
			name, does = "Add", "dst[i] +="
		}
		finish := func(l *loop, p place, r, d vector) {
			if add {
				p.load(l.dst, d)
				c.fadd(r, d, r)
			}
			p.store(r, l.dst)
		}
		c.loop("SigmoidBack"+name, does+" b[i]*float32(a[i]*(1-a[i]))", "dab", 2, ones, func(l *loop, p place) {
			t := c.temporaries(3)
			y, d, r := t[0], t[1], t[2]
			p.load(l.a, y)
			p.load(l.b, d)
			c.fsub(r, l.x, y)
			c.fmul(r, y, r)
			c.fmul(r, d, r)
			finish(l, p, r, d)
		})
		c.loop("TanhBack"+name, does+" b[i]*(1-float32(a[i]*a[i]))", "dab", 2, ones, func(l *loop, p place) {
			t := c.temporaries(3)
			y, d, r := t[0], t[1], t[2]
			p.load(l.a, y)
			p.load(l.b, d)
			c.fmul(r, y, y)
			c.fsub(r, l.x, r)
			c.fmul(r, d, r)
			finish(l, p, r, d)
		})
	}
}
