package main

// What a dense layer does to a block of a product while it is in the first cache,
// and to a gradient before the products that read it.

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func (t *target) epilogues() {
	t.biasRelu()
	t.delta(true)
	t.delta(false)
	t.rowTimes()
}

// byWidth writes code for some columns, at most most registers of them: body is
// called for each number of registers, with the mask of the last of them and a name for its labels. Where a masked
// store takes as long as a dozen others, as with AVX2, whole registers have code of their own.
func (t *target) byWidth(cols Register, most int, body func(width int, last mask, name string)) {
	for width := most; width >= 1; width-- {
		if width > 1 {
			CMPQ(cols, U8(t.lanes*(width-1)))
			JLE(LabelRef(fmt.Sprintf("width%d", width-1)))
		}
		tail, name := GP64(), fmt.Sprint(width)
		MOVQ(cols, tail)
		SUBQ(U8(t.lanes*(width-1)), tail)
		var at Register
		if !t.wide() {
			at = t.regs[15]
			CMPQ(tail, U8(t.lanes))
			JNE(LabelRef("part" + name))
			body(width, mask{}, name)
			t.end()
			Label("part" + name)
			name += "part"
		}
		body(width, t.mask(tail, at), name)
		t.end()
		if width > 1 {
			Label(fmt.Sprintf("width%d", width-1))
		}
	}
}

// part loads or stores vector v of a row of width registers.
func (t *target) part(base Register, v, width int, last mask) (load, store func(r Register)) {
	at := Mem{Base: base, Disp: v * t.bytes()}
	if v == width-1 {
		return func(r Register) { last.load(at, r) }, func(r Register) { last.store(r, at) }
	}
	return func(r Register) { VMOVUPS(at, r) }, func(r Register) { VMOVUPS(r, at) }
}

// biasRelu writes the function that ends a block of a dense layer's result.
func (t *target) biasRelu() {
	t.function("BiasRelu", "func(rows, cols int, c *float32, ldc int, bias *float32, floor float32)",
		fmt.Sprintf("ends a block of 1 to %d columns:", t.lanes*t.width),
		"",
		"	for r := range rows {",
		"		for j := range cols {",
		"			c[r*ldc+j] = max(c[r*ldc+j] + bias[j], floor) + 0",
		"		}",
		"	}",
		"",
		"where max(NaN, floor) is NaN; 0 is -0 if the floor is -Inf, which changes nothing. rows is at least 1.")
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	c, ldc := Load(Param("c"), GP64()), Load(Param("ldc"), GP64())
	bias := Load(Param("bias"), GP64())
	SHLQ(U8(2), ldc)
	floor, zero := t.regs[12], t.regs[13]
	VBROADCASTSS(t.argument("floor"), floor)
	VANDPS(bits(1<<31), floor, zero) // -0 where the floor is -Inf: it leaves all numbers as they are
	t.byWidth(cols, t.width, func(width int, last mask, name string) {
		for v := range width {
			load, _ := t.part(bias, v, width, last)
			load(t.regs[v])
		}
		loop := "loop" + name
		Label(loop)
		for v := range width {
			load, store := t.part(c, v, width, last)
			x := t.regs[width+v]
			load(x)
			VADDPS(t.regs[v], x, x)
			VMAXPS(x, floor, x) // of floor and x: x where that is NaN
			VADDPS(zero, x, x)  // -0 to +0, with a rectifier
			store(x)
		}
		ADDQ(ldc, c)
		DECQ(rows)
		JNZ(LabelRef(loop))
	})
}

// delta writes the function that turns the gradient by a layer's result into that
// by what came before its rectifier, and sums it over rows.
func (t *target) delta(relu bool) {
	const most = 4
	name, y := "SumDelta", ""
	if relu {
		name, y = "ReluDelta", "y *float32, ldy int, "
	}
	doc := []string{fmt.Sprintf("sums 1 to %d columns over rows, the first row first:", most*t.lanes), "", "	for j := range cols {", "		s := sum[j] // 0 if add is 0", "		for r := range rows {"}
	if relu {
		doc = append(doc, "			if y[r*ldy+j] <= 0 {", "				d[r*ldd+j] = 0", "			}")
	}
	doc = append(doc, "			s += d[r*ldd+j]", "		}", "		sum[j] = s", "	}", "", "rows is at least 1.")
	t.function(name, "func(rows, cols int, d *float32, ldd int, "+y+"sum *float32, add int)", doc...)
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	d, ldd := Load(Param("d"), GP64()), Load(Param("ldd"), GP64())
	SHLQ(U8(2), ldd)
	var py, ldy Register
	zero := t.regs[14]
	if relu {
		py, ldy = Load(Param("y"), GP64()), Load(Param("ldy"), GP64())
		SHLQ(U8(2), ldy)
		t.zero(zero)
	}
	sum, add := Load(Param("sum"), GP64()), Load(Param("add"), GP64())
	t.byWidth(cols, most, func(width int, last mask, name string) {
		for v := range width {
			t.zero(t.regs[v])
		}
		loop := "loop" + name
		TESTQ(add, add)
		JZ(LabelRef(loop))
		for v := range width {
			load, _ := t.part(sum, v, width, last)
			load(t.regs[v])
		}
		Label(loop)
		for v := range width {
			load, store := t.part(d, v, width, last)
			x := t.regs[4+v]
			load(x)
			if relu {
				load, _ := t.part(py, v, width, last)
				y := t.regs[8+v]
				load(y)
				if t.wide() {
					k := K()
					VCMPPS(U8(notLessEqual), zero, y, k)
					VMOVAPS_Z(x, k, x)
				} else {
					VCMPPS(U8(notLessEqual), zero, y, y)
					VANDPS(y, x, x)
				}
				store(x)
			}
			VADDPS(x, t.regs[v], t.regs[v])
		}
		ADDQ(ldd, d)
		if relu {
			ADDQ(ldy, py)
		}
		DECQ(rows)
		JNZ(LabelRef(loop))
		for v := range width {
			_, store := t.part(sum, v, width, last)
			store(t.regs[v])
		}
	})
}

// rowTimes writes the function that multiplies one row by a matrix: eight
// registers of columns at a time hide the latency of the additions.
func (t *target) rowTimes() {
	const most = 8
	t.function("RowTimes", "func(k, cols int, a *float32, ap int, b *float32, bp int, c *float32, add int)",
		fmt.Sprintf("computes one row of a product of 1 to %d columns:", most*t.lanes),
		"",
		"	for j := range cols {",
		"		s := c[j] // 0 if add is 0",
		"		for p := range k {",
		"			s = fma(a[p*ap], b[p*bp+j], s)",
		"		}",
		"		c[j] = s",
		"	}",
		"",
		"k is at least 1.")
	k, cols := Load(Param("k"), GP64()), Load(Param("cols"), GP64())
	a, ap := Load(Param("a"), GP64()), Load(Param("ap"), GP64())
	b, bp := Load(Param("b"), GP64()), Load(Param("bp"), GP64())
	c, add := Load(Param("c"), GP64()), Load(Param("add"), GP64())
	SHLQ(U8(2), ap)
	SHLQ(U8(2), bp)
	x, y := t.regs[8], t.regs[9]
	t.byWidth(cols, most, func(width int, last mask, name string) {
		for v := range width {
			t.zero(t.regs[v])
		}
		loop := "loop" + name
		TESTQ(add, add)
		JZ(LabelRef(loop))
		for v := range width {
			load, _ := t.part(c, v, width, last)
			load(t.regs[v])
		}
		Label(loop)
		VBROADCASTSS(Mem{Base: a}, x)
		for v := range width {
			if v == width-1 {
				last.load(Mem{Base: b, Disp: v * t.bytes()}, y)
				VFMADD231PS(y, x, t.regs[v])
			} else {
				VFMADD231PS(Mem{Base: b, Disp: v * t.bytes()}, x, t.regs[v])
			}
		}
		ADDQ(ap, a)
		ADDQ(bp, b)
		DECQ(k)
		JNZ(LabelRef(loop))
		for v := range width {
			_, store := t.part(c, v, width, last)
			store(t.regs[v])
		}
	})
}
