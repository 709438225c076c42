package optim

import (
	"errors"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Momentum is SGD with momentum (Polyak 1964; Rumelhart, Hinton and Williams 1986, equation 9; Sutskever and others 2013). There are two
// forms. The field's, the default:
//
//	v = mu v + (1-dampening) g
//	w = w - lr v              with Nesterov: w = w - lr (g + mu v)
//
// and the survey's (section 3.2; Sutskever and others):
//
//	v = mu v + lr g
//	w = w - v                 with Nesterov: w = w - (lr g + mu v)
//
// They walk the same way while the rate stays as it is. When it falls, the survey's form goes on with the speed of the old rate for some
// 1/(1-mu) steps: after a drop by ten at mu 0.9 it moves 3.8 in the next five steps where the other moves 0.5 (g = 1, new rate 0.1).
//
// The first step has v = g, without dampening. Nesterov's (1983) look-ahead is in the shifted form that all frameworks use: the weights
// held are those at the look-ahead point.
//
// Defaults: mu 0.9, as the survey; [Info.Differs] says which form and defaults others have. State: one number a weight.
type Momentum struct {
	Mu        float64 `spec:",min=0,lt=1" help:"momentum"`
	Dampening float64 `spec:",min=0,lt=1" help:"how much of the gradient is kept out of the velocity"`
	Nesterov  bool    `help:"look ahead (Nesterov 1983)"`
	Survey    bool    `help:"the survey's form: the rate inside the velocity"`
}

var _ Rule = Momentum{}

// NewMomentum is SGD with momentum mu in the field's form. Weight decay, when set, is added to the gradient, as recipes mean it.
func NewMomentum(lr, mu float64) Optimizer {
	return Optimizer{Rule: Momentum{Mu: mu}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

// Info names the rule and its source.
func (m Momentum) Info() Info {
	formula := "v = mu v + g; w -= lr v"
	switch {
	case m.Nesterov:
		formula = Nesterov{Mu: m.Mu, Survey: m.Survey}.Info().Formula
	case m.Survey:
		formula = "v = mu v + lr g; w -= v"
	}
	return Info{
		Name: "momentum", Formula: formula, Source: "Polyak 1964; Rumelhart, Hinton and Williams 1986, equation 9",
		Tunable: []string{"lr", "mu"},
		Strengths: []string{
			"Accelerates in directions of steady descent and damps oscillation across them",
			"Often best generalization in vision, with a tuned rate and schedule",
		},
		Weaknesses: []string{
			"Sensitive to the learning rate and to mu",
			"One rate for all weights: needs inputs and layers of like scale",
		},
		Differs: []string{
			"PyTorch: this form, its first step without dampening too; mu 0 by default",
			"Keras: the rate inside the velocity (survey=true); mu 0 by default",
			"Optax and TF1: this form; Optax has no dampening and by default no momentum",
			"survey: the rate inside the velocity (survey=true), which differs as soon as the rate changes",
			coupledDiffers,
		},
	}
}

// Validate wants 0 <= mu < 1, and with Nesterov momentum and no dampening, as PyTorch.
func (m Momentum) Validate() error {
	var p problems
	p.fraction("mu", m.Mu)
	p.fraction("dampening", m.Dampening)
	if m.Nesterov && (m.Mu == 0 || m.Dampening != 0) {
		p.addf("nesterov with mu %v and dampening %v: mu above 0 and dampening 0 are wanted", m.Mu, m.Dampening)
	}
	return errors.Join(p...)
}

// Slots is the velocity v.
func (Momentum) Slots(p engine.Param) []Slot { return []Slot{{Name: "v", Shape: p.Shape}} }

// Code is the kernel of that name.
func (m Momentum) Code() Code {
	return Code{F32: momentumBody[float32]{m}, F64: momentumBody[float64]{m}}
}

type momentumBody[T engine.Float] struct{ m Momentum }

func (b momentumBody[T]) Update(v *View[T], h *Hyper) {
	v.kernels.Momentum(v.Weight, v.State[0], v.Grad, b.parameters(h))
}

func (b momentumBody[T]) merges() bool { return b.parameters(&Hyper{Step: 2}).Usual() } // the first step has no dampening

func (b momentumBody[T]) into(u *kernel.Update[T], v *View[T], h *Hyper) {
	if u.Momentum == nil {
		u.W, u.M, u.Momentum = v.Weight, v.State[0], &kernel.Momentum{}
	}
	*u.Momentum = b.parameters(h)
}

func (b momentumBody[T]) parameters(h *Hyper) kernel.Momentum {
	dampening := b.m.Dampening
	if h.Step == 1 {
		dampening = 0
	}
	return kernel.Momentum{
		LR: h.LR, Scale: h.Scale, Decay: h.Decay, Mu: b.m.Mu, Dampening: dampening, Nesterov: b.m.Nesterov, Folded: b.m.Survey,
	}
}
