package optim

// What stands in for an epsilon of 0 in the denominator of the adaptive rules.

import "github.com/descent-go/descent/engine"

// smallest is the smallest normal number of a precision. In place of epsilon 0 it changes no step that a gradient could be seen in, and
// keeps a weight whose gradient has always been zero from 0/0.
func smallest[T engine.Float]() float64 {
	if isFloat64[T]() {
		return 0x1p-1022
	}
	return 0x1p-126
}
