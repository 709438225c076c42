package nn

import (
	"math"

	"github.com/descent-go/descent/engine"
)

// Softsign is y = x / (1 + |x|); its derivative is 1 / (1 + |x|)² (Bergstra et al., "Quadratic polynomials learn better image features", 2009;
// Glorot and Bengio 2010, section 3). It saturates more gently than [Tanh]. Backward reads x. Any shape; the result has the same.
type Softsign struct{}

// Build implements [Layer].
func (l Softsign) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (Softsign) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (Softsign) Code([]engine.Type, engine.Conditions) engine.Code {
	return curve(softsign, softsignSlope)
}

func softsign(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.Copysign(1, x)
	}
	return x / (1 + math.Abs(x))
}

func softsignSlope(x float64) float64 {
	r := 1 / (1 + math.Abs(x))
	return r * r
}
