package nn

import "github.com/descent-go/descent/engine"

// HardSwish is y = x min(max(x + 3, 0), 6) / 6: a [SiLU] of straight lines and a parabola; its derivative is 0 for x <= -3, 1 for x >= 3 and
// (2 x + 3) / 6 between (Howard et al., "Searching for MobileNetV3", 2019, section 5.2). Backward reads x. Any shape; the result has the
// same.
type HardSwish struct{}

// Build implements [Layer].
func (l HardSwish) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (HardSwish) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (HardSwish) Code([]engine.Type, engine.Conditions) engine.Code {
	return curve(hardSwish, hardSwishSlope)
}

func (HardSwish) start() engine.Init { return He{} }

func hardSwish(x float64) float64 { return gate(x, hardSigmoid(x)) }

func hardSwishSlope(x float64) float64 {
	switch {
	case x <= -3:
		return 0
	case x >= 3:
		return 1
	}
	return (2*x + 3) / 6
}
