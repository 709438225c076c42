package main

// Reductions. Sums are in float64 and have the tree of Table.Sum: the four lanes
// of a register are its four interleaved sums, and several leaves of the tree are
// summed beside each other to hide the latency of an addition.

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const leaf = 512

func (t *target) reductions() {
	t.leaves("Leaves", true)
	t.leaves("SumLeaves", false)
	t.eightLeaves("Leaves8", true)
	t.eightLeaves("SumLeaves8", false)
	t.oneLeaf("Leaf", true)
	t.oneLeaf("SumLeaf", false)
	t.sumRows()
	t.nonFinite()
	t.maximum()
	t.rowKernels()
}

// product adds four products of a and b to a sum; each is exact in float64. Without times it adds a alone.
func product(a, b Mem, sum Register, times bool) {
	x, y := YMM(), YMM()
	VCVTPS2PD(a, x)
	if !times {
		VADDPD(x, sum, sum)
		return
	}
	VCVTPS2PD(b, y)
	VFMADD231PD(y, x, sum)
}

// addUp leaves (s0+s1)+(s2+s3) in the register's first lane.
func addUp(s VecVirtual) Register {
	high, r := XMM(), XMM()
	VEXTRACTF128(U8(1), s, high)
	VHADDPD(high, s.AsX(), r)
	// r is s0+s1, s2+s3
	VPERMILPD(U8(1), r, high)
	VADDSD(high, r, r)
	return r
}

// terms is what is added up.
func terms(times bool) string {
	if times {
		return "float64(a[i])*float64(b[i])"
	}
	return "float64(a[i])"
}

func (t *target) leaves(name string, times bool) {
	for count := 4; count >= 2; count-- {
		t.function(fmt.Sprint(name, count), "func(a, b *float32) (s0, s1, s2, s3 float64)",
			fmt.Sprintf("returns the sums of %s of the first %d leaves of %d values.", terms(times), count, leaf))
		a, b, k := Load(Param("a"), GP64()), Load(Param("b"), GP64()), GP64()
		var sums []VecVirtual
		for range count {
			s := YMM()
			VXORPS(s, s, s)
			sums = append(sums, s)
		}
		MOVQ(U32(leaf/16), k)
		Label("loop")
		for i, s := range sums {
			// The leaves after these: so many short streams are more than the
			// processor foresees.
			PREFETCHT1(Mem{Base: a, Disp: 4 * leaf * (i + 4)})
			if times {
				PREFETCHT1(Mem{Base: b, Disp: 4 * leaf * (i + 4)})
			}
			for part := 0; part < 64; part += 16 {
				product(Mem{Base: a, Disp: 4*leaf*i + part}, Mem{Base: b, Disp: 4*leaf*i + part}, s, times)
			}
		}
		ADDQ(U8(64), a)
		ADDQ(U8(64), b)
		DECQ(k)
		JNZ(LabelRef("loop"))
		for i := range 4 {
			r := XMM()
			if i < count {
				r = addUp(sums[i]).(VecVirtual)
			} else {
				VXORPS(r, r, r)
			}
			to, err := ReturnIndex(i).Resolve()
			if err != nil {
				panic(err)
			}
			VMOVSD(r, to.Addr)
		}
		t.end()
	}
}

// eightLeaves goes through four streams of two leaves each, which is how far apart pages are: the processor foresees one stream a page.
func (t *target) eightLeaves(name string, times bool) {
	t.function(name, "func(a, b *float32) float64", fmt.Sprintf("returns the sum of %s of eight leaves of %d values.", terms(times), leaf))
	a, b, k, half := Load(Param("a"), GP64()), Load(Param("b"), GP64()), GP64(), GP64()
	var sums, pairs []VecVirtual
	for range 4 {
		s, first := YMM(), XMM()
		VXORPS(s, s, s)
		VXORPS(first, first, first)
		sums, pairs = append(sums, s), append(pairs, first)
	}
	MOVQ(U32(2), half)
	Label("leaf")
	MOVQ(U32(leaf/16), k)
	Label("loop")
	for i, s := range sums {
		for part := 0; part < 64; part += 16 {
			product(Mem{Base: a, Disp: 8*leaf*i + part}, Mem{Base: b, Disp: 8*leaf*i + part}, s, times)
		}
	}
	ADDQ(U8(64), a)
	ADDQ(U8(64), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	for i, s := range sums {
		VADDSD(addUp(s), pairs[i], pairs[i]) // 0 + the first, which changes no bit, then the second
		VXORPS(s, s, s)
	}
	DECQ(half)
	JNZ(LabelRef("leaf"))
	VADDSD(pairs[1], pairs[0], pairs[0])
	VADDSD(pairs[3], pairs[2], pairs[2])
	VADDSD(pairs[2], pairs[0], pairs[0])
	t.result64(pairs[0])
}

func (t *target) oneLeaf(name string, times bool) {
	t.function(name, "func(n int, a, b *float32) float64",
		fmt.Sprintf("returns the sum of %s of a leaf of n values, at most %d.", terms(times), leaf))
	n, a, b := Load(Param("n"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	s := YMM()
	VXORPS(s, s, s)
	Label("loop")
	CMPQ(n, U8(4))
	JLT(LabelRef("rest"))
	product(Mem{Base: a}, Mem{Base: b}, s, times)
	ADDQ(U8(16), a)
	ADDQ(U8(16), b)
	SUBQ(U8(4), n)
	JMP(LabelRef("loop"))
	Label("rest")
	first, high := XMM(), XMM()
	VEXTRACTF128(U8(1), s, high)
	VMOVAPS(s.AsX(), first)
	Label("single")
	TESTQ(n, n)
	JZ(LabelRef("sum"))
	x, y := XMM(), XMM()
	VMOVSS(Mem{Base: a}, x)
	VCVTSS2SD(x, x, x)
	if times {
		VMOVSS(Mem{Base: b}, y)
		VCVTSS2SD(y, y, y)
		VFMADD231SD(y, x, first) // leaves the second lane
	} else {
		VADDSD(x, first, first)
	}
	ADDQ(U8(4), a)
	ADDQ(U8(4), b)
	DECQ(n)
	JMP(LabelRef("single"))
	Label("sum")
	VHADDPD(high, first, first)
	VPERMILPD(U8(1), first, high)
	VADDSD(high, first, first)
	to, err := ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSD(first, to.Addr)
	t.end()
}

// sumRows writes the sum of rows, up to four registers across.
func (t *target) sumRows() {
	const across = 4
	t.function("SumRows", "func(rows, cols int, dst, x *float32, ldx, add int)",
		fmt.Sprintf("is sumRows for 1 to %d columns.", across*t.lanes))
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	dst, x := Load(Param("dst"), GP64()), Load(Param("x"), GP64())
	ldx, add := Load(Param("ldx"), GP64()), Load(Param("add"), GP64())
	SHLQ(U8(2), ldx)
	for width := across; width >= 1; width-- {
		name := func(s string) string { return fmt.Sprintf("%s%d", s, width) }
		if width > 1 {
			CMPQ(cols, U8(t.lanes*(width-1)))
			JLE(LabelRef(fmt.Sprintf("width%d", width-1)))
		}
		tail := GP64()
		MOVQ(cols, tail)
		SUBQ(U8(t.lanes*(width-1)), tail)
		m := t.mask(tail, nil)
		at := func(base Register, v int) (p place, slice Register) {
			p = place{t: t, disp: v * t.bytes()}
			if v == width-1 {
				p.mask = &m
			}
			return p, base
		}
		var sums []Register
		for range width {
			s := t.vec()
			t.zero(s)
			sums = append(sums, s)
		}
		TESTQ(add, add)
		JZ(LabelRef(name("loop")))
		for v, s := range sums {
			p, slice := at(dst, v)
			VADDPS(p.load(slice), s, s)
		}
		Label(name("loop"))
		TESTQ(rows, rows)
		JZ(LabelRef(name("store")))
		for v, s := range sums {
			p, slice := at(x, v)
			VADDPS(p.load(slice), s, s)
		}
		ADDQ(ldx, x)
		DECQ(rows)
		JMP(LabelRef(name("loop")))
		Label(name("store"))
		for v, s := range sums {
			p, slice := at(dst, v)
			p.store(s, slice)
		}
		t.end()
		if width > 1 {
			Label(fmt.Sprintf("width%d", width-1))
		}
	}
}

// across combines the lanes of a register into its first.
func (t *target) across(r Register, op func(...Op)) Register {
	v := r.(VecVirtual)
	if t.wide() {
		half := YMM()
		VEXTRACTF64X4(U8(1), v, half)
		op(half, v.AsY(), v.AsY())
	}
	half := XMM()
	t.upper(v.AsY(), half)
	op(half, v.AsX(), v.AsX())
	VPERMILPS(U8(0x4e), v.AsX(), half)
	op(half, v.AsX(), v.AsX())
	VPERMILPS(U8(0xb1), v.AsX(), half)
	op(half, v.AsX(), v.AsX())
	return v.AsX()
}

// result returns the first lane.
func (t *target) result(r Register) {
	to, err := ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSS(r, to.Addr)
	t.end()
}

// greatest takes the maximum of x's places into most; lanes that a mask leaves
// out are -Inf.
func (t *target) greatest(p place, x, most Register) {
	v := p.load(x)
	if p.mask == nil {
		VMAXPS(v, most, most)
		return
	}
	if t.wide() {
		VMAXPS(v, most, p.mask.r, most)
		return
	}
	VMAXPS(v, most, v)
	VBLENDVPS(p.mask.r, v, most, most)
}

const minusInfinity = 0xff800000

func (t *target) maximum() {
	t.function("Max", "func(n int, x *float32) float32",
		"returns the greatest of n values that hold no NaN, -Inf if n is 0.")
	n, x, most := Load(Param("n"), GP64()), Load(Param("x"), GP64()), t.vec()
	VMOVUPS(bits(minusInfinity), most)
	t.each(n, 4, func(p place) { t.greatest(p, x, most) })
	t.result(t.across(most, VMAXPS))
}

// result64 returns the first lane as a float64.
func (t *target) result64(r Register) {
	to, err := ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSD(r, to.Addr)
	t.end()
}
