package optim

import (
	"errors"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// AdaGrad (Duchi, Hazan and Singer 2011, Journal of Machine Learning Research 12, equation 1 with the diagonal of G and figure 1, where
// epsilon is delta; the survey's section 3.3) divides each weight's rate by the root of all its squared gradients so far:
//
//	G = G + g²
//	w = w - lr g / (sqrt(G) + epsilon)
//
// The survey and the paper have epsilon outside the root. Inside chooses sqrt(G + epsilon).
//
// Defaults: rate 0.01, epsilon 1e-10 and G = 0 at first, as PyTorch; [Info.Differs] has those of others. A G that begins above 0 takes the
// edge off the first steps, which are otherwise lr long in every weight, however small the gradient. State: one number a weight.
type AdaGrad struct {
	Epsilon float64 `spec:",min=0" help:"added to the root of the sum of squares"`
	Initial float64 `spec:",min=0" help:"the sum of squares at first"`
	Inside  bool    `help:"epsilon inside the root, as Keras and Optax"`
}

var _ Rule = AdaGrad{}

// NewAdaGrad is AdaGrad with PyTorch's defaults. Weight decay, when set, is added to the gradient.
func NewAdaGrad(lr float64) Optimizer {
	return Optimizer{Rule: AdaGrad{Epsilon: 1e-10}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

// Info names the rule and its source.
func (a AdaGrad) Info() Info {
	formula := "G += g²; w -= lr g/(sqrt(G) + epsilon)"
	if a.Inside {
		formula = "G += g²; w -= lr g/sqrt(G + epsilon)"
	}
	return Info{
		Name: "adagrad", Formula: formula, Source: "Duchi, Hazan and Singer 2011, JMLR 12, equation 1",
		Tunable: []string{"lr", "epsilon", "initial"},
		Strengths: []string{
			"Works well on data with sparse features",
			"Decays the rate by itself, in each weight by its own gradients",
		},
		Weaknesses: []string{
			"Steps shrink like 1/sqrt(t) while gradients stay as they are, and may be too short before the end",
			"Early large gradients slow a weight forever",
		},
		Differs: []string{
			"PyTorch: the same form and defaults; its lr_decay, off by default, is a schedule here",
			"Keras: epsilon inside the root (inside=true); rate 0.001, epsilon 1e-7 and G = 0.1 at first (initial=0.1)",
			"Optax: form, epsilon and first G as Keras, no rate by default; where G is 0 no step",
			coupledDiffers,
		},
	}
}

// Validate wants an epsilon and an initial sum that are not negative. Epsilon 0 is legal.
func (a AdaGrad) Validate() error {
	var p problems
	p.notNegative("epsilon", a.Epsilon)
	p.notNegative("initial", a.Initial)
	return errors.Join(p...)
}

// Slots is the sum G.
func (a AdaGrad) Slots(p engine.Param) []Slot {
	return []Slot{{Name: "sum", Shape: p.Shape, Fill: a.Initial}}
}

// Code is the loop below.
func (a AdaGrad) Code() Code { return Code{F32: adagradBody[float32]{a}, F64: adagradBody[float64]{a}} }

type adagradBody[T engine.Float] struct{ a AdaGrad }

func (b adagradBody[T]) Update(v *View[T], h *Hyper) {
	v.kernels.AdaGrad(v.Weight, v.State[0], v.Grad, kernel.AdaGrad{
		LR: h.LR, Scale: h.Scale, Decay: h.Decay, Eps: max(b.a.Epsilon, smallest[T]()), EpsInside: b.a.Inside,
	})
}
