package optim

// Weight decay in its two forms, and which parameters it reaches.

import (
	"errors"
	"slices"

	"github.com/descent-go/descent/engine"
)

// Decay is weight decay.
//
// Decoupled, the usual (Loshchilov and Hutter 2017, arXiv 1711.05101): w = w - lr*Rate*w, apart from the gradient. Like PyTorch, Keras and
// Optax it is multiplied by the learning rate, so that it follows the schedule and must be tuned with the rate; the paper multiplies by
// the schedule alone.
//
// Coupled: Rate*w is added to the gradient, as the derivative of the penalty Rate/2 |w|². It then goes through momentum and scaling: what
// PyTorch's SGD and Adam call weight_decay. For plain SGD both are the same.
//
// Biases and norms are left out, in both forms: shrinking them fits no reason for decay, and recipes exclude them. PyTorch, Keras and
// Optax decay every parameter unless told otherwise; All does that.
type Decay struct {
	Rate    float64 `spec:"decay,min=0" help:"weight decay"`
	Coupled bool    `spec:"coupled" help:"add decay to the gradient (L2) in place of shrinking the weights"`
	All     bool    `spec:"decay_all" help:"decay biases and norms too"`
}

// coupledDiffers is the line of [Info.Differs] that rules share whose decay is coupled by default.
const coupledDiffers = "weight decay: PyTorch adds it to the gradient, as here; Keras shrinks the weights (coupled=false); " +
	"both reach biases and norms too (decay_all=true)"

// Validate refuses rates that are negative or not finite.
func (d Decay) Validate() error {
	var p problems
	p.notNegative("weight decay", d.Rate)
	return errors.Join(p...)
}

// reaches says whether d applies to parameters of a role; named are roles that the group asks for explicitly.
func (d Decay) reaches(r engine.Role, named []engine.Role) bool {
	return d.Rate != 0 && (d.All || r != engine.Bias && r != engine.Norm || slices.Contains(named, r))
}
