package main

// Layer normalization: a row's mean and deviation in float64, and the way back.

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// singles is the opposite of doubles.
func (t *target) singles(low, high, r Register) {
	if t.wide() {
		h := YMM()
		VCVTPD2PS(low, r.(VecVirtual).AsY())
		VCVTPD2PS(high, h)
		VINSERTF64X4(U8(1), h, r, r)
		return
	}
	h := XMM()
	VCVTPD2PSY(low, r.(VecVirtual).AsX())
	VCVTPD2PSY(high, h)
	VINSERTF128(U8(1), h, r, r)
}

// prefetch brings the line at this place of a slice into the second cache, since the first one is full of the row. The processor foresees streams only
// up to the end of a page, and a row that is read twice is a stream for half of the time; so what the second pass over a row writes, and the next row,
// are asked for while there is work on this one.
func (p place) prefetch(slice Register) {
	if p.mask == nil && p.disp%64 == 0 {
		PREFETCHT1(p.address(slice))
	}
}

// after is the place so many bytes on.
func (p place) after(bytes Register) place {
	at := GP64()
	LEAQ(Mem{Base: p.at, Index: bytes, Scale: 1}, at)
	p.at = at
	return p
}

// A normalized row is (x - mean) / s. The variance is the mean of squares less the square of the mean, which in float64 leaves enough digits of
// what float32 can hold. The mean is taken off in two parts, so that one that is large against s costs no digits.
func (t *target) layerNorm() {
	t.function("LayerNorm", "func(rows, cols int, y, x, scale, shift, mean, inverse *float32, epsilon float64, past int)",
		"is layerNorm for at least one row and column. It may write y past the caches if past is not 0.")
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	scale, shift := Load(Param("scale"), GP64()), Load(Param("shift"), GP64())
	means, inverses := Load(Param("mean"), GP64()), Load(Param("inverse"), GP64())
	part, bytes, count := t.rowEnd(cols)

	t.rowsNearAndPast(y, bytes, func(name string) {
		Label(name + "row")
		n := GP64()
		var sums, squares [2]Register
		for i := range sums {
			sums[i], squares[i] = t.vec(), t.vec()
			t.zero(sums[i])
			t.zero(squares[i])
		}
		MOVQ(cols, n)
		t.eachOf(name+"sums", n, 2, part, func(p place) {
			if !t.past {
				p.prefetch(y)
			}
			low, high := p.doubles(x)
			for i, v := range []Register{low, high} {
				VADDPD(v, sums[i], sums[i])
				VFMADD231PD(v, v, squares[i])
			}
		})
		VADDPD(sums[1], sums[0], sums[0])
		VADDPD(squares[1], squares[0], squares[0])
		mean, variance := t.total(sums[0]), t.total(squares[0])
		VDIVSD(count, mean, mean)
		first, second := t.parts(mean)
		VMOVSS(first.(VecVirtual).AsX(), Mem{Base: means})
		VDIVSD(count, variance, variance)
		VFNMADD231SD(mean, mean, variance)
		least := XMM()
		VXORPS(least, least, least)
		VMAXSD(variance, least, variance) // variance where that is NaN
		VADDSD(argument("epsilon"), variance, variance)
		VSQRTSD(variance, variance, variance)
		one := XMM()
		VMOVSD(doubles(1), one)
		VDIVSD(variance, one, one)
		inverse := t.spread(one)
		VMOVSS(inverse.(VecVirtual).AsX(), Mem{Base: inverses})
		MOVQ(cols, n)
		t.eachOf(name+"affine", n, 2, part, func(p place) {
			p.after(bytes).prefetch(x)
			d := p.load(x)
			VSUBPS(first, d, d)
			VSUBPS(second, d, d)
			VMULPS(inverse, d, d)
			VMULPS(p.load(scale), d, d)
			VADDPS(p.load(shift), d, d)
			p.store(d, y)
		})
		ADDQ(bytes, x)
		ADDQ(bytes, y)
		ADDQ(U8(4), means)
		ADDQ(U8(4), inverses)
		DECQ(rows)
		JNZ(LabelRef(name + "row"))
	})
}

// rowsNearAndPast is nearAndPast for rows that lie one after the other. Whole vectors are stored past the caches where each is a line, or a part of one.
func (t *target) rowsNearAndPast(dst, bytes Register, loop func(name string)) {
	past, place := GP64(), GP64()
	Load(Param("past"), past)
	TESTQ(past, past)
	JZ(LabelRef("near"))
	MOVQ(dst, place)
	ORQ(bytes, place)
	TESTQ(U32(t.bytes()-1), place)
	JNZ(LabelRef("near"))
	t.past = true
	loop("past")
	t.past = false
	SFENCE()
	t.end()
	Label("near")
	loop("")
	t.end()
}

// rowEnd is the mask of the last vector of a row, its length in bytes, and the number of columns as a float64.
func (t *target) rowEnd(cols Register) (part *mask, bytes, count Register) {
	tail, one := GP64(), GP64()
	MOVQ(cols, tail)
	MOVQ(U32(1), one)
	ANDQ(U8(t.lanes-1), tail)
	CMOVQEQ(one, tail) // unused then
	m := t.mask(tail, nil)
	bytes, count = GP64(), XMM()
	MOVQ(cols, bytes)
	SHLQ(U8(2), bytes)
	VXORPS(count, count, count)
	VCVTSI2SDQ(cols, count, count)
	return &m, bytes, count
}

// parts is a float64 as the sum of two float32, in all lanes.
func (t *target) parts(x Register) (first, second Register) {
	first = t.spread(x)
	d := XMM()
	VCVTSS2SD(first.(VecVirtual).AsX(), first.(VecVirtual).AsX(), d)
	VSUBSD(d, x, d)
	return first, t.spread(d)
}

// together is how many vectors' terms are added up in float32 before they go to the sums in float64. The terms are rounded to float32 already, and
// turning them into float64 costs more than all else that is done with them.
const together = 4

// With g = scale dy and z = (x - mean) inverse: dx = (g - Σ g/n - z Σ g z/n) inverse, and what a row adds to the gradients of scale and shift is
// dy z and dy. A nil slice is not computed.
func (t *target) layerNormBack() {
	t.function("LayerNormBack", "func(rows, cols int, dx, dscale, dshift, x, dy, scale, mean, inverse *float32, add, past int)",
		"is layerNormBack for at least one row and column. It may write dx past the caches if past is not 0, and not add.")
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	dx, x, dy := Load(Param("dx"), GP64()), Load(Param("x"), GP64()), Load(Param("dy"), GP64())
	dscale, dshift, scale := Load(Param("dscale"), GP64()), Load(Param("dshift"), GP64()), Load(Param("scale"), GP64())
	means, inverses := Load(Param("mean"), GP64()), Load(Param("inverse"), GP64())
	part, bytes, count := t.rowEnd(cols)
	labels := 0
	skip := func(slice Register, do func()) {
		labels++
		name := "without" + hex(uint32(labels))
		TESTQ(slice, slice)
		JZ(LabelRef(name))
		do()
		Label(name)
	}

	t.rowsNearAndPast(dx, bytes, func(name string) {
		Label(name + "row")
		n := GP64()
		mean, inverse := t.broadcast(Mem{Base: means}), t.broadcast(Mem{Base: inverses})
		s0, s1 := t.vec(), t.vec()
		t.zero(s0)
		t.zero(s1)
		MOVQ(cols, n)
		t.eachGroup(name+"sums", n, together, part, func(group []place) {
			var sums, products Register
			for _, p := range group {
				if !t.past {
					p.prefetch(dx)
				}
				p.after(bytes).prefetch(x)
				z, d := p.load(x), p.load(dy)
				VSUBPS(mean, z, z)
				VMULPS(inverse, z, z)
				skip(dscale, func() {
					r := t.vec()
					VMULPS(d, z, r)
					VADDPS(p.load(dscale), r, r)
					p.keep(r, dscale)
				})
				skip(dshift, func() {
					r := p.load(dshift)
					VADDPS(d, r, r)
					p.keep(r, dshift)
				})
				g := p.load(scale)
				VMULPS(d, g, g) // 0 where the mask leaves lanes out
				p.clear(z)
				if sums == nil {
					sums, products = g, z
					VMULPS(g, z, products)
					continue
				}
				VADDPS(g, sums, sums)
				VFMADD231PS(g, z, products)
			}
			for _, v := range [][2]Register{{sums, s0}, {products, s1}} {
				low, high := t.doubles(v[0])
				VADDPD(high, low, low)
				VADDPD(low, v[1], v[1])
			}
		})
		TESTQ(dx, dx)
		JZ(LabelRef(name + "next"))
		sum, product := t.total(s0), t.total(s1)
		VDIVSD(count, sum, sum)
		VDIVSD(count, product, product)
		sums, products := t.spread(sum), t.spread(product)
		MOVQ(cols, n)
		t.eachOf(name+"dx", n, 2, part, func(p place) {
			p.after(bytes).prefetch(dy)
			z, d := p.load(x), p.load(dy)
			VSUBPS(mean, z, z)
			VMULPS(inverse, z, z)
			VMULPS(p.load(scale), d, d)
			VSUBPS(sums, d, d)
			VFNMADD231PS(products, z, d)
			VMULPS(inverse, d, d)
			labels++
			plain := "plain" + hex(uint32(labels))
			add := GP64()
			Load(Param("add"), add)
			TESTQ(add, add)
			JZ(LabelRef(plain))
			VADDPS(p.load(dx), d, d)
			Label(plain)
			p.store(d, dx)
		})
		ADDQ(bytes, dx)
		Label(name + "next")
		ADDQ(bytes, x)
		ADDQ(bytes, dy)
		ADDQ(U8(4), means)
		ADDQ(U8(4), inverses)
		DECQ(rows)
		JNZ(LabelRef(name + "row"))
	})
}
