package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// CELU is y = x where x > 0, Alpha (exp(x / Alpha) - 1) elsewhere: an [ELU] whose derivative, 1 or exp(x / Alpha), has no jump at 0 for any
// Alpha (Barron, "Continuously differentiable exponential linear units", 2017, equation 2). Alpha is above 0; 1 in files unless given,
// where it equals an ELU. Backward reads x. Any shape; the result has the same.
type CELU struct {
	Alpha float64 `spec:",arg,gt=0" help:"the result for very negative inputs is minus this"`
}

// Build implements [Layer].
func (l CELU) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if !(l.Alpha > 0) || math.IsInf(l.Alpha, 1) {
		g.Fail(fmt.Errorf("celu: alpha is %v; a number above 0 is wanted (1 is usual)", l.Alpha))
		return engine.Value{}
	}
	return unary(g, l, x)
}

// Type implements [engine.Op].
func (CELU) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (l CELU) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return exponential(c, 1, l.Alpha, l.Alpha)
}

func (CELU) start() engine.Init { return He{} }
