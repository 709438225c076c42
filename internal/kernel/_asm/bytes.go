package main

// Bytes that become numbers, as the pixels of an image do on their way into a batch.

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// bytesToNumbers writes the conversion. The quotient q = b·(1/d) has an error of about one unit in the last place; what is left of b, which a
// fused multiply-add finds exactly, corrects it (Markstein, IBM Journal of Research and Development 34, 1990).
func (t *target) bytesToNumbers() {
	t.function("Bytes", "func(n int, dst *float32, src *byte, divisor, inverse float32)",
		"divides n bytes, a multiple of 16:",
		"",
		"	q := float32(src[i]) * inverse",
		"	dst[i] = fma(fma(-q, divisor, float32(src[i])), inverse, q)")
	n, dst, src := Load(Param("n"), GP64()), Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	divisor, inverse := t.vec(), t.vec()
	VBROADCASTSS(argument("divisor"), divisor)
	VBROADCASTSS(argument("inverse"), inverse)
	Label("loop")
	for v := range 16 / t.lanes {
		x, q := t.vec(), t.vec()
		VPMOVZXBD(Mem{Base: src, Disp: v * t.lanes}, x)
		VCVTDQ2PS(x, x)
		VMULPS(inverse, x, q)
		VFNMADD231PS(divisor, q, x)
		VFMADD231PS(inverse, x, q)
		VMOVUPS(q, Mem{Base: dst, Disp: v * t.bytes()})
	}
	ADDQ(U8(16), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	t.end()
}

// prefetch writes the function that asks for memory.
func (t *target) prefetch() {
	t.function("Prefetch", "func(n int, x *byte)", "asks for the cache lines of n bytes and does not wait for them.")
	n, x := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	Label("loop")
	PREFETCHT0(Mem{Base: x})
	ADDQ(U8(64), x)
	SUBQ(U8(64), n)
	JGT(LabelRef("loop"))
	RET()
}
