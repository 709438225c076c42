package optim

import (
	"errors"

	"github.com/descent-go/descent/engine"
)

// Nesterov is SGD with Nesterov's accelerated gradient (Nesterov 1983; Sutskever and others 2013, equations 3 and 4), which takes the
// gradient where momentum is about to carry the weights:
//
//	v = mu v + g
//	w = w - lr (g + mu v)
//
// This is the shifted form that all frameworks use: the weights held are those at the look-ahead point, so that the network's own gradient
// is the right one. Survey puts the rate inside the velocity, as the survey writes momentum: v = mu v + lr g; w = w - (lr g + mu v). Both
// walk the same way while the rate stays as it is; see Momentum.
//
// Defaults: mu 0.9; [Info.Differs] says how PyTorch, Keras and Optax have it. State: one number a weight.
type Nesterov struct {
	Mu     float64 `spec:",gt=0,lt=1" help:"momentum"`
	Survey bool    `help:"the survey's form: the rate inside the velocity"`
}

var _ Rule = Nesterov{}

// NewNesterov is Nesterov's rule with momentum mu in the field's form. Weight decay, when set, is added to the gradient.
func NewNesterov(lr, mu float64) Optimizer {
	return Optimizer{Rule: Nesterov{Mu: mu}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

func (n Nesterov) momentum() Momentum { return Momentum{Mu: n.Mu, Nesterov: true, Survey: n.Survey} }

// Info names the rule and its source.
func (n Nesterov) Info() Info {
	formula := "v = mu v + g; w -= lr (g + mu v)"
	if n.Survey {
		formula = "v = mu v + lr g; w -= lr g + mu v"
	}
	return Info{
		Name: "nesterov", Formula: formula, Source: "Nesterov 1983; Sutskever, Martens, Dahl and Hinton 2013, equations 3 and 4",
		Tunable:   []string{"lr", "mu"},
		Strengths: []string{"Like momentum, and stable at a larger mu: it corrects the velocity before it overshoots"},
		Weaknesses: []string{
			"Sensitive to the learning rate and to mu",
			"One rate for all weights: needs inputs and layers of like scale",
		},
		Differs: []string{
			"PyTorch, Keras and Optax: no rule of this name but a switch of SGD with momentum, off by default; momentum(nesterov=true) is that switch",
			"Keras: the rate inside the velocity (survey=true); PyTorch and Optax have it outside, as here",
			"Sutskever and others: the weights held are those before the look-ahead; mu rises up to 0.999 over the training",
			coupledDiffers,
		},
	}
}

// Validate wants 0 < mu < 1.
func (n Nesterov) Validate() error {
	var p problems
	if !(n.Mu > 0 && n.Mu < 1) {
		p.addf("mu %v: 0 < mu < 1 is wanted", n.Mu)
	}
	return errors.Join(p...)
}

// Slots is the velocity v.
func (n Nesterov) Slots(p engine.Param) []Slot { return n.momentum().Slots(p) }

// Code is Momentum's.
func (n Nesterov) Code() Code { return n.momentum().Code() }
