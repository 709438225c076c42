package optim

import (
	"errors"
	"math"
)

// MultiStep multiplies the rate by Factor at each of some milestones, in steps or in epochs (by ten at steps 32,000 and 48,000: He and
// others 2015, arXiv 1512.03385, section 4.2; torch MultiStepLR counts epochs and has factor 0.1; Keras and Optax have PiecewiseConstantDecay and
// piecewise_constant_schedule, in steps).
type MultiStep struct {
	LR     float64   `spec:",arg,gt=0" help:"rate before the first milestone"`
	Factor float64   `spec:",arg,gt=0" help:"each milestone multiplies the rate by this"`
	Steps  []int     `spec:",min=1" help:"milestones in steps, rising"`
	Epochs []float64 `spec:",gt=0" help:"milestones in epochs, rising; in place of steps"`
}

// NewMultiStep divides the rate by ten after each of these epochs.
func NewMultiStep(lr float64, epochs ...float64) MultiStep {
	return MultiStep{LR: lr, Factor: 0.1, Epochs: epochs}
}

// At is LR * Factor^n after n milestones.
func (m MultiStep) At(p Progress) float64 {
	n := 0
	for _, s := range m.Steps {
		if p.Step >= s {
			n++
		}
	}
	for _, e := range m.Epochs {
		if p.Epoch >= e-1e-9 { // a step at the border of an epoch may be a rounding error before it
			n++
		}
	}
	return m.LR * power(m.Factor, float64(n))
}

// Validate wants one of Steps and Epochs, positive and rising.
func (m MultiStep) Validate() error {
	var p problems
	p.positive("learning rate", m.LR)
	p.positive("multistep factor", m.Factor)
	if (len(m.Steps) > 0) == (len(m.Epochs) > 0) {
		p.addf("multistep with %d milestones in steps and %d in epochs: exactly one of both is wanted", len(m.Steps), len(m.Epochs))
	}
	last := 0.0
	for i := range max(len(m.Steps), len(m.Epochs)) {
		at := 0.0
		if i < len(m.Steps) {
			at = float64(m.Steps[i])
		} else {
			at = m.Epochs[i]
		}
		if !(at > last) || math.IsInf(at, 1) {
			p.addf("multistep milestone %v after %v: positive numbers that rise are wanted", at, last)
			break
		}
		last = at
	}
	return errors.Join(p...)
}
