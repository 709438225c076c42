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
	if t.wide() {
		t.transpose16()
	}
	t.copyTiles()
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
	t.byWidth(cols, t.width, func(width int, last mask, name string) {
		Label("loop" + name)
		for v := range width {
			r := t.regs[v]
			load, _ := t.part(src, v, width, last)
			_, store := t.part(dst, v, width, last)
			load(r)
			store(r)
		}
		ADDQ(lds, src)
		ADDQ(ldd, dst)
		DECQ(rows)
		JNZ(LabelRef("loop" + name))
	})
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
	return unpacked(r)
}

// unpacked transposes the four by four values in each 128 bits of the first four of eight registers.
func unpacked(r []VecPhysical) (out []VecPhysical) {
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
	t.transposeRows(8, nil, func(_ int, at func(r int) Mem) []VecPhysical { return transposed(avx2.regs[:8], at) })
}

// quarters are masks of the four-value parts of a register but the first.
func quarters() (masks [4]Register) {
	for i := 1; i < 4; i++ {
		lanes, k := GP32(), K()
		MOVL(U32(0xf<<(4*i)), lanes)
		KMOVW(lanes, k)
		masks[i] = k
	}
	return masks
}

// transpose16 writes the function that transposes sixteen rows, which fill whole lines of dst. Four values of every fourth row meet in a
// register when they are loaded.
func (t *target) transpose16() {
	var part [4]Register
	t.transposeRows(16, func() { part = quarters() }, func(column int, at func(r int) Mem) []VecPhysical {
		z := t.regs[column/4%2*8:][:8]
		for i := range 4 {
			VBROADCASTF32X4(at(i), z[i])
			for q := 1; q < 4; q++ {
				VBROADCASTF32X4(at(i+4*q), part[q], z[i])
			}
		}
		return unpacked(z)
	})
}

// transposeRows writes the function that transposes some rows. four loads four columns, where row r is at at(r), and returns them.
func (t *target) transposeRows(rows int, begin func(), four func(column int, at func(r int) Mem) []VecPhysical) {
	t.function(fmt.Sprint("Transpose", rows), "func(cols int, dst *float32, ldd int, src *float32, lds int)",
		fmt.Sprintf("transposes %d rows of cols values, a multiple of 4:", rows),
		"",
		"	for j := range cols {",
		fmt.Sprintf("		for r := range %d {", rows),
		"			dst[j*ldd+r] = src[r*lds+j]",
		"		}",
		"	}",
		"",
		"It stores one column after the other.")
	cols := Load(Param("cols"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	src, lds := Load(Param("src"), GP64()), Load(Param("lds"), GP64())
	SHLQ(U8(2), ldd)
	SHLQ(U8(2), lds)
	lds3, ldd3 := GP64(), GP64()
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	LEAQ(Mem{Base: ldd, Index: ldd, Scale: 2}, ldd3)
	if begin != nil {
		begin()
	}
	pointers, row := rowsOf(src, lds, lds3, rows)
	at := func(r, column int) Mem {
		m := row(r)
		m.Disp = 4 * column
		return m
	}
	store := func(column int) {
		out := four(column, func(r int) Mem { return at(r, column) })
		VMOVUPS(out[0], Mem{Base: dst})
		VMOVUPS(out[1], Mem{Base: dst, Index: ldd, Scale: 1})
		VMOVUPS(out[2], Mem{Base: dst, Index: ldd, Scale: 2})
		VMOVUPS(out[3], Mem{Base: dst, Index: ldd3, Scale: 1})
		LEAQ(Mem{Base: dst, Index: ldd, Scale: 4}, dst)
	}
	advance := func(n int) {
		for _, p := range pointers {
			ADDQ(U8(4*n), p)
		}
		SUBQ(U8(n), cols)
	}
	// Lines of several rows of src may compete for one place in the first cache, so
	// each is used up at once.
	Label("sixteen")
	CMPQ(cols, U8(16))
	JLT(LabelRef("four"))
	for column := 0; column < 16; column += 4 {
		store(column)
	}
	for r := range rows {
		PREFETCHT0(at(r, 128))
	}
	advance(16)
	JMP(LabelRef("sixteen"))
	Label("four")
	TESTQ(cols, cols)
	JZ(LabelRef("done"))
	store(0)
	advance(4)
	JMP(LabelRef("four"))
	Label("done")
	t.end()
}

// copyTiles writes the function that copies rows of A transposed into tiles.
func (t *target) copyTiles() {
	t.function("CopyTiles", "func(tiles int, dst *float32, tile int, src *float32, lds int)",
		fmt.Sprintf("copies 8 rows of %d values a tile, one tile or more:", t.rows),
		"",
		"	for i := range tiles {",
		"		for p := range 8 {",
		fmt.Sprintf("			copy(dst[i*tile+p*%d:][:%d], src[p*lds+i*%d:])", t.rows, t.rows, t.rows),
		"		}",
		"	}")
	tiles := Load(Param("tiles"), GP64())
	dst, tile := Load(Param("dst"), GP64()), Load(Param("tile"), GP64())
	src, lds, lds3 := Load(Param("src"), GP64()), Load(Param("lds"), GP64()), GP64()
	SHLQ(U8(2), tile)
	SHLQ(U8(2), lds)
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	pointers, row := rowsOf(src, lds, lds3, 8)
	Label("loop")
	for p := range 8 {
		to := 4 * t.rows * p
		if t.rows == 8 {
			v := avx2.regs[p]
			VMOVUPS(row(p), v)
			VMOVUPS(v, Mem{Base: dst, Disp: to})
			continue
		}
		low, high := avx2.regs[p].AsX(), avx2.regs[p+8].AsX() // six values
		VMOVUPS(row(p), low)
		end := row(p)
		end.Disp = 16
		VMOVSD(end, high)
		VMOVUPS(low, Mem{Base: dst, Disp: to})
		VMOVSD(high, Mem{Base: dst, Disp: to + 16})
	}
	for _, p := range pointers {
		ADDQ(U8(4*t.rows), p)
	}
	ADDQ(tile, dst)
	DECQ(tiles)
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
