package main

// Tiles of a matrix product. A tile is some rows of C, a few registers across;
// its sums rest in registers while k runs from 0 upwards, starting from C or
// from 0. In each round the vectors of one row of B are loaded, and each row's
// number of A is broadcast and multiplied into its sums. Every lane is a sum of
// its own, so the shape of the tile leaves the bits alone.

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// tiles writes a function for each width, and for full and partial vectors.
func (t *target) tiles() {
	for width := t.width; width >= 1; width-- {
		t.strip(width, false)
		t.strip(width, true)
	}
	for width := t.width; width >= 1; width-- {
		t.first(width, false)
		t.first(width, true)
	}
	for width := t.width; width >= 2; width-- {
		t.carry(width, width)
		if width == t.width {
			t.carry(width, width-1)
		}
		if t.wide() {
			t.transposing(width)
		}
	}
}

// first writes the function that computes the first tile of a strip and copies
// B on the way. The copy costs little there, since other rows of B are on their way
// from memory while the sums are formed.
func (t *target) first(width int, partial bool) {
	name, last := fmt.Sprintf("First%d", width), ""
	if partial {
		name += "Part"
		last = fmt.Sprintf(", of which the last %d columns have only tail", t.lanes)
	}
	t.function(name, "func(k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, tail int, panel *float32)",
		fmt.Sprintf("computes %d rows by %d columns%s, as %sStrip%d does, and copies B:", t.rows, width*t.lanes, last, t.name, width),
		"",
		"	for p := range k {",
		"		for j := range columns {",
		fmt.Sprintf("			panel[p*%d+j] = b[p*bp+j]", t.width*t.lanes),
		"		}",
		"	}",
		"",
		"Where columns are partial, zeros fill the panel.")
	s := t.stripArguments(width, partial)
	s.panel = Load(Param("panel"), GP64())
	s.ahead = GP64()
	LEAQ(Mem{Base: s.bp, Index: s.bp, Scale: 1}, s.ahead)
	s.tile(t.rows)
	t.end()
}

// carry writes the function that computes a tile and copies the next strip's rows
// of B on the way. Unlike those of the tile's own strip, nothing waits for them.
func (t *target) carry(width, copied int) {
	name := fmt.Sprintf("Carry%d%d", width, copied)
	t.function(name, "func(k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, rows int, src *float32, lds int, panel *float32)",
		fmt.Sprintf("computes %d rows by %d columns, as %sStrip%d does, and copies %d values of each of rows rows:", t.rows, width*t.lanes, t.name, width, copied*t.lanes),
		"",
		"	for p := range rows {",
		fmt.Sprintf("		copy(panel[p*%d:][:%d], src[p*lds:])", t.width*t.lanes, copied*t.lanes),
		"	}",
		"",
		"rows is at least 1 and at most k.")
	s := t.stripArguments(width, false)
	s.src, s.lds, s.panel = Load(Param("src"), GP64()), Load(Param("lds"), GP64()), Load(Param("panel"), GP64())
	SHLQ(U8(2), s.lds)
	s.ahead = GP64()
	MOVQ(s.lds, s.ahead)
	SHLQ(U8(3), s.ahead) // 64 rows ahead
	s.copied = copied
	s.tile(t.rows)
	t.end()
}

// fourByFour is the order that transposes a register of four rows.
var fourByFour Mem

// transposing is carry for B transposed: four rows, of which each round takes four values.
func (t *target) transposing(width int) {
	name := fmt.Sprintf("Turn%d", width)
	t.function(name, "func(k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, fours int, src *float32, lds int, panel *float32)",
		fmt.Sprintf("computes %d rows by %d columns, as %sStrip%d does, and transposes 4 rows:", t.rows, width*t.lanes, t.name, width),
		"",
		"	for p := range 4 * fours {",
		"		for j := range 4 {",
		fmt.Sprintf("			panel[p*%d+j] = src[j*lds+p]", t.width*t.lanes),
		"		}",
		"	}",
		"",
		"fours is at least 1 and at most k.")
	s := t.stripArguments(width, false)
	s.src, s.lds, s.panel = Load(Param("src"), GP64()), Load(Param("lds"), GP64()), Load(Param("panel"), GP64())
	SHLQ(U8(2), s.lds)
	s.lds3 = GP64()
	LEAQ(Mem{Base: s.lds, Index: s.lds, Scale: 2}, s.lds3)
	s.quarter = quarters()
	if fourByFour.Base == nil {
		fourByFour = GLOBL("fourByFour", attr.RODATA|attr.NOPTR)
		for i := range 16 {
			DATA(4*i, U32(uint32(i%4*4+i/4)))
		}
	}
	s.order = t.regs[width+4]
	VMOVUPS(fourByFour, s.order)
	s.tile(t.rows)
	t.end()
}

// strip writes the function that computes a strip of C, width registers across.
func (t *target) strip(width int, partial bool) {
	name, what, arguments := fmt.Sprintf("Strip%d", width), fmt.Sprintf("strips of a matrix product, side by side, each of m rows by %d columns", width*t.lanes), "strips"
	if partial {
		name += "Part"
		what = fmt.Sprintf("a strip of a matrix product, m rows by %d columns, of which the last %d columns have only tail", width*t.lanes, t.lanes)
		arguments = "tail"
	}
	t.function(name, "func(m, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add, "+arguments+" int, soon *float32, step, back int)",
		"computes "+what+":",
		"",
		"	for i := range m {",
		"		for j := range columns {",
		"			s := c[i*ldc+j] // 0 if add is 0",
		"			for p := range k {",
		fmt.Sprintf("				s = fma(a[i/%d*at+i%%%d*ai+p*ap], b[p*bp+j], s)", t.rows, t.rows),
		"			}",
		"			c[i*ldc+j] = s",
		"		}",
		"	}",
		"",
		"k is at least 1. What is needed soon is fetched into the second cache: each whole tile fetches k lines of 64 bytes, step bytes apart, and",
		"the next tile begins back bytes behind the last one.")
	s := t.stripArguments(width, partial)
	s.m = Load(Param("m"), GP64())

	Label("full")
	CMPQ(s.m, U8(t.rows))
	JLT(LabelRef("rest"))
	s.tile(t.rows)
	at := Load(Param("at"), GP64())
	LEAQ(Mem{Base: s.a, Index: at, Scale: 4}, s.a)
	SUBQ(U8(t.rows), s.m)
	for range t.rows / 2 {
		LEAQ(Mem{Base: s.c, Index: s.ldc, Scale: 2}, s.c)
	}
	JMP(LabelRef("full"))

	Label("rest")
	for rows := t.rows - 1; rows >= 1; rows-- {
		CMPQ(s.m, U8(rows))
		JEQ(LabelRef(fmt.Sprintf("rows%d", rows)))
	}
	Label("end")
	if !partial {
		SUBQ(U8(1), t.argument("strips"))
		JZ(LabelRef("done"))
		wide := width * t.bytes()
		ADDQ(U32(wide), s.b)
		ADDQ(U32(wide), t.argument("c"))
		MOVQ(t.argument("a"), s.a)
		MOVQ(t.argument("c"), s.c)
		MOVQ(t.argument("m"), s.m)
		JMP(LabelRef("full"))
		Label("done")
	}
	t.end()
	for rows := t.rows - 1; rows >= 1; rows-- {
		Label(fmt.Sprintf("rows%d", rows))
		s.tile(rows)
		JMP(LabelRef("end"))
	}
}

// stripArguments loads what all functions of strips have.
func (t *target) stripArguments(width int, partial bool) *stripCode {
	s := &stripCode{t: t, width: width}
	s.a, s.b, s.c = Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("c"), GP64())
	s.ai, s.ap, s.bp, s.ldc = Load(Param("ai"), GP64()), Load(Param("ap"), GP64()), Load(Param("bp"), GP64()), Load(Param("ldc"), GP64())
	for _, stride := range []Register{s.ai, s.ap, s.bp, s.ldc} {
		SHLQ(U8(2), stride)
	}
	s.ai3 = GP64()
	LEAQ(Mem{Base: s.ai, Index: s.ai, Scale: 2}, s.ai3)
	if partial {
		n := Load(Param("tail"), GP64())
		var at Register
		if !t.wide() {
			at = t.regs[15]
		}
		m := t.mask(n, at)
		s.tail = &m
	}
	return s
}

// stripCode writes the tiles of one strip.
type stripCode struct {
	t                    *target
	width                int
	tail                 *mask // of the last vector; nil when it is full
	m, a, b, c           Register
	ai, ai3, ap, bp, ldc Register
	panel, ahead         Register // where B is copied to, if it is; two rows of B
	src, lds, lds3       Register // what is copied, if it isn't the tile's own B
	copied               int      // registers of each row of it, if it isn't transposed
	quarter              [4]Register
	order                Register // of four rows' values that are transposed
}

// The registers are for a row of B, for numbers of A, for sums, in this order.
func (s *stripCode) number(row int) Register {
	if s.t.wide() { // several registers cost nothing here
		n := 5
		if s.src != nil {
			n = 3
		}
		return s.t.regs[s.width+row%n]
	}
	return s.t.regs[s.width]
}

func (s *stripCode) sum(row, v int) Register {
	first := s.width + 1
	if s.t.wide() {
		first = s.width + 5
	}
	return s.t.regs[first+row*s.width+v]
}

// rowsOf gives the addresses of rows 0..rows-1 that begin stride apart from base:
// every four rows have a pointer of their own.
func rowsOf(base, stride, stride3 Register, rows int) (pointers []Register, at func(row int) Mem) {
	for first := 0; first < rows; first += 4 {
		p := GP64()
		if first == 0 {
			MOVQ(base, p)
		} else {
			LEAQ(Mem{Base: pointers[len(pointers)-1], Index: stride, Scale: 4}, p)
		}
		pointers = append(pointers, p)
	}
	return pointers, func(row int) Mem {
		p := pointers[row/4]
		switch row % 4 {
		case 0:
			return Mem{Base: p}
		case 1:
			return Mem{Base: p, Index: stride, Scale: 1}
		case 2:
			return Mem{Base: p, Index: stride, Scale: 2}
		}
		return Mem{Base: p, Index: stride3, Scale: 1}
	}
}

// eachOfC calls f for each vector of the tile with its address.
func (s *stripCode) eachOfC(rows int, f func(sum Register, at Mem, tail bool)) {
	p := GP64()
	MOVQ(s.c, p)
	for row := range rows {
		for v := range s.width {
			f(s.sum(row, v), Mem{Base: p, Disp: v * s.t.bytes()}, s.tail != nil && v == s.width-1)
		}
		if row < rows-1 {
			ADDQ(s.ldc, p)
		}
	}
}

func (s *stripCode) tile(rows int) {
	t := s.t
	label := func(name string) string { return fmt.Sprintf("%s%d", name, rows) }
	add := Load(Param("add"), GP64())
	TESTQ(add, add)
	JZ(LabelRef(label("zero")))
	s.eachOfC(rows, func(sum Register, at Mem, tail bool) {
		if tail {
			s.tail.load(at, sum)
		} else {
			VMOVUPS(at, sum)
		}
	})
	JMP(LabelRef(label("begin")))
	Label(label("zero"))
	for row := range rows {
		for v := range s.width {
			t.zero(s.sum(row, v))
		}
	}
	Label(label("begin"))

	whole := s.panel == nil && rows == t.rows // others are few
	var soon Register
	if whole {
		s.fetchNext()
		soon = Load(Param("soon"), GP64())
	}
	pointers, a := rowsOf(s.a, s.ai, s.ai3, rows)
	b, k := GP64(), Load(Param("k"), GP64())
	MOVQ(s.b, b)
	round := func(name string, ahead func()) {
		Label(label(name))
		ahead()
		for v := range s.width {
			at := Mem{Base: b, Disp: v * t.bytes()}
			if s.tail != nil && v == s.width-1 {
				s.tail.load(at, t.regs[v])
			} else {
				VMOVUPS(at, t.regs[v])
			}
			if s.panel != nil && s.src == nil {
				PREFETCHT0(Mem{Base: b, Index: s.ahead, Scale: 8, Disp: v * t.bytes()}) // 16 rows ahead
				VMOVUPS(t.regs[v], Mem{Base: s.panel, Disp: v * t.bytes()})
			}
		}
		if s.panel != nil && s.src == nil {
			ADDQ(U32(t.width*t.bytes()), s.panel)
		}
		for row := range rows {
			to := s.number(row)
			VBROADCASTSS(a(row), to)
			for v := range s.width {
				VFMADD231PS(t.regs[v], to, s.sum(row, v))
			}
		}
		ADDQ(s.bp, b)
		for _, p := range pointers {
			ADDQ(s.ap, p)
		}
		DECQ(k)
		JNZ(LabelRef(label(name)))
	}
	if s.src != nil {
		n := "rows"
		if s.copied == 0 {
			n = "fours"
		}
		left := Load(Param(n), GP64())
		SUBQ(left, k)
		MOVQ(k, t.argument("k"))
		MOVQ(left, k)
		round("carry", s.carried)
		MOVQ(t.argument("k"), k)
		TESTQ(k, k)
		JZ(LabelRef(label("sums")))
	}
	round("k", func() {
		if whole {
			PREFETCHT0(Mem{Base: pointers[0], Index: s.ap, Scale: 8, Disp: 768}) // copied A, 1 KB ahead
			PREFETCHT1(Mem{Base: soon})
			ADDQ(t.argument("step"), soon)
		}
	})
	Label(label("sums"))
	if whole {
		ADDQ(t.argument("back"), soon)
		MOVQ(soon, t.argument("soon"))
	}

	s.eachOfC(rows, func(sum Register, at Mem, tail bool) {
		if tail {
			s.tail.store(sum, at)
		} else {
			VMOVUPS(sum, at)
		}
	})
}

// carried copies a row, or four values of each of four rows.
func (s *stripCode) carried() {
	t, r := s.t, s.spare()
	row := t.width * t.bytes()
	if s.copied > 0 {
		for v := range s.copied {
			VMOVUPS(Mem{Base: s.src, Disp: v * t.bytes()}, r)
			VMOVUPS(r, Mem{Base: s.panel, Disp: v * t.bytes()})
		}
		for at := 0; at < s.copied*t.bytes(); at += 64 {
			PREFETCHT1(Mem{Base: s.src, Index: s.ahead, Scale: 8, Disp: at})
			PREFETCHT0(Mem{Base: s.panel, Disp: 16*row + at}) // stores wait for one line after the other
		}
		ADDQ(s.lds, s.src)
		ADDQ(U32(row), s.panel)
		return
	}
	for i, from := range []Mem{{Base: s.src}, {Base: s.src, Index: s.lds, Scale: 1}, {Base: s.src, Index: s.lds, Scale: 2}, {Base: s.src, Index: s.lds3, Scale: 1}} {
		if i == 0 {
			VBROADCASTF32X4(from, r)
		} else {
			VBROADCASTF32X4(from, s.quarter[i], r)
		}
		from.Disp = 512
		PREFETCHT0(from)
	}
	VPERMPS(r, s.order, r)
	VMOVUPS(r.(VecPhysical).AsX(), Mem{Base: s.panel})
	for i := 1; i < 4; i++ {
		VEXTRACTF32X4(U8(i), r, Mem{Base: s.panel, Disp: i * row})
	}
	ADDQ(U8(16), s.src)
	ADDQ(U32(4*row), s.panel)
}

// spare is a register that the tiles which copy rows don't use.
func (s *stripCode) spare() Register {
	if s.t.wide() {
		return s.t.regs[s.width+3]
	}
	return s.t.regs[15]
}

// fetchNext fetches the place of the next tile of C, which is far away where rows
// of C are long: its sums could not begin before.
func (s *stripCode) fetchNext() {
	p := GP64()
	MOVQ(s.c, p)
	for range s.t.rows / 2 {
		LEAQ(Mem{Base: p, Index: s.ldc, Scale: 2}, p)
	}
	for row := range s.t.rows {
		for at := 0; at < s.width*s.t.bytes(); at += 64 {
			PREFETCHT0(Mem{Base: p, Disp: at})
		}
		PREFETCHT0(Mem{Base: p, Disp: s.width*s.t.bytes() - 4})
		if row < s.t.rows-1 {
			ADDQ(s.ldc, p)
		}
	}
}

// argument is the place of an argument in memory.
func (t *target) argument(name string) Mem {
	at, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return at.Addr
}
