package nn

import "github.com/descent-go/descent/engine"

// Tanh is the hyperbolic tangent; its derivative is 1 - y².
// Any shape; the result has the same.
type Tanh struct{}

// Build implements [Layer].
func (l Tanh) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (Tanh) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (Tanh) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return activationCode(tanhActivation, c)
}

func (Tanh) activation() Activation { return tanhActivation }
