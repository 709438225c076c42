package main

// Reductions. Sums are in float64 and have the tree of Table.Sum: the four lanes
// of two registers are its four interleaved sums.

import "fmt"

const leaf = 512

// sums writes the sums of leaves, of x and of the products of a and b.
func (c *code) sums() {
	for _, dot := range []bool{false, true} {
		c.oneLeaf(dot)
		c.twoLeaves(dot)
	}
}

// summands are the names of what is summed.
func summands(dot bool) (prefix, list, summand string, names []string) {
	if dot {
		return "Dot", "a, b *float32", "float64(a[i])*float64(b[i])", []string{"a", "b"}
	}
	return "Sum", "x *float32", "float64(x[i])", []string{"x"}
}

// four adds four numbers or products at an offset to the sums s0, s1 and s2, s3. A product is
// exact in float64.
func (c *code) four(slices []string, offset int, low, high vector) {
	var wide [][2]vector
	for _, s := range slices {
		t := c.temporaries(3)
		c.op("FMOVQ", fmt.Sprintf("%d(%s)", offset, s), t[0].f())
		c.wideLow(t[1], t[0])
		c.wideHigh(t[2], t[0])
		wide = append(wide, [2]vector{t[1], t[2]})
	}
	if len(wide) == 1 {
		c.fadd64(low, low, wide[0][0])
		c.fadd64(high, high, wide[0][1])
		return
	}
	c.fma64(low, wide[0][0], wide[1][0])
	c.fma64(high, wide[0][1], wide[1][1])
}

// addUp leaves (s0+s1) + (s2+s3) in the first lane of low, once apart has taken s1 and s3
// out of the registers.
func (c *code) addUp(low, high, s1, s3 vector) {
	c.op("FADDD", s1.f(), low.f(), low.f())
	c.op("FADDD", s3.f(), high.f(), high.f())
	c.op("FADDD", high.f(), low.f(), low.f())
}

func (c *code) apart(low, high, s1, s3 vector) {
	c.op("VDUP", fmt.Sprintf("V%d.D[1]", int(low)), s1.d2())
	c.op("VDUP", fmt.Sprintf("V%d.D[1]", int(high)), s3.d2())
}

func (c *code) oneLeaf(dot bool) {
	prefix, list, summand, names := summands(dot)
	c.function(prefix+"Leaf", "func(n int, "+list+") float64",
		fmt.Sprintf("returns the sum of %s of a leaf of n values, at most %d.", summand, leaf))
	n := c.load("n")
	var slices []string
	for _, name := range names {
		slices = append(slices, c.load(name))
	}
	next := func(values int) {
		for _, s := range slices {
			c.op("ADD", 4*values, s)
		}
		c.op("SUB", values, n)
	}
	low, high, s1, s3 := c.constant(), c.constant(), c.constant(), c.constant()
	c.zero(low)
	c.zero(high)
	c.label("vector")
	c.op("CMP", lanes, n)
	c.op("BLT", "rest")
	c.four(slices, 0, low, high)
	next(lanes)
	c.op("B", "vector")
	c.label("rest")
	c.apart(low, high, s1, s3)
	c.label("single")
	c.op("CBZ", n, "sum")
	t := c.temporaries(2)
	for i, s := range slices {
		c.op("FMOVS", fmt.Sprintf("(%s)", s), t[i].f())
		c.op("FCVTSD", t[i].f(), t[i].f())
	}
	if dot {
		c.op("FMADDD", t[1].f(), low.f(), t[0].f(), low.f())
	} else {
		c.op("FADDD", t[0].f(), low.f(), low.f())
	}
	next(1)
	c.op("B", "single")
	c.label("sum")
	c.addUp(low, high, s1, s3)
	c.op("FMOVD", low.f(), c.at("ret"))
	c.ret()
}

func (c *code) twoLeaves(dot bool) {
	prefix, list, summand, names := summands(dot)
	c.function(prefix+"Leaves", "func("+list+") (s0, s1 float64)",
		fmt.Sprintf("returns the sums of %s of the first two leaves of %d values.", summand, leaf))
	var first, second []string
	for _, name := range names {
		first = append(first, c.load(name))
	}
	for _, s := range first {
		r := c.register()
		c.op("ADD", 4*leaf, s, r)
		second = append(second, r)
	}
	left := c.register()
	c.op("MOVD", leaf/(2*lanes), left)
	var s [2][4]vector
	for i := range s {
		for j := range s[i] {
			s[i][j] = c.constant()
		}
		c.zero(s[i][0])
		c.zero(s[i][1])
	}
	c.label("vector")
	for part := range 2 {
		c.four(first, part*registerBytes, s[0][0], s[0][1])
		c.four(second, part*registerBytes, s[1][0], s[1][1])
	}
	for _, r := range append(append([]string(nil), first...), second...) {
		c.op("ADD", 2*registerBytes, r)
	}
	c.op("SUBS", 1, left)
	c.op("BNE", "vector")
	for i := range s {
		c.apart(s[i][0], s[i][1], s[i][2], s[i][3])
		c.addUp(s[i][0], s[i][1], s[i][2], s[i][3])
		c.op("FMOVD", s[i][0].f(), c.at(fmt.Sprintf("s%d", i)))
	}
	c.ret()
}

const minusInfinity = 0xff800000

func (c *code) reductions() {
	c.sumRows()

	// x-x is NaN for NaN and infinities, else 0.
	c.function("Finite", "func(n int, x *float32) float32",
		"returns 0 if all of n values are finite, else a number whose bits are not those of 0.")
	n, x, found := c.load("n"), c.load("x"), c.constant()
	c.zero(found)
	c.each(n, []string{x}, 4, func(p place) {
		t := c.temporaries(1)
		p.load(x, t[0])
		c.fsub(t[0], t[0], t[0])
		c.or(found, found, t[0])
	})
	c.greatestInteger(found, found)
	c.op("FMOVS", found.f(), c.at("ret"))
	c.ret()

	c.function("Max", "func(n int, x *float32) float32",
		"returns the greatest of n values: NaN if there is one, -Inf if n is 0.")
	n, x = c.load("n"), c.load("x")
	nothing := c.bits(minusInfinity)
	var most [4]vector
	for i := range most {
		most[i] = c.constant()
		c.move(nothing, most[i])
	}
	c.each(n, []string{x}, 4, func(p place) {
		v, to := c.temporaries(1)[0], most[p.offset/registerBytes]
		p.load(x, v)
		if p.single {
			c.op("VDUP", fmt.Sprintf("V%d.S[0]", int(v)), v.s4())
		}
		c.fmax(to, to, v)
	})
	c.fmax(most[0], most[0], most[1])
	c.fmax(most[2], most[2], most[3])
	c.fmax(most[0], most[0], most[2])
	c.greatest(most[0], most[0])
	c.op("FMOVS", most[0].f(), c.at("ret"))
	c.ret()

	c.function("ExpSum", "func(n int, dst, x *float32, top float32) float64",
		"is dst[i] = exp(x[i]-top) for n values and returns their sum.")
	n, dst, x := c.load("n"), c.load("dst"), c.load("x")
	top, e := c.broadcast("top"), c.exp()
	low, high := c.constant(), c.constant()
	c.zero(low)
	c.zero(high)
	c.each(n, []string{dst, x}, 2, func(p place) {
		t := c.temporaries(1 + expTemporaries)
		v, w := t[0], t[1]
		p.load(x, v)
		c.fsub(v, v, top)
		e.of(v, t[1:])
		p.store(v, dst)
		if p.single {
			c.op("FMOVS", v.f(), w.f()) // without the other lanes, which hold exp(-top)
			c.op("FCVTSD", w.f(), w.f())
			c.fadd64(low, low, w)
			return
		}
		c.wideLow(w, v)
		c.fadd64(low, low, w)
		c.wideHigh(w, v)
		c.fadd64(high, high, w)
	})
	c.fadd64(low, low, high)
	c.op("VDUP", fmt.Sprintf("V%d.D[1]", int(low)), high.d2())
	c.op("FADDD", high.f(), low.f(), low.f())
	c.op("FMOVD", low.f(), c.at("ret"))
	c.ret()
}

// sumRows writes the sum of rows: of 16 columns at a time, then of 4, then of one.
func (c *code) sumRows() {
	c.function("SumRows", "func(rows, cols int, dst, x *float32, ldx, add int)",
		"is sumRows for at least one row.")
	rows, cols, dst, x := c.load("rows"), c.load("cols"), c.load("dst"), c.load("x")
	ldx, add, from, left := c.stride("ldx"), c.load("add"), c.register(), c.register()
	for _, width := range []int{16, 4, 1} {
		name := func(s string) string { return fmt.Sprintf("%s%d", s, width) }
		sums := []vector{0}
		if width == 16 {
			sums = []vector{0, 1, 2, 3}
		}
		at := func(v int) place { return place{c, v * registerBytes, width == 1} }
		c.label(name("columns"))
		c.op("CMP", width, cols)
		c.op("BLT", name("end"))
		c.op("MOVD", x, from)
		c.op("MOVD", rows, left)
		for _, s := range sums {
			c.zero(s)
		}
		c.op("CBZ", add, name("row"))
		for v, s := range sums {
			at(v).load(dst, s)
		}
		c.label(name("row"))
		for v, s := range sums {
			at(v).load(from, s+4)
		}
		for _, s := range sums {
			c.fadd(s, s, s+4)
		}
		c.op("ADD", ldx, from)
		c.op("SUBS", 1, left)
		c.op("BNE", name("row"))
		for v, s := range sums {
			at(v).store(s, dst)
		}
		c.op("ADD", 4*width, dst)
		c.op("ADD", 4*width, x)
		c.op("SUB", width, cols)
		c.op("B", name("columns"))
		c.label(name("end"))
	}
	c.ret()
}
