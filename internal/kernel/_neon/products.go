package main

// Tiles of a matrix product. A tile is some rows of C, up to three registers
// across; its sums rest in registers while k runs from 0 upwards, starting from
// C or from 0. In each round the vectors of one row of B and the numbers of one
// column of A are loaded, and each number is multiplied into the sums of its row. Every lane
// is a sum of its own, so the shape of the tile leaves the bits alone.

import "fmt"

// Registers of a tile: a row of B, the numbers of A, the sums.
const (
	ofB  = vector(0)
	ofA  = vector(3)
	sums = vector(8)
)

// tiles writes a function for each shape of a tile.
func (c *code) tiles() {
	for _, rows := range []int{8, 4, 2, 1} {
		for width := 3; width >= 1; width-- {
			c.tile(rows, width)
		}
	}
}

func (c *code) tile(rows, width int) {
	c.function(fmt.Sprintf("Tile%dx%d", rows, 4*width), "func(tiles, k int, a, b *float32, bp int, c *float32, ldc, add int)",
		fmt.Sprintf("computes tiles of %d rows by %d columns, one below the other:", rows, 4*width),
		"",
		fmt.Sprintf("	for i := range %d * tiles {", rows),
		fmt.Sprintf("		for j := range %d {", 4*width),
		"			s := c[i*ldc+j] // 0 if add is 0",
		"			for p := range k {",
		fmt.Sprintf("				s = fma(a[(i/%d*k+p)*%d+i%%%d], b[p*bp+j], s)", rows, rows, rows),
		"			}",
		"			c[i*ldc+j] = s",
		"		}",
		"	}",
		"",
		"tiles and k are at least 1.")
	tiles, k, a, b, bp := c.load("tiles"), c.load("k"), c.load("a"), c.load("b"), c.stride("bp")
	to, ldc, add := c.load("c"), c.stride("ldc"), c.load("add")
	row, left, at := c.register(), c.register(), c.register()
	sum := func(r, v int) vector { return sums + vector(r*width+v) }

	// ofC calls f for the first vectors of each row, two at a time where there are two.
	ofC := func(pair, one string, store bool) {
		c.op("MOVD", to, at)
		for r := range rows {
			memory := func(v int) string { return fmt.Sprintf("%d(%s)", 16*v, at) }
			two := fmt.Sprintf("(F%d, F%d)", sum(r, 0), sum(r, 0)+1)
			last := sum(r, width-1).f()
			switch {
			case width > 1 && store:
				c.op(pair, two, memory(0))
			case width > 1:
				c.op(pair, memory(0), two)
			}
			switch {
			case width == 2:
			case store:
				c.op(one, last, memory(width-1))
			default:
				c.op(one, memory(width-1), last)
			}
			if r < rows-1 {
				c.op("ADD", ldc, at)
			}
		}
	}

	c.label("tile")
	c.op("CBZ", add, "zero")
	ofC("FLDPQ", "FMOVQ", false)
	c.op("B", "begin")
	c.label("zero")
	for i := range rows * width {
		c.zero(sums + vector(i))
	}
	c.label("begin")
	c.op("MOVD", b, row)
	c.op("MOVD", k, left)
	c.label("next")
	if width > 1 {
		c.op("FLDPQ", fmt.Sprintf("(%s)", row), fmt.Sprintf("(F%d, F%d)", ofB, ofB+1))
	}
	if width != 2 {
		c.op("FMOVQ", fmt.Sprintf("%d(%s)", 16*(width-1), row), (ofB + vector(width-1)).f())
	}
	switch rows {
	case 8:
		c.op("FLDPQ", fmt.Sprintf("(%s)", a), fmt.Sprintf("(F%d, F%d)", ofA, ofA+1))
	case 4:
		c.op("FMOVQ", fmt.Sprintf("(%s)", a), ofA.f())
	case 2:
		c.op("FMOVD", fmt.Sprintf("(%s)", a), ofA.f())
	case 1:
		c.op("FMOVS", fmt.Sprintf("(%s)", a), ofA.f())
	}
	c.op("ADD", bp, row)
	c.op("ADD", 4*rows, a)
	for r := range rows {
		for v := range width {
			c.fmlaLane(sum(r, v), ofB+vector(v), ofA+vector(r/4), r%4)
		}
	}
	c.op("SUBS", 1, left)
	c.op("BNE", "next")
	ofC("FSTPQ", "FMOVQ", true)
	c.op("ADD", ldc, at, to)
	c.op("SUBS", 1, tiles)
	c.op("BNE", "tile")
	c.ret()
}

// copies writes the functions that bring operands to where a tile reads them one
// after the other: as they lie, or transposed.
func (c *code) copies() {
	for width := 3; width >= 1; width-- {
		c.function(fmt.Sprintf("Copy%d", 4*width), "func(rows int, dst, src *float32, lds int)",
			fmt.Sprintf("copies rows of %d values:", 4*width),
			"",
			"	for r := range rows {",
			fmt.Sprintf("		copy(dst[r*%d:][:%d], src[r*lds:])", 4*width, 4*width),
			"	}",
			"",
			"rows is at least 1.")
		rows, dst, src, lds := c.load("rows"), c.load("dst"), c.load("src"), c.stride("lds")
		c.label("row")
		for v := range width {
			c.op("FMOVQ", fmt.Sprintf("%d(%s)", 16*v, src), vector(v).f())
		}
		c.op("ADD", lds, src)
		for v := range width {
			c.op("FMOVQ", vector(v).f(), fmt.Sprintf("%d(%s)", 16*v, dst))
		}
		c.op("ADD", 16*width, dst)
		c.op("SUBS", 1, rows)
		c.op("BNE", "row")
		c.ret()
	}

	c.function("Transpose4", "func(cols int, dst *float32, ldd int, src *float32, lds int)",
		"transposes 4 rows of cols values, a multiple of 4 and at least 4:",
		"",
		"	for j := range cols {",
		"		for r := range 4 {",
		"			dst[j*ldd+r] = src[r*lds+j]",
		"		}",
		"	}")
	cols, dst, ldd, src, lds := c.load("cols"), c.load("dst"), c.stride("ldd"), c.load("src"), c.stride("lds")
	rows := []string{src, c.register(), c.register(), c.register()}
	for r := 1; r < 4; r++ {
		c.op("ADD", lds, rows[r-1], rows[r])
	}
	c.label("columns")
	for r, from := range rows {
		c.op("FMOVQ", fmt.Sprintf("(%s)", from), vector(r).f())
		c.op("ADD", 16, from)
	}
	// Pairs of rows 0 and 1, and of rows 2 and 3; then pairs of those.
	zip := func(name string, d, n, m vector, lanes func(vector) string) { c.op(name, lanes(m), lanes(n), lanes(d)) }
	zip("VZIP1", 4, 0, 1, vector.s4)
	zip("VZIP2", 5, 0, 1, vector.s4)
	zip("VZIP1", 6, 2, 3, vector.s4)
	zip("VZIP2", 7, 2, 3, vector.s4)
	zip("VZIP1", 0, 4, 6, vector.d2)
	zip("VZIP2", 1, 4, 6, vector.d2)
	zip("VZIP1", 2, 5, 7, vector.d2)
	zip("VZIP2", 3, 5, 7, vector.d2)
	for r := range 4 {
		c.op("FMOVQ", vector(r).f(), fmt.Sprintf("(%s)", dst))
		c.op("ADD", ldd, dst)
	}
	c.op("SUBS", 4, cols)
	c.op("BNE", "columns")
	c.ret()
}

// limit writes the function that only multiplies and adds.
func (c *code) limit() {
	const count = 24
	c.function("Limit", "func(rounds int)",
		fmt.Sprintf("does rounds times %d independent multiply-adds of 4 values in registers.", count))
	rounds := c.load("rounds")
	for v := range vector(vectorRegisters) {
		c.zero(v)
	}
	c.label("round")
	for i := range vector(count) {
		c.fma(sums+i, 0, 1)
	}
	c.op("SUBS", 1, rounds)
	c.op("BNE", "round")
	c.ret()
}
