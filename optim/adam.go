package optim

import (
	"errors"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Adam (Kingma and Ba 2014, arXiv 1412.6980, algorithm 1; the survey's section 3.5), at step t = 1, 2, ...:
//
//	m = beta1 m + (1-beta1) g
//	v = beta2 v + (1-beta2) g²
//	m' = m / (1-beta1^t)
//	v' = v / (1-beta2^t)
//	w = w - lr m' / (sqrt(v') + epsilon)
//
// The survey writes sqrt(v' + epsilon); Survey chooses that. There epsilon acts like its root outside: with 1e-8, gradients below 1e-4 are
// no longer rescaled, so that a loss scaled by 1e-5 trains hardly at all. Take 1e-16 for the same behavior.
//
// Defaults: beta1 0.9, beta2 0.999, epsilon 1e-8, as the paper, and rate 0.001 there; [Info.Differs] says how PyTorch, Keras and Optax have
// it.
//
// State: two numbers a weight. A weight decay set here is added to the gradient (coupled); AdamW is the other one.
type Adam struct {
	Beta1   float64 `spec:",min=0,lt=1" help:"decay of the mean of gradients"`
	Beta2   float64 `spec:",min=0,lt=1" help:"decay of the mean of squared gradients"`
	Epsilon float64 `spec:",min=0" help:"added to the root of the second moment"`
	Survey  bool    `help:"the survey's form: epsilon inside the root"`
}

var _ Rule = Adam{}

// Lines of [Info.Differs] that Adam and its kin share.
const (
	kerasAdam = "Keras: epsilon is 1e-7 and added to the uncorrected root (last paragraph of section 2 of Adam's paper)"
	optaxAdam = "Optax: a second epsilon inside the root, 0 by default"
)

// NewAdam is Adam with the paper's defaults.
func NewAdam(lr float64) Optimizer {
	return Optimizer{Rule: Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

// Info names the rule and its source.
func (a Adam) Info() Info {
	formula := "w -= lr m'/(sqrt(v') + epsilon)"
	if a.Survey {
		formula = "w -= lr m'/sqrt(v' + epsilon)"
	}
	return Info{
		Name: "adam", Formula: formula, Source: "Kingma and Ba 2014, arXiv 1412.6980, algorithm 1", Shrinks: true,
		Tunable: []string{"lr", "beta1", "beta2", "epsilon"},
		Strengths: []string{
			"Works well on data with sparse features",
			"Good default settings: steps are about lr long, whatever the scale of the loss",
		},
		Weaknesses: []string{
			"Generalizes worse than tuned momentum in some vision tasks",
			"Requires twice the memory of the weights for the state",
		},
		Differs: []string{
			"PyTorch: the same form and defaults", kerasAdam, optaxAdam,
			"TF1: epsilon added to the uncorrected root, as in Keras",
			"survey: epsilon inside the root (survey=true), where 1e-8 acts like 1e-4 outside",
			coupledDiffers,
		},
	}
}

// Validate wants 0 <= beta < 1 and an epsilon that is not negative. Epsilon 0 is legal.
func (a Adam) Validate() error {
	var p problems
	p.fraction("beta1", a.Beta1)
	p.fraction("beta2", a.Beta2)
	p.notNegative("epsilon", a.Epsilon)
	return errors.Join(p...)
}

// Slots are the moments m and v.
func (Adam) Slots(p engine.Param) []Slot {
	return []Slot{{Name: "m", Shape: p.Shape}, {Name: "v", Shape: p.Shape}}
}

// Code is the kernel of that name.
func (a Adam) Code() Code { return Code{F32: adamBody[float32]{a}, F64: adamBody[float64]{a}} }

// adamBody is the body of Adam and AdamW, which differ in what Hyper says of decay.
type adamBody[T engine.Float] struct{ a Adam }

func (b adamBody[T]) Update(v *View[T], h *Hyper) {
	v.kernels.Adam(v.Weight, v.State[0], v.State[1], v.Grad, b.parameters(h))
}

func (b adamBody[T]) merges() bool { return b.parameters(&Hyper{}).Usual() }

func (b adamBody[T]) into(u *kernel.Update[T], v *View[T], h *Hyper) {
	if u.Adam == nil {
		u.W, u.M, u.V, u.Adam = v.Weight, v.State[0], v.State[1], &kernel.Adam{}
	}
	*u.Adam = b.parameters(h)
}

// step computes the bias corrections.
func (b adamBody[T]) step(h *Hyper) {
	t := float64(h.Step)
	h.correction1, h.correction2 = 1-math.Pow(b.a.Beta1, t), 1-math.Pow(b.a.Beta2, t)
}

func (b adamBody[T]) parameters(h *Hyper) kernel.Adam {
	return kernel.Adam{
		LR: h.LR, Scale: h.Scale, Decay: h.Decay, Decoupled: h.Shrink,
		Beta1: b.a.Beta1, Beta2: b.a.Beta2, Correction1: h.correction1, Correction2: h.correction2,
		Eps: b.a.Epsilon, EpsInside: b.a.Survey,
	}
}
