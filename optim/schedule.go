package optim

// A schedule is the learning rate as a function of the past: it has no state, so there is nothing to save and a resumed run goes on
// where it was. Numbers are schedules too.

import (
	"errors"
	"math"
	"slices"
)

// Schedule gives the learning rate for the step that is about to be done. It must be finite and not negative.
type Schedule interface{ At(Progress) float64 }

// Progress is how far a training has come.
type Progress struct {
	Step  int     // updates done so far: 0 for the first
	Steps int     // planned in all; 0: open
	Epoch float64 // passes over the data so far
	// Evaluations so far, oldest first.
	Evaluations []Evaluation
}

// Evaluation is what was found on validation data after Step updates.
type Evaluation struct {
	Step         int
	Loss, Metric float64
}

// after is p as a schedule sees it that begins at a step: steps and epochs count from there, and earlier evaluations are gone.
func (p Progress) after(step int) Progress {
	if p.Step > 0 {
		p.Epoch *= float64(p.Step-step) / float64(p.Step) // steps of one training are alike
	}
	p.Step -= step
	if p.Steps > 0 {
		p.Steps = max(p.Steps-step, 1)
	}
	first, _ := slices.BinarySearchFunc(p.Evaluations, step, func(e Evaluation, s int) int { return e.Step - s })
	p.Evaluations = p.Evaluations[first:]
	return p
}

// Constant is one learning rate for the whole training. In text it is a plain number.
type Constant float64

// At is the rate.
func (c Constant) At(Progress) float64 { return float64(c) }

// Validate wants a positive finite number.
func (c Constant) Validate() error {
	var p problems
	p.positive("learning rate", float64(c))
	return errors.Join(p...)
}

// Drop multiplies the rate by Factor again and again: every so many steps, or every so many epochs ("step decay"; torch StepLR counts
// epochs and has factor 0.1).
type Drop struct {
	LR     float64 `spec:",arg,gt=0" help:"rate before the first drop"`
	Factor float64 `spec:",arg,gt=0" help:"each drop multiplies the rate by this"`
	Steps  int     `spec:",min=0" help:"steps between drops"`
	Epochs float64 `spec:",min=0" help:"epochs between drops; in place of steps"`
}

// NewDrop divides the rate by ten every so many epochs.
func NewDrop(lr, epochs float64) Drop { return Drop{LR: lr, Factor: 0.1, Epochs: epochs} }

// At is LR * Factor^n after n drops.
func (d Drop) At(p Progress) float64 {
	n := 0.0
	if d.Steps > 0 {
		n = float64(p.Step / d.Steps)
	} else {
		// A step at the border of an epoch may be a rounding error before it.
		n = math.Floor(p.Epoch/d.Epochs + 1e-9)
	}
	return d.LR * power(d.Factor, n)
}

// Validate wants one of Steps and Epochs.
func (d Drop) Validate() error {
	var p problems
	p.positive("learning rate", d.LR)
	p.positive("drop factor", d.Factor)
	switch {
	case d.Steps < 0 || !(d.Epochs >= 0) || math.IsInf(d.Epochs, 0):
		p.addf("drop every %d steps, %v epochs: positive numbers are wanted", d.Steps, d.Epochs)
	case (d.Steps > 0) == (d.Epochs > 0):
		p.addf("drop every %d steps and %v epochs: exactly one of both is wanted", d.Steps, d.Epochs)
	}
	return errors.Join(p...)
}
