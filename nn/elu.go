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
func (l ELU) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return exponential(c, 1, l.Alpha, 1)
}

func (ELU) start() engine.Init { return He{} }

// exponential is the family of [ELU], [SELU] and [CELU]: y = positive·x where x > 0, negative (exp(x / width) - 1) elsewhere.
func exponential(c engine.Conditions, positive, negative, width float64) engine.Code {
	h := kernel.ELU{Positive: positive, Negative: negative, Width: width}
	return engine.Code{F32: exponentialBody[float32](c, h), F64: exponentialBody[float64](c, h)}
}

func exponentialBody[T engine.Float](c engine.Conditions, h kernel.ELU) pointwise[T] {
	k := table[T](c)
	return pointwise[T]{
		forward: func(dst, x []T) { k.ELU(dst, x, h) },
		fromIn:  func(dx, x, dy []T, add bool) { k.ELUBack(dx, x, dy, add, h) },
	}
}
