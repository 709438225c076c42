package nn

import "github.com/descent-go/descent/engine"

// ReLU is max(x, 0); its derivative is 1 where the result is positive, else 0 (Nair and Hinton 2010). NaN stays NaN.
// Any shape; the result has the same.
type ReLU struct{}

// Build implements [Layer].
func (l ReLU) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (ReLU) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (ReLU) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return activationCode(reluActivation, c)
}

// start is He et al. 2015, equation 10.
func (ReLU) start() engine.Init { return He{} }

func (ReLU) activation() Activation { return reluActivation }
