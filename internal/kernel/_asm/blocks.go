package main

// Several narrow rows at once. The work on a row is one long chain of dependent instructions, and what the processor can hold of it is about one
// row; so the steps of a few rows stand beside each other, and what is one number a row is computed for all of them in one register. A lane does
// what the code for a single row does, so that the bits are the same.

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A block is some rows of a softmax.
type block struct {
	t                *target
	ns               *numbers
	kind             softmaxKind
	n                Register // rows that are left
	dst, ldd, x, ldx Register // strides in bytes
	loss, class      Register
	part             *mask
	ldd3, ldx3       Register
}

// count is the number of rows of a block.
func (b *block) count() int {
	if b.t.wide() {
		return 4
	}
	return 2
}

func (b *block) begin() {
	if b.count() < 4 {
		return
	}
	b.ldd3, b.ldx3 = GP64(), GP64()
	LEAQ(Mem{Base: b.ldd, Index: b.ldd, Scale: 2}, b.ldd3)
	LEAQ(Mem{Base: b.ldx, Index: b.ldx, Scale: 2}, b.ldx3)
}

// at is row r of a matrix.
func at(base, ld, ld3 Register, r, disp int) Mem {
	switch r {
	case 0:
		return Mem{Base: base, Disp: disp}
	case 3:
		return Mem{Base: base, Index: ld3, Scale: 1, Disp: disp}
	}
	return Mem{Base: base, Index: ld, Scale: uint8(r), Disp: disp}
}

// rows writes the loop over blocks of rows of width registers; what remains goes to the label of single rows.
func (b *block) rows(width int, single string) {
	t, count := b.t, b.count()
	loop, done := single+"Block", single+"Done"
	Label(loop)
	CMPQ(b.n, U8(count))
	JLT(LabelRef(done))

	values, most := make([][]Register, count), make([]Register, count)
	for r := range count {
		for v := range width {
			from := at(b.x, b.ldx, b.ldx3, r, v*t.bytes())
			value := t.vec()
			if v < width-1 {
				VMOVUPS(from, value)
			} else {
				VMOVUPS(bits(minusInfinity), value)
				if t.wide() {
					VMOVUPS(from, b.part.r, value)
				} else {
					loaded := t.vec()
					b.part.load(from, loaded)
					VBLENDVPS(b.part.r, loaded, value, value)
				}
			}
			values[r] = append(values[r], value)
		}
		m := t.vec()
		if width == 1 {
			VMOVAPS(values[r][0], m)
		} else {
			VMAXPS(values[r][1], values[r][0], m)
		}
		most[r] = t.fold(m, VMAXPS)
	}
	top := mostOf(most)
	var below Register
	if b.kind == crossEntropy {
		below = b.below(top)
	}
	sums := make([]Register, count)
	for r := range count {
		h, sum := t.lane(top, r), t.vec()
		for v, value := range values[r] {
			VSUBPS(h, value, value)
			p := place{t: t}
			if v == width-1 {
				p.mask = b.part
				p.clear(value) // from minus infinity
			}
			e := value
			if b.kind == logarithms {
				e = t.vec()
				VMOVAPS(value, e)
			}
			b.ns.decay(e)
			p.clear(e)
			low, high := t.doubles(e)
			VADDPD(high, low, low)
			if v == 0 {
				sum = low
			} else {
				VADDPD(low, sum, sum)
			}
		}
		sums[r] = t.fold(sum, VADDPD)
	}
	totals := t.totalsOf(sums)
	var by Register // a number a row
	if b.kind != probabilities {
		by = b.logs(totals)
	}
	if b.kind == crossEntropy {
		VADDPS(by, below, below)
		if count == 4 {
			VMOVUPS(below, Mem{Base: b.loss})
		} else {
			VMOVQ(below, Mem{Base: b.loss})
		}
		ADDQ(U8(4*count), b.loss)
		ADDQ(U8(4*count), b.class)
	}
	if b.kind != logarithms {
		by = b.inverses(totals)
	}
	for r := range count {
		q := t.lane(by, r)
		for v, value := range values[r] {
			if b.kind == logarithms {
				VSUBPS(q, value, value)
			} else {
				VMULPS(q, value, value)
			}
			to := at(b.dst, b.ldd, b.ldd3, r, v*t.bytes())
			if v == width-1 {
				b.part.store(value, to)
			} else {
				VMOVUPS(value, to)
			}
		}
	}
	for _, p := range [][2]Register{{b.dst, b.ldd}, {b.x, b.ldx}} {
		LEAQ(Mem{Base: p[0], Index: p[1], Scale: uint8(count)}, p[0])
	}
	SUBQ(U8(count), b.n)
	JMP(LabelRef(loop))
	Label(done)
	more := single + "Single"
	TESTQ(b.n, b.n)
	JNZ(LabelRef(more))
	t.end()
	Label(more)
}

// fold combines the lanes of r until two float64 or four float32 are left.
func (t *target) fold(r Register, op func(...Op)) Register {
	v := r.(VecVirtual)
	if t.wide() {
		half := YMM()
		VEXTRACTF64X4(U8(1), v, half)
		op(half, v.AsY(), v.AsY())
	}
	half := XMM()
	t.upper(v.AsY(), half)
	op(half, v.AsX(), v.AsX())
	return v.AsX()
}

// mostOf has in lane i the greatest of the four lanes of m[i]; of two rows, again in lanes 2 and 3.
func mostOf(m []Register) Register {
	pair := func(a, b Register) Register {
		low, high := XMM(), XMM()
		VUNPCKLPS(b, a, low)
		VUNPCKHPS(b, a, high)
		VMAXPS(high, low, low)
		return low
	}
	first := pair(m[0], m[1])
	second := first
	if len(m) == 4 {
		second = pair(m[2], m[3])
	}
	low, high := XMM(), XMM()
	VUNPCKLPD(second, first, low)
	VUNPCKHPD(second, first, high)
	VMAXPS(high, low, low)
	return low
}

// totalsOf has in lane i the sum of the two float64 of s[i].
func (t *target) totalsOf(s []Register) Register {
	pair := func(a, b Register) VecVirtual {
		low, high := XMM(), XMM()
		VUNPCKLPD(b, a, low)
		VUNPCKHPD(b, a, high)
		VADDPD(high, low, low)
		return low
	}
	first := pair(s[0], s[1])
	if len(s) == 2 {
		return first
	}
	all := YMM()
	VINSERTF32X4(U8(1), pair(s[2], s[3]), first.AsY(), all)
	return all
}

// lane is lane i of four in all lanes.
func (t *target) lane(x Register, i int) Register {
	one, all := x, t.vec()
	if i > 0 {
		one = XMM()
		VPERMILPS(U8(i*0x55), x, one)
	}
	VBROADCASTSS(one, all)
	return all
}

// below is how far the logit of each row's class is below the greatest one.
func (b *block) below(top Register) Register {
	logits := XMM()
	for r := range b.count() {
		class, row := GP64(), b.x
		VCVTTSS2SIQ(Mem{Base: b.class, Disp: 4 * r}, class)
		if r > 0 {
			row = GP64()
			LEAQ(at(b.x, b.ldx, b.ldx3, r, 0), row)
		}
		logit := Mem{Base: row, Index: class, Scale: 4}
		if r == 0 {
			VMOVSS(logit, logits)
		} else {
			VINSERTPS(U8(r<<4), logit, logits, logits)
		}
	}
	VSUBPS(logits, top, logits)
	return logits
}

// singlesOf are totals as float32.
func singlesOf(x Register) Register {
	s := XMM()
	if x.Size() == 32 {
		VCVTPD2PSY(x, s)
	} else {
		VCVTPD2PSX(x, s)
	}
	return s
}

// like is a register of the size of x.
func like(x Register) Register {
	if x.Size() == 32 {
		return YMM()
	}
	return XMM()
}

func (b *block) inverses(totals Register) Register {
	q := like(totals)
	VMOVUPS(doubles(1), q)
	VDIVPD(totals, q, q)
	return singlesOf(q)
}

// logs is what logOfTotal is for one row.
func (b *block) logs(totals Register) Register {
	k := singlesOf(totals)
	start := XMM()
	VMOVUPS(bits(threeQuarters), start)
	VPSUBD(start, k, k)
	VPSRAD(U8(23), k, k)
	less, scale := XMM(), like(totals)
	VXORPS(less, less, less)
	VPSUBD(k, less, less)
	VPMOVSXDQ(less, scale)
	VPSLLQ(U8(52), scale, scale)
	VPADDQ(doubles(1), scale, scale)
	VMULPD(totals, scale, scale)
	VSUBPD(doubles(1), scale, scale)
	f := singlesOf(scale)
	VCVTDQ2PS(k, k)
	narrow := &numbers{t: b.t, narrow: true}
	return narrow.logOf(k, f)
}
