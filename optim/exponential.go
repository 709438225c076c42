package optim

import (
	"errors"
	"math"

	"github.com/descent-go/descent/internal/kernel"
)

// Exponential multiplies the rate by Factor every so many steps or epochs, smoothly, a little at each step:
//
//	lr = LR * Factor^(t/Steps)
//
// at step t, or with epochs in place of steps. Keras has it as ExponentialDecay, Optax as exponential_decay; torch ExponentialLR changes
// the rate once an epoch, which is a drop of Factor every epoch here.
type Exponential struct {
	LR     float64 `spec:",arg,gt=0" help:"rate at the beginning"`
	Factor float64 `spec:",arg,gt=0" help:"what the rate is multiplied by"`
	Steps  int     `spec:",min=0" help:"in how many steps"`
	Epochs float64 `spec:",min=0" help:"in how many epochs; in place of steps"`
}

// At is the rate at p.
func (e Exponential) At(p Progress) float64 {
	times := p.Epoch / e.Epochs
	if e.Steps > 0 {
		times = float64(p.Step) / float64(e.Steps)
	}
	return e.LR * power(e.Factor, times)
}

// Validate wants a positive factor and one of Steps and Epochs.
func (e Exponential) Validate() error {
	var p problems
	p.positive("learning rate", e.LR)
	p.positive("exponential factor", e.Factor)
	switch {
	case e.Steps < 0 || !(e.Epochs >= 0) || math.IsInf(e.Epochs, 0):
		p.addf("exponential in %d steps, %v epochs: positive numbers are wanted", e.Steps, e.Epochs)
	case (e.Steps > 0) == (e.Epochs > 0):
		p.addf("exponential in %d steps and %v epochs: exactly one of both is wanted", e.Steps, e.Epochs)
	}
	return errors.Join(p...)
}

// power is x^y for x, y >= 0 with the same bits on every target. math.Pow is only multiplications where y is whole; for the rest of y it
// calls functions that are assembly or fused somewhere.
func power(x, y float64) float64 {
	if x == 0 {
		if y == 0 {
			return 1
		}
		return 0
	}
	whole := math.Floor(y)
	result := math.Pow(x, whole)
	if rest := y - whole; rest > 0 {
		result *= kernel.Exp(float64(rest * kernel.Log(x)))
	}
	return result
}
