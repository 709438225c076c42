package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// BinaryCrossEntropy is the loss of yes-or-no answers, each with a logit of its own: with the logistic σ and the weight w of a yes,
//
//	L = 1/n Σ_j -(w d_j log σ(y_j) + (1 - d_j) log σ(-y_j))
//
// over the n outputs of a row, computed from logits so that nothing overflows (PyTorch's BCEWithLogitsLoss; w is its pos_weight). Inputs: the
// network's output y [n] and the target d: n numbers from 0 to 1 a row (that they are is not checked); or a class of two against one output,
// class 1 being the yes; or a class against as many outputs, for d = 1 at the class and 0 elsewhere. ∂L/∂y_j = ((1 - d_j) σ(y_j) - w d_j σ(-y_j)) / n,
// which is (σ(y_j) - d_j) / n for w = 1. Nothing is saved.
type BinaryCrossEntropy struct {
	PositiveWeight float64 `spec:",min=0" help:"how much a yes counts against a no; 0 is 1"`
}

// Build implements [Layer].
func (l BinaryCrossEntropy) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	return g.Apply(l, x...)
}

// Type implements [engine.Op].
func (l BinaryCrossEntropy) Type(in []engine.Type) (engine.Type, error) {
	if !(l.PositiveWeight >= 0) || math.IsInf(l.PositiveWeight, 1) {
		return engine.Type{}, fmt.Errorf("the positive weight is %v; a number above 0 is wanted, or 0 for 1", l.PositiveWeight)
	}
	return pairType(asNumber(in))
}

// asNumber makes a class of two against one output the number that it is.
func asNumber(in []engine.Type) []engine.Type {
	if len(in) == 2 && in[1].Kind == engine.Index && in[1].Below == 2 && in[0].Shape.Size() == 1 {
		return []engine.Type{in[0], {Shape: in[1].Shape, Fixed: in[1].Fixed}}
	}
	return in
}

// Code implements [engine.Op].
func (l BinaryCrossEntropy) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	weight := l.PositiveWeight
	if weight == 0 {
		weight = 1
	}
	value := func(y, d float64) float64 {
		return float64(weight*d*softplus(-y)) + float64((1-d)*softplus(y))
	}
	slope := func(y, d float64) (dy, dd float64) {
		dy = float64((1-d)*kernel.Sigmoid(y)) - float64(weight*d*kernel.Sigmoid(-y))
		return dy, float64(weight*softplus(-y)) - softplus(y)
	}
	return meanCode(asNumber(in), value, slope)
}
