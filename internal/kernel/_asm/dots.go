package main

// One row of A times some rows of B, for products with too few rows to copy B for.
// B's rows are transposed in registers, eight of them and four of their columns
// at a time, so that a lane holds the sum of one element, as in a strip.

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func (t *target) dots() {
	for groups := 4; groups >= 1; groups /= 2 {
		t.function(fmt.Sprintf("Dots%d", 8*groups), "func(k int, a, b *float32, ldb int, c *float32, add int)",
			fmt.Sprintf("computes %d elements of a product with B transposed:", 8*groups),
			"",
			fmt.Sprintf("	for j := range %d {", 8*groups),
			"		s := c[j] // 0 if add is 0",
			"		for p := range k {",
			"			s = fma(a[p], b[j*ldb+p], s)",
			"		}",
			"		c[j] = s",
			"	}",
			"",
			"k is a multiple of 4 and at least 4.")
		k, a := Load(Param("k"), GP64()), Load(Param("a"), GP64())
		b, ldb, ldb3 := Load(Param("b"), GP64()), Load(Param("ldb"), GP64()), GP64()
		SHLQ(U8(2), ldb)
		LEAQ(Mem{Base: ldb, Index: ldb, Scale: 2}, ldb3)
		pointers, row := rowsOf(b, ldb, ldb3, 8*groups)
		c, add := Load(Param("c"), GP64()), Load(Param("add"), GP64())
		y := avx2.regs // eight values wide in either set
		sums := y[:groups]
		for _, s := range sums {
			VXORPS(s, s, s)
		}
		TESTQ(add, add)
		JZ(LabelRef("loop"))
		for g, s := range sums {
			VMOVUPS(Mem{Base: c, Disp: 32 * g}, s)
		}
		Label("loop")
		x := y[4:8]
		for i := range x {
			VBROADCASTSS(Mem{Base: a, Disp: 4 * i}, x[i])
		}
		for g, s := range sums {
			for i, column := range transposed(y[8:], func(r int) Mem { return row(8*g + r) }) {
				VFMADD231PS(column, x[i], s)
			}
		}
		ADDQ(U8(16), a)
		for _, p := range pointers {
			ADDQ(U8(16), p)
		}
		SUBQ(U8(4), k)
		JNZ(LabelRef("loop"))
		for g, s := range sums {
			VMOVUPS(s, Mem{Base: c, Disp: 32 * g})
		}
		t.end()
	}
}
