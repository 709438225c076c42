package nn

import "github.com/descent-go/descent/engine"

// Sigmoid is the survey's y = 1 / (1 + exp(-x)); its derivative is y (1 - y).
// Any shape; the result has the same.
type Sigmoid struct{}

// Build implements [Layer].
func (l Sigmoid) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (Sigmoid) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (Sigmoid) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return activationCode(sigmoidActivation, c)
}

func (Sigmoid) activation() Activation { return sigmoidActivation }
