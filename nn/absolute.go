package nn

import (
	"math"

	"github.com/descent-go/descent/engine"
)

// MeanAbsolute is the mean absolute error, a loss that far-off rows pull less than squares: L = 1/n Σ_j |y_j - d_j| over the n outputs of a row.
// Inputs: the network's output y [n] and the target d, n numbers a row, or a class, which stands for d = 1 at the class and 0 elsewhere.
// ∂L/∂y_j = sign(y_j - d_j) / n, 0 where they are equal. Nothing is saved.
type MeanAbsolute struct{}

// Build implements [Layer].
func (l MeanAbsolute) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(l, x...) }

// Type implements [engine.Op].
func (MeanAbsolute) Type(in []engine.Type) (engine.Type, error) { return pairType(in) }

// Code implements [engine.Op].
func (MeanAbsolute) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	value := func(y, d float64) float64 { return math.Abs(y - d) }
	slope := func(y, d float64) (dy, dd float64) {
		switch {
		case y > d:
			return 1, -1
		case y < d:
			return -1, 1
		}
		return y - d, d - y // 0, or NaN
	}
	return meanCode(in, value, slope)
}
