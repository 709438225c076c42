package main

// Copies of operands to where a strip reads them one after the other: as they
// lie, or transposed.

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func (t *target) copies() {
	t.copyRows()
	t.transpose()
}

// copyRows writes the function that copies short rows.
func (t *target) copyRows() {
	limit := t.lanes * t.width
	t.function("CopyRows", "func(rows, cols int, dst *float32, ldd int, src *float32, lds int)",
		fmt.Sprintf("copies rows of 1 to %d values:", limit),
		"",
		"	for r := range rows {",
		"		copy(dst[r*ldd:][:cols], src[r*lds:])",
		"	}",
		"",
		"rows is at least 1.")
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	src, lds := Load(Param("src"), GP64()), Load(Param("lds"), GP64())
	SHLQ(U8(2), ldd)
	SHLQ(U8(2), lds)
	for width := t.width; width >= 1; width-- {
		if width > 1 {
			CMPQ(cols, U8(t.lanes*(width-1)))
			JLE(LabelRef(fmt.Sprintf("width%d", width-1)))
		}
		tail := GP64()
		MOVQ(cols, tail)
		SUBQ(U8(t.lanes*(width-1)), tail)
		m := t.mask(tail, nil)
		Label(fmt.Sprintf("loop%d", width))
		for v := range width {
			from, to, r := Mem{Base: src, Disp: v * t.bytes()}, Mem{Base: dst, Disp: v * t.bytes()}, t.vec()
			if v == width-1 {
				m.load(from, r)
				m.store(r, to)
			} else {
				VMOVUPS(from, r)
				VMOVUPS(r, to)
			}
		}
		ADDQ(lds, src)
		ADDQ(ldd, dst)
		DECQ(rows)
		JNZ(LabelRef(fmt.Sprintf("loop%d", width)))
		t.end()
		if width > 1 {
			Label(fmt.Sprintf("width%d", width-1))
		}
	}
}

// transposed loads four values of each of eight rows and transposes them. Those of
// row r and of row r+4 meet in one register when they are loaded; two rounds of
// unpacking transpose the halves.
//
// It uses eight registers, which the caller names: of those that avo chooses it
// would think that their upper halves are in use before they are loaded.
func transposed(r []VecPhysical, row func(r int) Mem) (out []VecPhysical) {
	for i := range 4 {
		VMOVUPS(row(i), r[i].AsX())
		VINSERTF128(U8(1), row(i+4), r[i], r[i])
	}
	low01, high01, low23, high23 := r[4], r[5], r[6], r[7]
	VUNPCKLPS(r[1], r[0], low01)
	VUNPCKHPS(r[1], r[0], high01)
	VUNPCKLPS(r[3], r[2], low23)
	VUNPCKHPS(r[3], r[2], high23)
	VUNPCKLPD(low23, low01, r[0])
	VUNPCKHPD(low23, low01, r[1])
	VUNPCKLPD(high23, high01, r[2])
	VUNPCKHPD(high23, high01, r[3])
	return r[:4]
}

// transpose writes the function that transposes eight rows.
func (t *target) transpose() {
	t.function("Transpose8", "func(cols int, dst *float32, ldd int, src *float32, lds int)",
		"transposes 8 rows of cols values, a multiple of 4 and at least 4:",
		"",
		"	for j := range cols {",
		"		for r := range 8 {",
		"			dst[j*ldd+r] = src[r*lds+j]",
		"		}",
		"	}")
	cols := Load(Param("cols"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	src, lds := Load(Param("src"), GP64()), Load(Param("lds"), GP64())
	SHLQ(U8(2), ldd)
	SHLQ(U8(2), lds)
	lds3, ldd3 := GP64(), GP64()
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	LEAQ(Mem{Base: ldd, Index: ldd, Scale: 2}, ldd3)
	pointers, row := rowsOf(src, lds, lds3, 8)
	Label("loop")
	out := transposed(avx2.regs[:8], row)
	VMOVUPS(out[0], Mem{Base: dst})
	VMOVUPS(out[1], Mem{Base: dst, Index: ldd, Scale: 1})
	VMOVUPS(out[2], Mem{Base: dst, Index: ldd, Scale: 2})
	VMOVUPS(out[3], Mem{Base: dst, Index: ldd3, Scale: 1})
	for _, p := range pointers {
		ADDQ(U8(16), p)
	}
	LEAQ(Mem{Base: dst, Index: ldd, Scale: 4}, dst)
	SUBQ(U8(4), cols)
	JNZ(LabelRef("loop"))
	t.end()
}

// limit writes the function that only multiplies and adds.
func (t *target) limit() {
	sums := min(24, len(t.regs)-4)
	t.function("Limit", "func(rounds int)",
		fmt.Sprintf("does rounds times %d independent multiply-adds of %d values in registers.", sums, t.lanes))
	rounds := Load(Param("rounds"), GP64())
	for _, r := range t.regs[:sums+2] {
		t.zero(r)
	}
	Label("loop")
	for _, r := range t.regs[:sums] {
		VFMADD231PS(t.regs[sums], t.regs[sums+1], r)
	}
	DECQ(rounds)
	JNZ(LabelRef("loop"))
	t.end()
}
