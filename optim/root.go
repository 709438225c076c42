package optim

// The denominator of the adaptive rules: the root of a mean or sum of squares, with epsilon outside or inside.

import (
	"math"

	"github.com/descent-go/descent/engine"
)

// root is sqrt(x) + epsilon, or sqrt(x + epsilon).
func root[T engine.Float](x, epsilon T, inside bool) T {
	if inside {
		return sqrt(x + epsilon)
	}
	return sqrt(x) + epsilon
}

// sqrt is exact to the last bit in both precisions: the root in float64 of a float32 does not change when it is rounded again.
func sqrt[T engine.Float](x T) T { return T(math.Sqrt(float64(x))) }

// smallest is the smallest normal number of a precision. In place of epsilon 0 it changes no step that a gradient could be seen in, and
// keeps a weight whose gradient has always been zero from 0/0.
func smallest[T engine.Float]() float64 {
	if isFloat64[T]() {
		return 0x1p-1022
	}
	return 0x1p-126
}
