package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// ELU is the exponential linear unit: y = x where x > 0, Alpha (exp(x) - 1) elsewhere; its derivative is 1 or Alpha exp(x), which backward
// computes from x (Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units", 2016,
// equation 15; Alpha is above 0, 1 in the paper and in files unless given). Any shape; the result has the same.
type ELU struct {
	Alpha float64 `spec:",arg,gt=0" help:"the result for very negative inputs is minus this"`
}

// Build implements [Layer].
func (l ELU) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if !(l.Alpha > 0) || math.IsInf(l.Alpha, 1) {
		g.Fail(fmt.Errorf("elu: alpha is %v; a number above 0 is wanted (1 is usual)", l.Alpha))
		return engine.Value{}
	}
	return unary(g, l, x)
}

// Type implements [engine.Op].
func (ELU) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (l ELU) Code([]engine.Type, engine.Conditions) engine.Code { return exponential(1, l.Alpha, 1) }

func (ELU) start() engine.Init { return He{} }

// exponential is the family of [ELU], [SELU] and [CELU]: y = positive·x where x > 0, negative (exp(x / width) - 1) elsewhere.
func exponential(positive, negative, width float64) engine.Code {
	f := func(x float64) float64 {
		if x > 0 {
			return positive * x
		}
		return negative * kernel.Expm1(x/width)
	}
	slope := func(x float64) float64 {
		if x > 0 {
			return positive
		}
		return negative / width * kernel.Exp(x/width)
	}
	return curve(f, slope)
}
