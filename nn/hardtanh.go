package nn

import "github.com/descent-go/descent/engine"

// HardTanh is y = min(max(x, -1), 1); its derivative is 1 where -1 < x < 1, else 0 (Collobert, "Large scale machine learning", 2004,
// section 5.3). Backward reads x. Any shape; the result has the same.
type HardTanh struct{}

// Build implements [Layer].
func (l HardTanh) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (HardTanh) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (HardTanh) Code([]engine.Type, engine.Conditions) engine.Code {
	return curve(hardTanh, hardTanhSlope)
}

func hardTanh(x float64) float64 { return min(max(x, -1), 1) }

func hardTanhSlope(x float64) float64 {
	if x > -1 && x < 1 {
		return 1
	}
	return 0
}
