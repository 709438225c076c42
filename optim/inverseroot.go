package optim

import (
	"errors"
	"math"
)

// InverseRoot rises linearly to LR and falls from there with the root of the step (Vaswani and others 2017, arXiv 1706.03762, equation 3,
// where LR is 1/sqrt(width*Warmup)):
//
//	lr = LR * min(n/Warmup, sqrt(Warmup/n))
//
// at step n = 1, 2, ... With Hold it stays at LR where it would rise, as T5 has it (Raffel and others 2019, arXiv 1910.10683, section 3.1.2:
// 1/sqrt(max(n, Warmup)), whose LR is 1/sqrt(Warmup)). It needs no length of the training. PyTorch, Keras and Optax have none; fairseq's
// inverse_sqrt is this one.
type InverseRoot struct {
	LR     float64 `spec:",arg,gt=0" help:"the highest rate, at the end of the warm-up"`
	Warmup int     `spec:",arg,min=1" help:"steps of the warm-up, and from where the root counts"`
	Hold   bool    `help:"no warm-up: the highest rate from the beginning"`
}

// NewInverseRoot is the schedule of the Transformer whose layers have so many values; 512 and 4000 in the paper.
func NewInverseRoot(width, warmup int) InverseRoot {
	return InverseRoot{LR: 1 / math.Sqrt(float64(width)*float64(warmup)), Warmup: warmup}
}

// At is the rate at p.
func (r InverseRoot) At(p Progress) float64 {
	n, warmup := float64(p.Step+1), float64(r.Warmup)
	switch {
	case n >= warmup:
		return r.LR * math.Sqrt(warmup/n)
	case r.Hold:
		return r.LR
	}
	return r.LR * (n / warmup)
}

// Validate wants a positive rate and a warm-up of a step or more.
func (r InverseRoot) Validate() error {
	var p problems
	p.positive("learning rate", r.LR)
	if r.Warmup < 1 {
		p.addf("inverse root with a warm-up of %d steps: 1 or more are wanted", r.Warmup)
	}
	return errors.Join(p...)
}
