package optim

import (
	"errors"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Adadelta (Zeiler 2012, arXiv 1212.5701, equations 8, 9 and 14, algorithm 1) has steps in the units of the weights and, as published, no
// learning rate: the size of the steps comes from the size of the steps before.
//
//	E = rho E + (1-rho) g²
//	d = sqrt(D + epsilon) / sqrt(E + epsilon) g
//	D = rho D + (1-rho) d²
//	w = w - lr d
//
// Epsilon is inside both roots everywhere. It is no mere guard: it sets the length of the first steps, sqrt(epsilon), so that small values
// make for a slow start.
//
// Defaults: rho 0.95 and epsilon 1e-6 as the paper, and rate 1, which leaves the paper's step as it is; [Info.Differs] has those of others.
// State: two numbers a weight.
type Adadelta struct {
	Rho     float64 `spec:",min=0,lt=1" help:"decay of the means of squares"`
	Epsilon float64 `spec:",gt=0" help:"inside both roots; its root is the length of the first steps"`
}

var _ Rule = Adadelta{}

// NewAdadelta is Adadelta with the paper's defaults; rate 1 is the paper's. Weight decay, when set, is added to the gradient.
func NewAdadelta(lr float64) Optimizer {
	return Optimizer{Rule: Adadelta{Rho: 0.95, Epsilon: 1e-6}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

// Info names the rule and its source.
func (Adadelta) Info() Info {
	return Info{
		Name: "adadelta", Formula: "d = sqrt(D + epsilon)/sqrt(E + epsilon) g; w -= lr d", Source: "Zeiler 2012, arXiv 1212.5701, equation 14",
		Tunable: []string{"lr", "rho", "epsilon"},
		Strengths: []string{
			"No learning rate to find: 1 is right in many places",
			"Works well on data with sparse features",
			"Does not stall as AdaGrad does: old gradients are forgotten",
		},
		Weaknesses: []string{
			"Slow at first: epsilon sets the length of the first steps",
			"Requires as much memory for the state as Adam",
		},
		Differs: []string{
			"PyTorch: rho 0.9",
			"Keras: epsilon 1e-7, and rate 0.001, a thousand times slower than the paper",
			"Optax: rho 0.9, no rate by default",
			"paper: no rate; 1 is the same",
			coupledDiffers,
		},
	}
}

// Validate wants 0 <= rho < 1 and a positive epsilon, without which no weight would ever move.
func (a Adadelta) Validate() error {
	var p problems
	p.fraction("rho", a.Rho)
	p.positive("epsilon", a.Epsilon)
	return errors.Join(p...)
}

// Slots are the means of squared gradients E and of squared steps D.
func (Adadelta) Slots(p engine.Param) []Slot {
	return []Slot{{Name: "gradients", Shape: p.Shape}, {Name: "steps", Shape: p.Shape}}
}

// Code is the loop below.
func (a Adadelta) Code() Code {
	return Code{F32: adadeltaBody[float32]{a}, F64: adadeltaBody[float64]{a}}
}

type adadeltaBody[T engine.Float] struct{ a Adadelta }

func (b adadeltaBody[T]) Update(v *View[T], h *Hyper) {
	v.kernels.Adadelta(v.Weight, v.State[0], v.State[1], v.Grad, kernel.Adadelta{
		LR: h.LR, Scale: h.Scale, Decay: h.Decay, Rho: b.a.Rho, Eps: max(b.a.Epsilon, smallest[T]()),
	})
}
