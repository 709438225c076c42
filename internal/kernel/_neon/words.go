package main

// Vector instructions that Go's assembler lacks, by the encodings of the Arm
// Architecture Reference Manual (C4.1, "Advanced SIMD"). Operands are in Arm's order:
// the destination first.

import "fmt"

// three writes an instruction with two operands.
func (c *code) three(w uint32, name, lanes string, d, n, m vector) {
	c.word(w|uint32(m)<<16|uint32(n)<<5|uint32(d), fmt.Sprintf("%s v%d.%s, v%d.%s, v%d.%s", name, d, lanes, n, lanes, m, lanes))
}

func (c *code) fadd(d, n, m vector)   { c.three(0x4e20d400, "fadd", "4s", d, n, m) }
func (c *code) fsub(d, n, m vector)   { c.three(0x4ea0d400, "fsub", "4s", d, n, m) }
func (c *code) fmul(d, n, m vector)   { c.three(0x6e20dc00, "fmul", "4s", d, n, m) }
func (c *code) fdiv(d, n, m vector)   { c.three(0x6e20fc00, "fdiv", "4s", d, n, m) }
func (c *code) fmax(d, n, m vector)   { c.three(0x4e20f400, "fmax", "4s", d, n, m) } // NaN if one is
func (c *code) fmin(d, n, m vector)   { c.three(0x4ea0f400, "fmin", "4s", d, n, m) } // NaN if one is
func (c *code) fadd64(d, n, m vector) { c.three(0x4e60d400, "fadd", "2d", d, n, m) }
func (c *code) andNot(d, n, m vector) { c.three(0x4e601c00, "bic", "16b", d, n, m) } // n and not m

// two writes an instruction with one operand.
func (c *code) two(w uint32, name string, d, n vector) {
	c.word(w|uint32(n)<<5|uint32(d), fmt.Sprintf("%s v%d.4s, v%d.4s", name, d, n))
}

func (c *code) fabs(d, n vector)   { c.two(0x4ea0f800, "fabs", d, n) }
func (c *code) fsqrt(d, n vector)  { c.two(0x6ea1f800, "fsqrt", d, n) }
func (c *code) frintn(d, n vector) { c.two(0x4e218800, "frintn", d, n) } // to the nearest whole number
func (c *code) fcvtns(d, n vector) { c.two(0x4e21a800, "fcvtns", d, n) } // the same as an integer
func (c *code) ucvtf(d, n vector)  { c.two(0x6e21d800, "ucvtf", d, n) }  // from an unsigned integer

// notAbove sets the lanes of d whose number in n is at most 0 to -1, else to 0; those
// of NaN are 0.
func (c *code) notAbove(d, n vector) {
	c.word(0x6ea0d800|uint32(n)<<5|uint32(d), fmt.Sprintf("fcmle v%d.4s, v%d.4s, #0.0", d, n))
}

// shiftRight is an arithmetic shift of 32-bit integers, 1 to 32 places.
func (c *code) shiftRight(d, n vector, places int) {
	c.word(0x4f000400|uint32(64-places)<<16|uint32(n)<<5|uint32(d), fmt.Sprintf("sshr v%d.4s, v%d.4s, #%d", d, n, places))
}

// fmlaLane is d += n times one lane of m.
func (c *code) fmlaLane(d, n, m vector, lane int) {
	w := uint32(0x4f801000) | uint32(lane&1)<<21 | uint32(lane>>1)<<11
	c.word(w|uint32(m)<<16|uint32(n)<<5|uint32(d), fmt.Sprintf("fmla v%d.4s, v%d.4s, v%d.s[%d]", d, n, m, lane))
}

// wideLow and wideHigh make two float32 two float64.
func (c *code) wideLow(d, n vector) {
	c.word(0x0e617800|uint32(n)<<5|uint32(d), fmt.Sprintf("fcvtl v%d.2d, v%d.2s", d, n))
}

func (c *code) wideHigh(d, n vector) {
	c.word(0x4e617800|uint32(n)<<5|uint32(d), fmt.Sprintf("fcvtl2 v%d.2d, v%d.4s", d, n))
}

// greatest is the maximum of n's lanes, as float32 or as unsigned integers, in d's first.
func (c *code) greatest(d, n vector) {
	c.word(0x6e30f800|uint32(n)<<5|uint32(d), fmt.Sprintf("fmaxv s%d, v%d.4s", d, n))
}

func (c *code) greatestInteger(d, n vector) {
	c.word(0x6eb0a800|uint32(n)<<5|uint32(d), fmt.Sprintf("umaxv s%d, v%d.4s", d, n))
}

// Instructions that Go's assembler knows, in Arm's order as well.

// fma is d += n*m, rounded once.
func (c *code) fma(d, n, m vector) { c.op("VFMLA", m.s4(), n.s4(), d.s4()) }

// fms is d -= n*m, rounded once.
func (c *code) fms(d, n, m vector) { c.op("VFMLS", m.s4(), n.s4(), d.s4()) }

func (c *code) fma64(d, n, m vector) { c.op("VFMLA", m.d2(), n.d2(), d.d2()) }

func (c *code) and(d, n, m vector) { c.op("VAND", m.b16(), n.b16(), d.b16()) }
func (c *code) or(d, n, m vector)  { c.op("VORR", m.b16(), n.b16(), d.b16()) }

// choose makes d, a mask, n where its bits are 1 and m where they are 0.
func (c *code) choose(d, n, m vector) { c.op("VBSL", m.b16(), n.b16(), d.b16()) }
