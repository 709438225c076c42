package main

// Bytes that become numbers, and memory that is asked for before it is needed.

import "fmt"

func (c *code) bytes() {
	c.function("Bytes", "func(n int, dst *float32, src *byte, divisor float32)",
		"is dst[i] = float32(src[i]) / divisor for n values, a multiple of 16 and at least 16.")
	n, dst, src, divisor := c.load("n"), c.load("dst"), c.load("src"), c.broadcast("divisor")
	c.label("next")
	c.op("FMOVQ", fmt.Sprintf("(%s)", src), vector(0).f())
	c.op("VUXTL", "V0.B8", "V1.H8")
	c.op("VUXTL2", "V0.B16", "V2.H8")
	c.op("VUXTL", "V1.H4", "V4.S4")
	c.op("VUXTL2", "V1.H8", "V5.S4")
	c.op("VUXTL", "V2.H4", "V6.S4")
	c.op("VUXTL2", "V2.H8", "V7.S4")
	for v := range vector(4) {
		c.ucvtf(4+v, 4+v)
		c.fdiv(4+v, 4+v, divisor)
		c.op("FMOVQ", (4 + v).f(), fmt.Sprintf("%d(%s)", registerBytes*int(v), dst))
	}
	c.op("ADD", 16, src)
	c.op("ADD", 64, dst)
	c.op("SUBS", 16, n)
	c.op("BNE", "next")
	c.ret()

	c.function("Prefetch", "func(n int, x *byte)", "asks for n bytes, at least 1, from each line of 64 bytes.")
	n, x := c.load("n"), c.load("x")
	c.label("line")
	c.op("PRFM", fmt.Sprintf("(%s)", x), "PLDL1KEEP")
	c.op("ADD", 64, x)
	c.op("SUBS", 64, n)
	c.op("BGT", "line")
	c.ret()
}
