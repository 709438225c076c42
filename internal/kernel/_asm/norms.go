package main

// What a step asks of a whole gradient before it is applied: the sum of its squares, and whether all of it is finite.

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// squares is eightLeaves that converts each value once. It goes through four streams of two leaves each, and asks for the lines where the pages begin that a later call reads.
func (t *target) squares() {
	t.function("Squares8", "func(a, b *float32) float64",
		fmt.Sprintf("returns the sum of float64(a[i])*float64(a[i]) of eight leaves of %d values; b is not used.", leaf))
	a, k, half := Load(Param("a"), GP64()), GP64(), GP64()
	ahead := GP64()
	LEAQ(Mem{Base: a, Disp: 16*page - page/2}, ahead)
	ANDQ(I32(-page), ahead)
	for i := range 8 * leaf * 4 / page {
		PREFETCHT0(Mem{Base: ahead, Disp: i * page})
	}
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
	for i := range sums {
		// The next call's lines, into the second cache: four streams a page apart are more than the processor foresees well. Without it, or
		// asked into the first cache, the same takes two thirds more time from memory.
		PREFETCHT1(Mem{Base: a, Disp: 8*leaf*4 + 8*leaf*i})
	}
	for part := 0; part < 64; part += 16 {
		for i, s := range sums {
			x := YMM()
			VCVTPS2PD(Mem{Base: a, Disp: 8*leaf*i + part}, x)
			VFMADD231PD(x, x, s)
		}
	}
	ADDQ(U8(64), a)
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

// nonFinite adds up x-x, which is NaN for NaN and infinities, else 0. One sum for all would be waited for.
func (t *target) nonFinite() {
	t.function("Finite", "func(n int, x *float32) float32",
		"returns 0 if all of n values are finite, else NaN.")
	n, x := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	var sums [4]Register
	for i := range sums {
		sums[i] = t.vec()
		t.zero(sums[i])
	}
	next := 0
	t.each(n, 8, func(p place) {
		p.foresee("page"+hex(uint32(next)), x)
		v := p.load(x)
		VSUBPS(v, v, v)
		VORPS(v, sums[next%len(sums)], sums[next%len(sums)])
		next++
	})
	VORPS(sums[1], sums[0], sums[0])
	VORPS(sums[3], sums[2], sums[2])
	VORPS(sums[2], sums[0], sums[0])
	t.result(t.across(sums[0], VORPS))
}
