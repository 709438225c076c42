package main

// Products of bfloat16 numbers. Two numbers that follow each other along k are a pair of 32 bits, the even one in the lower half. Both sets do to
// a sum what VDPBF16PS does: the odd number's product is added first, then the even one's, each with one rounding; denormal operands and sums
// count as zero, and what would be denormal becomes zero.
//
// Go's assembler does not know the instructions of AVX512-BF16: they are written as bytes. AVX2 widens the halves of pairs to float32 and
// multiplies and adds twice, with the flags that make denormals zero.

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/ir"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func (t *target) bfloat16() {
	for width := t.width; width >= 1; width-- {
		t.pairStrip(width)
	}
	t.pairsAlong()
	t.pairsDown()
	t.pairsTurned()
	if t.wide() {
		t.pairLimit()
	}
}

// Opcodes with their prefix: F3 is 2, F2 is 3.
const (
	dotPairs  = 0x252 // VDPBF16PS: d += first * second, pair by pair
	joinPairs = 0x372 // VCVTNE2PS2BF16: d = first, rounded, above second, rounded
)

// evex writes an instruction of three 512-bit registers, of which the numbers are given.
func evex(op, second, first, d int) {
	not := func(v, bit int) int { return 1 - v>>bit&1 }
	p0 := not(d, 3)<<7 | not(second, 4)<<6 | not(second, 3)<<5 | not(d, 4)<<4 | 2
	p1 := (15-first&15)<<3 | 4 | op>>8
	p2 := 2<<5 | not(first, 4)<<3
	modrm := 0xc0 | d&7<<3 | second&7
	word := func(name string, v Op) { Instruction(&ir.Instruction{Opcode: name, Operands: []Op{v}}) }
	word("LONG", U32(0x62|p0<<8|p1<<16|p2<<24))
	word("WORD", U16(op&0xff|modrm<<8))
}

// pairStrip writes the function that computes a strip of C, width registers across.
func (t *target) pairStrip(width int) {
	t.function(fmt.Sprintf("PairStrip%d", width),
		"func(m, k int, a *float32, ai, ap, at int, b *float32, bp int, from *float32, ldf int, c *float32, ldc, relu, tail int)",
		fmt.Sprintf("computes a strip of a product of pairs, m rows by %d columns, of which the last %d have only tail:", width*t.lanes, t.lanes),
		"",
		"	for i := range m {",
		"		for j := range columns {",
		"			s := from[i*ldf+j] // 0 if from is nil",
		"			for p := range k {",
		fmt.Sprintf("				s = dotPair(s, a[i/%d*at+i%%%d*ai+p*ap], b[p*bp+j])", t.rows, t.rows),
		"			}",
		"			c[i*ldc+j] = s // 0 if relu is not 0 and s <= 0",
		"		}",
		"	}",
		"",
		"k is at least 1, and rows of b have whole registers.")
	s := &pairCode{t: t, width: width}
	if !t.wide() {
		s.flags = AllocLocal(8)
		STMXCSR(s.flags)
		MOVL(U32(0x9fc0), s.flags.Offset(4))
		LDMXCSR(s.flags.Offset(4))
	}
	s.a, s.b, s.c, s.from = Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("c"), GP64()), Load(Param("from"), GP64())
	s.ai, s.ap, s.bp, s.ldc = Load(Param("ai"), GP64()), Load(Param("ap"), GP64()), Load(Param("bp"), GP64()), Load(Param("ldc"), GP64())
	for _, stride := range []Register{s.ai, s.ap, s.bp, s.ldc} {
		SHLQ(U8(2), stride)
	}
	s.ai3 = GP64()
	LEAQ(Mem{Base: s.ai, Index: s.ai, Scale: 2}, s.ai3)
	if t.wide() {
		s.tail = t.mask(Load(Param("tail"), GP64()), nil)
	}
	m := Load(Param("m"), GP64())

	Label("full")
	CMPQ(m, U8(t.rows))
	JLT(LabelRef("rest"))
	s.tile(t.rows)
	at := Load(Param("at"), GP64())
	LEAQ(Mem{Base: s.a, Index: at, Scale: 4}, s.a)
	SUBQ(U8(t.rows), m)
	for range t.rows / 2 {
		LEAQ(Mem{Base: s.c, Index: s.ldc, Scale: 2}, s.c)
	}
	TESTQ(s.from, s.from)
	JZ(LabelRef("full"))
	ldf := Load(Param("ldf"), GP64())
	for range t.rows / 2 {
		LEAQ(Mem{Base: s.from, Index: ldf, Scale: 8}, s.from)
	}
	JMP(LabelRef("full"))

	Label("rest")
	for rows := t.rows - 1; rows >= 1; rows-- {
		CMPQ(m, U8(rows))
		JEQ(LabelRef(fmt.Sprintf("rows%d", rows)))
	}
	Label("end")
	if !t.wide() {
		LDMXCSR(s.flags)
	}
	t.end()
	for rows := t.rows - 1; rows >= 1; rows-- {
		Label(fmt.Sprintf("rows%d", rows))
		s.tile(rows)
		JMP(LabelRef("end"))
	}
}

// pairCode writes the tiles of one strip.
type pairCode struct {
	t                    *target
	width                int
	tail                 mask
	flags                Mem // what was in MXCSR, and what is
	a, b, c, from        Register
	ai, ai3, ap, bp, ldc Register
}

// sum is the number of the register of a sum.
func (s *pairCode) sum(row, v int) int {
	first := s.width + 5
	if !s.t.wide() {
		first = s.width + 2
	}
	return first + row*s.width + v
}

// eachRow calls f for each vector of a tile with its address. It changes p, the address of the first row.
func (s *pairCode) eachRow(rows int, p, stride Register, f func(sum Register, at Mem, last bool)) {
	for row := range rows {
		for v := range s.width {
			f(s.t.regs[s.sum(row, v)], Mem{Base: p, Disp: v * s.t.bytes()}, v == s.width-1)
		}
		if row < rows-1 {
			ADDQ(stride, p)
		}
	}
}

func (s *pairCode) tile(rows int) {
	t := s.t
	label := func(name string) string { return fmt.Sprintf("%s%d", name, rows) }
	free := t.regs[:s.width+2] // while no products are formed
	tail := func() mask {
		if t.wide() {
			return s.tail
		}
		return t.mask(Load(Param("tail"), GP64()), free[0])
	}

	TESTQ(s.from, s.from)
	JZ(LabelRef(label("zero")))
	last := tail()
	p, ldf := GP64(), Load(Param("ldf"), GP64())
	MOVQ(s.from, p)
	SHLQ(U8(2), ldf)
	s.eachRow(rows, p, ldf, func(sum Register, at Mem, partial bool) {
		if partial {
			last.load(at, sum)
		} else {
			VMOVUPS(at, sum)
		}
	})
	JMP(LabelRef(label("begin")))
	Label(label("zero"))
	for row := range rows {
		for v := range s.width {
			t.zero(t.regs[s.sum(row, v)])
		}
	}
	Label(label("begin"))

	pointers, a := rowsOf(s.a, s.ai, s.ai3, rows)
	b, k := GP64(), Load(Param("k"), GP64())
	MOVQ(s.b, b)
	var upper VecPhysical
	if !t.wide() {
		upper = t.regs[s.width+1]
		VMOVUPS(bits(0xffff0000), upper)
	}
	Label(label("k"))
	if t.wide() {
		for v := range s.width {
			VMOVUPS(Mem{Base: b, Disp: v * t.bytes()}, t.regs[v])
		}
		for row := range rows {
			to := s.width + row%5
			VBROADCASTSS(a(row), t.regs[to])
			for v := range s.width {
				evex(dotPairs, v, to, s.sum(row, v))
			}
		}
	} else {
		number := t.regs[s.width]
		for v := range s.width {
			VANDPS(Mem{Base: b, Disp: v * t.bytes()}, upper, t.regs[v])
		}
		for row := range rows {
			VBROADCASTSS(a(row), number)
			VANDPS(number, upper, number)
			for v := range s.width {
				VFMADD231PS(t.regs[v], number, t.regs[s.sum(row, v)])
			}
		}
		for v := range s.width {
			VMOVUPS(Mem{Base: b, Disp: v * t.bytes()}, t.regs[v])
			VPSLLD(U8(16), t.regs[v], t.regs[v])
		}
		for row := range rows {
			VBROADCASTSS(a(row), number)
			VPSLLD(U8(16), number, number)
			for v := range s.width {
				VFMADD231PS(t.regs[v], number, t.regs[s.sum(row, v)])
			}
		}
	}
	ADDQ(s.bp, b)
	for _, p := range pointers {
		ADDQ(s.ap, p)
	}
	DECQ(k)
	JNZ(LabelRef(label("k")))

	relu := Load(Param("relu"), GP64())
	TESTQ(relu, relu)
	JZ(LabelRef(label("store")))
	t.zero(free[1])
	for row := range rows {
		for v := range s.width {
			const lessOrEqual = 18 // false for NaN
			sum := t.regs[s.sum(row, v)]
			if t.wide() {
				negative := K()
				VCMPPS(U8(lessOrEqual), free[1], sum, negative)
				VPXORD(sum, sum, negative, sum)
			} else {
				VCMPPS(U8(lessOrEqual), free[1], sum, free[0])
				VANDNPS(sum, free[0], sum)
			}
		}
	}
	Label(label("store"))
	last = tail()
	p = GP64()
	MOVQ(s.c, p)
	s.eachRow(rows, p, s.ldc, func(sum Register, at Mem, partial bool) {
		if partial {
			last.store(sum, at)
		} else {
			VMOVUPS(sum, at)
		}
	})
}

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
		tail, index := GP64(), GLOBL("interleave", attr.RODATA|attr.NOPTR)
		MOVQ(n, tail)
		DECQ(tail)
		ANDQ(U8(15), tail)
		INCQ(tail)
		last = t.mask(tail, nil)
		for i := range 32 {
			DATA(2*i, U16(i/2+i%2*16))
		}
		VMOVUPS(index, r[2])
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

// pairLimit writes the function that only multiplies and adds pairs.
func (t *target) pairLimit() {
	t.function("PairLimit", "func(rounds int)",
		"does rounds times 24 independent VDPBF16PS in registers.")
	rounds := Load(Param("rounds"), GP64())
	for _, r := range t.regs[:26] {
		t.zero(r)
	}
	Label("loop")
	for d := range 24 {
		evex(dotPairs, 24, 25, d)
	}
	DECQ(rounds)
	JNZ(LabelRef("loop"))
	t.end()
}
