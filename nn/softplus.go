package nn

import (
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Softplus is y = log(1 + exp(x)), a smooth [ReLU]; its derivative is the logistic σ(x) (Dugas et al., "Incorporating second-order
// functional knowledge for better option pricing", 2001; Glorot, Bordes and Bengio 2011, section 3.1). It is computed as
// max(x, 0) + log(1 + exp(-|x|)), which does not overflow; PyTorch returns x above 20, which differs by 2e-9 at most. Backward reads x. Any
// shape; the result has the same.
type Softplus struct{}

// Build implements [Layer].
func (l Softplus) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (Softplus) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (Softplus) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return engine.Code{F32: softplusBody[float32](c), F64: softplusBody[float64](c)}
}

func softplusBody[T engine.Float](c engine.Conditions) pointwise[T] {
	k := table[T](c)
	return pointwise[T]{forward: k.Softplus, fromIn: k.SoftplusBack}
}

// softplus is the function for one number, which losses are made of.
func softplus(x float64) float64 { return max(x, 0) + kernel.Log1p(kernel.Exp(-math.Abs(x))) }
