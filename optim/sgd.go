package optim

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// SGD is stochastic gradient descent (Robbins and Monro 1951; the survey's section 3.1):
//
//	w = w - lr g
//
// with g the mean gradient over the batch; over the whole training data it is gradient descent, and of one row at a time what the survey
// calls SGD. [Info.Differs] says how PyTorch, Keras, Optax and the survey have it. State: none.
type SGD struct{}

var _ Rule = SGD{}

// NewSGD is SGD at a learning rate. Weight decay, when set, is added to the gradient; for this rule that is the same as decoupled.
func NewSGD(lr float64) Optimizer {
	return Optimizer{Rule: SGD{}, LR: Constant(lr), Decay: Decay{Coupled: true}}
}

// Info names the rule and its source.
func (SGD) Info() Info {
	return Info{
		Name: "sgd", Formula: "w -= lr g", Source: "Robbins and Monro 1951",
		Tunable:   []string{"lr"},
		Strengths: []string{"No state", "Often best generalization, after extensive training and tuning"},
		Weaknesses: []string{
			"Slow in ravines, on plateaus and near saddle points",
			"Sensitive to initialization and to the learning rate",
		},
		Differs: []string{
			"PyTorch, Keras and Optax: they agree on the step; by default their rates are 0.001 (older: none), 0.01 and none",
			"survey: its loss is a sum over rows, so that with a batch of n its rate is n times smaller for the same step",
			"weight decay: coupled or not is the same here; PyTorch and Keras reach biases and norms too (decay_all=true)",
		},
	}
}

// Validate has nothing to refuse.
func (SGD) Validate() error { return nil }

// Slots are none.
func (SGD) Slots(engine.Param) []Slot { return nil }

// Code is the kernel of that name.
func (SGD) Code() Code { return Code{F32: sgdBody[float32]{}, F64: sgdBody[float64]{}} }

type sgdBody[T engine.Float] struct{}

func (b sgdBody[T]) Update(v *View[T], h *Hyper) {
	v.kernels.SGD(v.Weight, v.Grad, b.parameters(h))
}

func (sgdBody[T]) merges() bool { return true }

func (b sgdBody[T]) into(u *kernel.Update[T], v *View[T], h *Hyper) {
	if u.SGD == nil {
		u.W, u.SGD = v.Weight, &kernel.SGD{}
	}
	*u.SGD = b.parameters(h)
}

func (sgdBody[T]) parameters(h *Hyper) kernel.SGD {
	return kernel.SGD{LR: h.LR, Scale: h.Scale, Decay: h.Decay}
}
