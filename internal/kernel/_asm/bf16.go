package main

// Products of bfloat16 numbers. Two numbers that follow each other along k are a pair of 32 bits, the even one in the lower half. Both sets do to
// a sum what VDPBF16PS does: the odd number's product is added first, then the even one's, each with one rounding; denormal operands and sums
// count as zero, and what would be denormal becomes zero.
//
// Go's assembler does not know the instructions of AVX512-BF16: they are written as bytes. AVX2 widens the halves of pairs to float32 and
// multiplies and adds twice, with the flags that make denormals zero.

import (
	"fmt"

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
		t.mergedPairs()
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
		"func(m, k int, a *float32, ai, ap, at int, b *float32, bp int, from *float32, ldf int, c *float32, ldc, relu, tail int, near, far *float32, step, back, apart int)",
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
		"k is at least 1, and rows of b have whole registers. With AVX-512, what is needed soon is fetched into the second cache: for each pair of a",
		"whole tile a line at near and one at far, which are step and apart bytes further for the next pair, near back bytes further for the next tile.")
	s := &pairCode{t: t, width: width}
	if !t.wide() {
		s.flags = AllocLocal(8)
		STMXCSR(s.flags)
		MOVL(U32(0x9fc0), s.flags.Offset(4))
		LDMXCSR(s.flags.Offset(4))
	}
	s.a, s.b, s.c = Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("c"), GP64())
	s.ai, s.ap, s.bp = Load(Param("ai"), GP64()), Load(Param("ap"), GP64()), Load(Param("bp"), GP64())
	for _, stride := range []Register{s.ai, s.ap, s.bp} {
		SHLQ(U8(2), stride)
	}
	s.ai3 = GP64()
	LEAQ(Mem{Base: s.ai, Index: s.ai, Scale: 2}, s.ai3)
	if t.wide() {
		s.tail = t.mask(Load(Param("tail"), GP64()), nil)
	}

	Label("full")
	CMPQ(t.argument("m"), U8(t.rows))
	JLT(LabelRef("rest"))
	s.tile(t.rows)
	at := Load(Param("at"), GP64())
	LEAQ(Mem{Base: s.a, Index: at, Scale: 4}, s.a)
	SUBQ(U8(t.rows), t.argument("m"))
	ldc := Load(Param("ldc"), GP64())
	for range t.rows / 2 {
		LEAQ(Mem{Base: s.c, Index: ldc, Scale: 8}, s.c)
	}
	CMPQ(t.argument("from"), U8(0))
	JE(LabelRef("full"))
	from, ldf := Load(Param("from"), GP64()), Load(Param("ldf"), GP64())
	for range t.rows / 2 {
		LEAQ(Mem{Base: from, Index: ldf, Scale: 8}, from)
	}
	MOVQ(from, t.argument("from"))
	JMP(LabelRef("full"))

	Label("rest")
	for rows := t.rows - 1; rows >= 1; rows-- {
		CMPQ(t.argument("m"), U8(rows))
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
	t               *target
	width           int
	tail            mask
	flags           Mem // what was in MXCSR, and what is
	a, b, c         Register
	ai, ai3, ap, bp Register
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
func (s *pairCode) eachRow(rows int, p Register, stride string, f func(sum Register, at Mem, last bool)) {
	ld := Load(Param(stride), GP64())
	SHLQ(U8(2), ld)
	for row := range rows {
		for v := range s.width {
			f(s.t.regs[s.sum(row, v)], Mem{Base: p, Disp: v * s.t.bytes()}, v == s.width-1)
		}
		if row < rows-1 {
			ADDQ(ld, p)
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

	p := Load(Param("from"), GP64())
	TESTQ(p, p)
	JZ(LabelRef(label("zero")))
	last := tail()
	s.eachRow(rows, p, "ldf", func(sum Register, at Mem, partial bool) {
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

	whole := t.wide() && rows == t.rows
	var near, far Register
	if whole {
		s.fetchNext()
		near, far = Load(Param("near"), GP64()), Load(Param("far"), GP64())
	}
	pointers, a := rowsOf(s.a, s.ai, s.ai3, rows)
	b, k := GP64(), Load(Param("k"), GP64())
	MOVQ(s.b, b)
	var upper VecPhysical
	if !t.wide() {
		upper = t.regs[s.width+1]
		VMOVUPS(bits(0xffff0000), upper)
	}
	Label(label("k"))
	if whole {
		PREFETCHT1(Mem{Base: near})
		ADDQ(t.argument("step"), near)
		PREFETCHT1(Mem{Base: far})
		ADDQ(t.argument("apart"), far)
	}
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
	if whole {
		ADDQ(t.argument("back"), near)
		MOVQ(near, t.argument("near"))
		MOVQ(far, t.argument("far"))
	}

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
	s.eachRow(rows, p, "ldc", func(sum Register, at Mem, partial bool) {
		if partial {
			last.store(sum, at)
		} else {
			VMOVUPS(sum, at)
		}
	})
}

// fetchNext fetches the place of the next tile of C.
func (s *pairCode) fetchNext() {
	p, ldc := GP64(), Load(Param("ldc"), GP64())
	MOVQ(s.c, p)
	SHLQ(U8(2), ldc)
	for range s.t.rows / 2 {
		LEAQ(Mem{Base: p, Index: ldc, Scale: 2}, p)
	}
	for row := range s.t.rows {
		for at := 0; at < s.width*s.t.bytes(); at += 64 {
			PREFETCHT0(Mem{Base: p, Disp: at})
		}
		PREFETCHT0(Mem{Base: p, Disp: s.width*s.t.bytes() - 4})
		if row < s.t.rows-1 {
			ADDQ(ldc, p)
		}
	}
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
