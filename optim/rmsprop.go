package optim

import (
	"errors"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// RMSProp (Tieleman and Hinton 2012, Neural Networks for Machine Learning, lecture 6.5; the survey's section 3.4) divides the gradient by the
// root of a moving average of its squares:
//
//	v = rho v + (1-rho) g²
//	d = g / (sqrt(v) + epsilon)
//	w = w - lr d
//
// The survey writes sqrt(v + epsilon); Survey chooses that. Inside, epsilon acts like its root outside: 1e-8 there is 1e-4 here for small
// gradients.
//
// Centered takes the variance in place of the mean square (Graves 2013, arXiv 1308.0850, equations 38 to 41, where epsilon 1e-4 is inside):
//
//	a = rho a + (1-rho) g
//	d = g / (sqrt(v - a²) + epsilon)
//
// Where rounding makes v - a² negative, 0 is taken.
//
// With momentum mu, the step goes through a velocity, which RMSProp as published does not have: m = mu m + d; w = w - lr m, and with Folded
// m = mu m + lr d; w = w - m. Both walk the same way while the rate stays as it is.
//
// Defaults: rate 0.001, rho 0.9 as the lecture, epsilon 1e-8, no momentum, v = 0 at first; Initial 1 spares the first steps their
// sqrt(1/(1-rho)) times the rate. [Info.Differs] says which forms and defaults PyTorch, Keras and Optax have. State: one number a weight; one
// more with momentum, one more if centered.
type RMSProp struct {
	Rho      float64 `spec:",min=0,lt=1" help:"decay of the mean of squared gradients"`
	Epsilon  float64 `spec:",min=0" help:"added to the root of the mean of squares"`
	Mu       float64 `spec:",min=0,lt=1" help:"momentum; 0: none"`
	Initial  float64 `spec:",min=0" help:"the mean of squares at first"`
	Centered bool    `help:"variance of the gradient in place of its mean square"`
	Survey   bool    `help:"the survey's form: epsilon inside the root"`
	Folded   bool    `help:"with momentum: the rate inside the velocity, as Keras and Optax"`
}

var _ Rule = RMSProp{}

// NewRMSProp is RMSProp with the lecture's defaults. Weight decay, when set, is added to the gradient.
func NewRMSProp(lr float64) Optimizer {
	return Optimizer{Rule: RMSProp{Rho: 0.9, Epsilon: 1e-8}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

// Info names the rule and its source.
func (r RMSProp) Info() Info {
	square, tail := "v", "w -= lr d"
	if r.Centered {
		square = "v - a²"
	}
	formula := "d = g/(sqrt(" + square + ") + epsilon); "
	if r.Survey {
		formula = "d = g/sqrt(" + square + " + epsilon); "
	}
	switch {
	case r.Mu != 0 && r.Folded:
		tail = "m = mu m + lr d; w -= m"
	case r.Mu != 0:
		tail = "m = mu m + d; w -= lr m"
	}
	return Info{
		Name: "rmsprop", Formula: "v = rho v + (1-rho) g²; " + formula + tail, Source: "Tieleman and Hinton 2012, lecture 6.5",
		Tunable: []string{"lr", "rho", "epsilon"},
		Strengths: []string{
			"Works well on data with sparse features",
			"Does not stall as AdaGrad does: old gradients are forgotten",
		},
		Weaknesses: []string{
			"First steps are too long by sqrt(1/(1-rho)): no correction of the bias, as Adam has",
			"Momentum is an option with state and a value of its own",
		},
		Differs: []string{
			"PyTorch: this form; rate 0.01 and rho 0.99 by default",
			"Keras: epsilon inside the root (survey=true), 1e-7; with momentum the rate is inside the velocity (folded=true)",
			"Optax: epsilon inside the root by default (survey=true); with momentum the rate is inside the velocity (folded=true); no rate by default",
			"TF1: epsilon inside the root (survey=true), the rate inside the velocity (folded=true), v = 1 at first (initial=1)",
			"Graves 2013: centered=true, survey=true and folded=true, with rho 0.95, mu 0.9, epsilon 1e-4",
			"centered: where rounding makes v - a² negative, PyTorch and Optax may give NaN; 0 is taken here",
			coupledDiffers,
		},
	}
}

// Validate wants 0 <= rho < 1, 0 <= mu < 1, the other numbers not negative, and momentum where the rate is inside it. Epsilon 0 is legal.
func (r RMSProp) Validate() error {
	var p problems
	p.fraction("rho", r.Rho)
	p.fraction("mu", r.Mu)
	p.notNegative("epsilon", r.Epsilon)
	p.notNegative("initial", r.Initial)
	if r.Folded && r.Mu == 0 {
		p.addf("folded with mu 0: mu above 0 is wanted, there is no velocity otherwise")
	}
	return errors.Join(p...)
}

// Slots are the mean of squares v, then the mean a if centered, then the velocity with momentum.
func (r RMSProp) Slots(p engine.Param) []Slot {
	slots := []Slot{{Name: "v", Shape: p.Shape, Fill: r.Initial}}
	if r.Centered {
		slots = append(slots, Slot{Name: "mean", Shape: p.Shape})
	}
	if r.Mu != 0 {
		slots = append(slots, Slot{Name: "velocity", Shape: p.Shape})
	}
	return slots
}

// Code is the loop below.
func (r RMSProp) Code() Code { return Code{F32: rmspropBody[float32]{r}, F64: rmspropBody[float64]{r}} }

type rmspropBody[T engine.Float] struct{ r RMSProp }

func (b rmspropBody[T]) Update(v *View[T], h *Hyper) {
	var mean, velocity []T
	if b.r.Centered {
		mean = v.State[1]
	}
	// into is what a step is multiplied by on its way into the velocity, out what a velocity is on its way into the weights.
	into, out := h.LR, 1.0
	if b.r.Mu != 0 {
		velocity = v.State[len(v.State)-1]
		if !b.r.Folded {
			into, out = out, into
		}
	}
	v.kernels.RMSProp(v.Weight, v.State[0], mean, velocity, v.Grad, kernel.RMSProp{
		Into: into, Out: out, Scale: h.Scale, Decay: h.Decay, Rho: b.r.Rho, Mu: b.r.Mu,
		Eps: max(b.r.Epsilon, smallest[T]()), EpsInside: b.r.Survey,
	})
}
