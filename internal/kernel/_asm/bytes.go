package main

// Bytes that become numbers, as the pixels of an image do on their way into a batch, and numbers that are scaled alike.

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

// divide writes the division of numbers by one number.
func (t *target) divide() {
	t.function("Divide", "func(n int, dst, x *float32, divisor float32)", "is dst[i] = x[i] / divisor for n numbers, a multiple of 16.")
	n, dst, x := Load(Param("n"), GP64()), Load(Param("dst"), GP64()), Load(Param("x"), GP64())
	divisor := t.vec()
	VBROADCASTSS(argument("divisor"), divisor)
	Label("loop")
	for v := range 16 / t.lanes {
		q := t.vec()
		VMOVUPS(Mem{Base: x, Disp: v * t.bytes()}, q)
		VDIVPS(divisor, q, q)
		VMOVUPS(q, Mem{Base: dst, Disp: v * t.bytes()})
	}
	ADDQ(U8(64), x)
	ADDQ(U8(64), dst)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	t.end()
}

// standardize writes the scaling of numbers by numbers of their own, in float64.
func (t *target) standardize() {
	t.function("Standardize", "func(n int, dst, x *float32, subtract, divide *float64)",
		"is dst[i] = float32((float64(x[i]) - subtract[i]) / divide[i]) for n numbers, a multiple of 16.")
	n, dst, x := Load(Param("n"), GP64()), Load(Param("dst"), GP64()), Load(Param("x"), GP64())
	subtract, divide := Load(Param("subtract"), GP64()), Load(Param("divide"), GP64())
	Label("loop")
	for v := range 32 / t.lanes { // a vector of float64 holds half as many
		at, half := v*t.bytes(), v*t.bytes()/2
		q := t.vec()
		VCVTPS2PD(Mem{Base: x, Disp: half}, q)
		VSUBPD(Mem{Base: subtract, Disp: at}, q, q)
		VDIVPD(Mem{Base: divide, Disp: at}, q, q)
		if t.wide() {
			narrow := YMM()
			VCVTPD2PS(q, narrow)
			VMOVUPS(narrow, Mem{Base: dst, Disp: half})
		} else {
			narrow := XMM()
			VCVTPD2PSY(q, narrow)
			VMOVUPS(narrow, Mem{Base: dst, Disp: half})
		}
	}
	ADDQ(U8(64), x)
	ADDQ(U8(64), dst)
	ADDQ(U32(128), subtract)
	ADDQ(U32(128), divide)
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
