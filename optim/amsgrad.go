package optim

import (
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// AMSGrad (Reddi, Kale and Kumar 2018, arXiv 1904.09237, algorithm 2) is Adam whose second moment never falls, so that a weight's rate never
// rises; it repairs a step in Adam's proof of convergence:
//
//	m = beta1 m + (1-beta1) g
//	v = beta2 v + (1-beta2) g²
//	x = max(x, v)
//	w = w - lr m / (1-beta1^t) / (sqrt(x / (1-beta2^t)) + epsilon)
//
// The paper has neither corrections of the bias nor epsilon; Paper leaves out the former.
//
// Defaults: beta1 0.9, beta2 0.999, epsilon 1e-8; [Info.Differs] says how PyTorch, Keras and Optax have it. State: three numbers a weight.
type AMSGrad struct {
	Beta1   float64 `spec:",min=0,lt=1" help:"decay of the mean of gradients"`
	Beta2   float64 `spec:",min=0,lt=1" help:"decay of the mean of squared gradients"`
	Epsilon float64 `spec:",min=0" help:"added to the root of the second moment"`
	Paper   bool    `help:"no correction of the bias, as published"`
}

var _ Rule = AMSGrad{}

// NewAMSGrad is AMSGrad with PyTorch's defaults. Weight decay, when set, is added to the gradient.
func NewAMSGrad(lr float64) Optimizer {
	return Optimizer{Rule: AMSGrad{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

// Info names the rule and its source.
func (a AMSGrad) Info() Info {
	formula := "x = max(x, v); w -= lr m'/(sqrt(x') + epsilon)"
	if a.Paper {
		formula = "x = max(x, v); w -= lr m/(sqrt(x) + epsilon)"
	}
	return Info{
		Name: "amsgrad", Formula: formula, Source: "Reddi, Kale and Kumar 2018, arXiv 1904.09237, algorithm 2",
		Tunable: []string{"lr", "beta1", "beta2", "epsilon"},
		Strengths: []string{
			"Converges in convex examples where Adam does not",
			"Good default settings",
		},
		Weaknesses: []string{
			"Rarely better than Adam in practice",
			"One early spike of a gradient slows a weight forever",
			"Requires half as much state again as Adam",
		},
		Differs: []string{
			"PyTorch and Keras: a switch of Adam; the largest v is taken and then corrected, as here",
			"Optax: the largest of corrected v is taken",
			kerasAdam, optaxAdam,
			"paper: no correction of the bias (paper=true) and no epsilon",
			coupledDiffers,
		},
	}
}

func (a AMSGrad) adam() Adam { return Adam{Beta1: a.Beta1, Beta2: a.Beta2, Epsilon: a.Epsilon} }

// Validate is Adam's.
func (a AMSGrad) Validate() error { return a.adam().Validate() }

// Slots are Adam's moments m and v, and the largest v.
func (a AMSGrad) Slots(p engine.Param) []Slot {
	return append(a.adam().Slots(p), Slot{Name: "largest", Shape: p.Shape})
}

// Code is the loop below.
func (a AMSGrad) Code() Code { return Code{F32: amsgradBody[float32]{a}, F64: amsgradBody[float64]{a}} }

type amsgradBody[T engine.Float] struct{ a AMSGrad }

func (b amsgradBody[T]) Update(v *View[T], h *Hyper) {
	correction1, correction2 := 1.0, 1.0
	if t := float64(h.Step); !b.a.Paper {
		correction1, correction2 = 1-math.Pow(b.a.Beta1, t), 1-math.Pow(b.a.Beta2, t)
	}
	v.kernels.AMSGrad(v.Weight, v.State[0], v.State[1], v.State[2], v.Grad, kernel.AMSGrad{
		LR: h.LR, Scale: h.Scale, Decay: h.Decay, Beta1: b.a.Beta1, Beta2: b.a.Beta2,
		Correction1: correction1, Correction2: correction2, Eps: max(b.a.Epsilon, smallest[T]()),
	})
}
