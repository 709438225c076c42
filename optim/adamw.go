package optim

import "github.com/descent-go/descent/engine"

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101, algorithm 2):
//
//	w = w - lr decay w
//	w = Adam's step from the gradient without decay
//
// Decay is multiplied by the whole learning rate, so that it follows the schedule and must be tuned again with the rate. Biases and norms
// are not decayed (decay_all does).
//
// Defaults: Adam's, and decay 0.01 as PyTorch; [Info.Differs] says how the paper, Keras and Optax have it. State: two numbers a weight.
type AdamW struct {
	Beta1   float64 `spec:",min=0,lt=1" help:"decay of the mean of gradients"`
	Beta2   float64 `spec:",min=0,lt=1" help:"decay of the mean of squared gradients"`
	Epsilon float64 `spec:",min=0" help:"added to the root of the second moment"`
}

var _ Rule = AdamW{}

// NewAdamW is AdamW with PyTorch's defaults.
func NewAdamW(lr float64) Optimizer {
	return Optimizer{Rule: AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, LR: Constant(lr), Decay: Decay{Rate: 0.01}}
}

func (a AdamW) adam() Adam { return Adam{Beta1: a.Beta1, Beta2: a.Beta2, Epsilon: a.Epsilon} }

// Info names the rule and its source.
func (a AdamW) Info() Info {
	return Info{
		Name: "adamw", Formula: "w -= lr decay w; w -= lr m'/(sqrt(v') + epsilon)",
		Source: "Loshchilov and Hutter 2017, arXiv 1711.05101, algorithm 2", Shrinks: true,
		Tunable: []string{"lr", "beta1", "beta2", "epsilon", "decay"},
		Strengths: []string{
			"Improves on Adam in terms of generalization",
			"Broader basin of good settings: rate and decay depend less on each other",
			"The usual choice for transformers",
		},
		Weaknesses: []string{"Requires twice the memory of the weights for the state"},
		Differs: []string{
			"paper: decay is multiplied by the schedule's factor alone; PyTorch, Keras and Optax multiply it by the whole rate, as here",
			"weight decay: 0.01 in PyTorch, 0.004 in Keras, 1e-4 in Optax by default; all three reach biases and norms too (decay_all=true)",
			kerasAdam, optaxAdam,
		},
	}
}

// Validate is Adam's.
func (a AdamW) Validate() error { return a.adam().Validate() }

// Slots are the moments m and v.
func (a AdamW) Slots(p engine.Param) []Slot { return a.adam().Slots(p) }

// Code is Adam's: the kernel shrinks the weights in the same pass.
func (a AdamW) Code() Code { return a.adam().Code() }
