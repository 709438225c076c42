package main

// Operands of bfloat16 products: rounded, and put in pairs of what a product sums.

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rounded leaves the bfloat16 nearest to each float32 of x in its upper half; the lower half holds anything. It is what AVX512-BF16 does: ties to
// even, denormals are zero, a NaN is quiet and keeps the upper bits of its payload.
func (t *target) rounded(x, temp1, temp2 VecPhysical) {
	// nearest = x + 0x7fff + bit 16 of x
	VPSRLD(U8(16), x, temp1)
	VANDPS(bits(1), temp1, temp1)
	VPADDD(bits(0x7fff), temp1, temp1)
	VPADDD(x, temp1, temp1)
	const unordered = 3
	VCMPPS(U8(unordered), x, x, temp2)
	VBLENDVPS(temp2, x, temp1, temp1)
	VANDPS(bits(0x00400000), temp2, temp2)
	VORPS(temp2, temp1, temp1) // quiet
	VANDPS(bits(0x7f800000), x, temp2)
	VPCMPEQD(bits(0), temp2, temp2)
	VANDPS(bits(0x80000000), x, x)
	VBLENDVPS(temp2, x, temp1, x)
}

// pairsAlong writes the function that makes pairs of neighbors in a row.
func (t *target) pairsAlong() {
	chunk := 2 * t.lanes
	whole := "n is any number."
	if !t.wide() {
		whole = fmt.Sprintf("n is a multiple of %d.", chunk)
	}
	t.function("PairsAlong", "func(n int, dst, src *float32)",
		"rounds n numbers and stores them as pairs, the last with 0 if n is odd:",
		"",
		"	for p := range (n+1)/2 {",
		"		dst[p] = pair(src[2*p], src[2*p+1])",
		"	}",
		"",
		whole)
	n, dst, src := Load(Param("n"), GP64()), Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	Label("loop")
	CMPQ(n, U8(chunk))
	JLT(LabelRef("rest"))
	t.joined(Mem{Base: src}, Mem{Base: src, Disp: t.bytes()}, 0, 1, 2, 3)
	VMOVUPS(t.regs[0], Mem{Base: dst})
	ADDQ(U32(8*t.lanes), src)
	ADDQ(U8(4*t.lanes), dst)
	SUBQ(U8(chunk), n)
	JMP(LabelRef("loop"))
	Label("rest")
	if t.wide() {
		TESTQ(n, n)
		JZ(LabelRef("end"))
		second := GP64() // of the two registers: numbers left
		MOVQ(n, second)
		SUBQ(U8(16), second)
		zero := GP64()
		XORQ(zero, zero)
		CMPQ(second, zero)
		CMOVQLT(zero, second)
		lower, upper := t.mask(n, nil), t.mask(second, nil) // a mask of more than 16 lanes is full
		lower.load(Mem{Base: src}, t.regs[0])
		upper.load(Mem{Base: src, Disp: 64}, t.regs[1])
		evex(joinPairs, 0, 1, 0)
		INCQ(n)
		SHRQ(U8(1), n)
		t.mask(n, nil).store(t.regs[0], Mem{Base: dst})
		Label("end")
	}
	t.end()
}

// joined loads two registers of numbers and joins neighbors to one register of pairs.
func (t *target) joined(lower, upper Mem, to, temp0, temp1, temp2 int) {
	r := t.regs
	VMOVUPS(lower, r[to])
	VMOVUPS(upper, r[temp0])
	if t.wide() {
		evex(joinPairs, to, temp0, to)
		return
	}
	for _, x := range []int{to, temp0} {
		t.rounded(r[x], r[temp1], r[temp2])
		VPSRLD(U8(16), r[x], r[x])
	}
	VPACKUSDW(r[temp0], r[to], r[to])
	VPERMQ(U8(0xd8), r[to], r[to])
}

// pairsDown writes the function that makes pairs of numbers of neighboring rows.
func (t *target) pairsDown() {
	whole := "In the last register of a row of dst, zeros follow."
	if !t.wide() {
		whole = fmt.Sprintf("n is a multiple of %d.", t.lanes)
	}
	t.function("PairsDown", "func(rows, n int, dst *float32, ldd int, even, odd *float32, lds int)",
		"rounds two rows at a time and stores pairs:",
		"",
		"	for r := range rows {",
		"		for j := range n {",
		"			dst[r*ldd+j] = pair(even[2*r*lds+j], odd[2*r*lds+j])",
		"		}",
		"	}",
		"",
		"rows and n are at least 1. "+whole)
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	even, odd, lds := Load(Param("even"), GP64()), Load(Param("odd"), GP64()), Load(Param("lds"), GP64())
	SHLQ(U8(2), ldd)
	SHLQ(U8(3), lds)
	r := t.regs
	var last mask
	if t.wide() {
		tail := GP64()
		MOVQ(n, tail)
		DECQ(tail)
		ANDQ(U8(15), tail)
		INCQ(tail)
		last = t.mask(tail, nil)
		VMOVUPS(t.interleave(), r[2])
	}
	Label("row")
	at, left := GP64(), GP64()
	XORQ(at, at)
	MOVQ(n, left)
	place := func(base Register) Mem { return Mem{Base: base, Index: at, Scale: 1} }
	if t.wide() {
		JMP(LabelRef("test"))
	}
	Label("loop")
	VMOVUPS(place(even), r[0])
	VMOVUPS(place(odd), r[1])
	if t.wide() {
		evex(joinPairs, 0, 1, 0)
		VPERMW(r[0], r[2], r[0])
	} else {
		t.rounded(r[0], r[2], r[3])
		t.rounded(r[1], r[2], r[3])
		VPSRLD(U8(16), r[0], r[0])
		VPBLENDW(U8(0xaa), r[1], r[0], r[0])
	}
	VMOVUPS(r[0], place(dst))
	ADDQ(U8(t.bytes()), at)
	SUBQ(U8(t.lanes), left)
	if t.wide() {
		Label("test")
		CMPQ(left, U8(t.lanes))
		JGT(LabelRef("loop"))
		last.load(place(even), r[0])
		last.load(place(odd), r[1])
		evex(joinPairs, 0, 1, 0)
		VPERMW(r[0], r[2], r[0])
		VMOVUPS(r[0], place(dst))
	} else {
		JNZ(LabelRef("loop"))
	}
	ADDQ(lds, even)
	ADDQ(lds, odd)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	t.end()
}

// interleaved is the order of words in which the two halves of a register make pairs.
var interleaved Mem

func (t *target) interleave() Mem {
	if interleaved.Base == nil {
		interleaved = GLOBL("interleave", attr.RODATA|attr.NOPTR)
		for i := range 32 {
			DATA(2*i, U16(i/2+i%2*16))
		}
	}
	return interleaved
}

// pairsTurned writes the function that makes pairs of neighbors in some rows and transposes them.
func (t *target) pairsTurned() {
	t.function("PairsTurned", "func(blocks int, dst *float32, ldd int, src *float32, lds int)",
		fmt.Sprintf("makes pairs of neighbors in %d rows of blocks times %d numbers and transposes them:", t.lanes, 2*t.lanes),
		"",
		fmt.Sprintf("	for p := range %d*blocks {", t.lanes),
		fmt.Sprintf("		for r := range %d {", t.lanes),
		"			dst[p*ldd+r] = pair(src[r*lds+2*p], src[r*lds+2*p+1])",
		"		}",
		"	}",
		"",
		"blocks is at least 1.")
	blocks := Load(Param("blocks"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	src, lds := Load(Param("src"), GP64()), Load(Param("lds"), GP64())
	SHLQ(U8(2), ldd)
	SHLQ(U8(2), lds)
	lds3 := GP64()
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	pointers, row := rowsOf(src, lds, lds3, t.lanes)
	r, n := t.regs, t.lanes
	Label("loop")
	for i := range n {
		lower, upper := row(i), row(i)
		upper.Disp += t.bytes()
		t.joined(lower, upper, i, 2*n-1, 2*n-2, 2*n-3)
	}
	// Transposed within 128 bits, then the parts of 128 bits among each other. What is read and what is written take turns.
	for i := 0; i < n; i += 2 {
		VPUNPCKLDQ(r[i+1], r[i], r[n+i])
		VPUNPCKHDQ(r[i+1], r[i], r[n+i+1])
	}
	for i := 0; i < n; i += 4 {
		VPUNPCKLQDQ(r[n+i+2], r[n+i], r[i])
		VPUNPCKHQDQ(r[n+i+2], r[n+i], r[i+1])
		VPUNPCKLQDQ(r[n+i+3], r[n+i+1], r[i+2])
		VPUNPCKHQDQ(r[n+i+3], r[n+i+1], r[i+3])
	}
	// Register 4 g + c holds columns c, c+4, ... of rows 4 g to 4 g + 3.
	out := make([]VecPhysical, n)
	if t.wide() {
		for c := range 4 {
			VSHUFI32X4(U8(0x88), r[4+c], r[c], r[16+c])    // columns c, c+8 of rows 0 to 7
			VSHUFI32X4(U8(0xdd), r[4+c], r[c], r[20+c])    // columns c+4, c+12
			VSHUFI32X4(U8(0x88), r[12+c], r[8+c], r[24+c]) // of rows 8 to 15
			VSHUFI32X4(U8(0xdd), r[12+c], r[8+c], r[28+c])
		}
		for c := range 4 {
			for half := range 2 {
				low, high := r[16+4*half+c], r[24+4*half+c]
				VSHUFI32X4(U8(0x88), high, low, r[8*half+c])
				VSHUFI32X4(U8(0xdd), high, low, r[8*half+4+c])
				out[4*half+c], out[4*half+c+8] = r[8*half+c], r[8*half+4+c]
			}
		}
	} else {
		for c := range 4 {
			VPERM2F128(U8(0x20), r[4+c], r[c], r[8+c])
			VPERM2F128(U8(0x31), r[4+c], r[c], r[12+c])
			out[c], out[c+4] = r[8+c], r[12+c]
		}
	}
	for _, x := range out {
		VMOVUPS(x, Mem{Base: dst})
		ADDQ(ldd, dst)
	}
	for _, p := range pointers {
		ADDQ(U32(8*t.lanes), p)
	}
	DECQ(blocks)
	JNZ(LabelRef("loop"))
	t.end()
}
