package nn

import "github.com/descent-go/descent/engine"

// HardSigmoid is y = min(max(x + 3, 0), 6) / 6: a [Sigmoid] of straight lines; its derivative is 1/6 where -3 < x < 3, else 0 (Howard et al.,
// "Searching for MobileNetV3", 2019, section 5.2; PyTorch and Keras 3 have the same, Keras 2 had 0.2 x + 0.5 between 0 and 1). Backward
// reads x. Any shape; the result has the same.
type HardSigmoid struct{}

// Build implements [Layer].
func (l HardSigmoid) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (HardSigmoid) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (HardSigmoid) Code([]engine.Type, engine.Conditions) engine.Code {
	return curve(hardSigmoid, hardSigmoidSlope)
}

func hardSigmoid(x float64) float64 { return min(max(x+3, 0), 6) / 6 }

func hardSigmoidSlope(x float64) float64 {
	if x > -3 && x < 3 {
		return 1.0 / 6
	}
	return 0
}
