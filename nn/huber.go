package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// Huber is half the square of small differences and grows linearly with larger ones: L = 1/n Σ_j h(y_j - d_j) over the n outputs of a row with
// h(e) = ½ e² where |e| <= Delta, Delta (|e| - ½ Delta) elsewhere (Huber, "Robust estimation of a location parameter", 1964; Delta 1 in files
// unless given). Inputs: the network's output y [n] and the target d, n numbers a row, or a class, which stands for d = 1 at the class and 0
// elsewhere. ∂L/∂y_j = min(max(y_j - d_j, -Delta), Delta) / n. Nothing is saved.
type Huber struct {
	Delta float64 `spec:",arg,gt=0" help:"size of a difference from which the loss is linear"`
}

// Build implements [Layer].
func (l Huber) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(l, x...) }

// Type implements [engine.Op].
func (l Huber) Type(in []engine.Type) (engine.Type, error) {
	if !(l.Delta > 0) || math.IsInf(l.Delta, 1) {
		return engine.Type{}, fmt.Errorf("delta is %v; a number above 0 is wanted (1 is usual)", l.Delta)
	}
	return pairType(in)
}

// Code implements [engine.Op].
func (l Huber) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	value := func(y, d float64) float64 {
		e := math.Abs(y - d)
		if e <= l.Delta {
			return float64(0.5 * e * e)
		}
		return float64(l.Delta * (e - float64(0.5*l.Delta)))
	}
	slope := func(y, d float64) (dy, dd float64) {
		e := min(max(y-d, -l.Delta), l.Delta)
		return e, -e
	}
	return meanCode(in, value, slope)
}
