package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
)

// withinBits is kernel.WithinBits.
const withinBits = 50

// within adds up y-y of y = x·2^(128-withinBits), which is NaN where y overflows or x is NaN.
func (t *target) within() {
	t.function("Within", "func(n int, x *float32) float32",
		"returns 0 if the magnitude of all of n values is below 2^50, else NaN.")
	n, x := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	sum, times := t.vec(), t.constant(float32(math.Ldexp(1, 128-withinBits)))
	t.zero(sum)
	t.each(n, 4, func(p place) {
		v := p.load(x)
		VMULPS(times, v, v)
		VSUBPS(v, v, v)
		VORPS(v, sum, sum)
	})
	t.result(t.across(sum, VORPS))
}
