package optim

import "errors"

// Polynomial falls from LR to End with a power of what is left of the training:
//
//	lr = End + (LR-End) * (1 - t/T)^Power
//
// at step t of T. LARS trains with power 2 (You, Gitman and Ginsburg 2017, arXiv 1708.03888, section 5), semantic segmentation with 0.9
// (Chen and others 2016, arXiv 1606.00915). Keras has it as PolynomialDecay with power 1 and end 1e-4, Optax as
// polynomial_schedule, torch as PolynomialLR with power 1, end 0 and 5 steps. T and what comes after it are as in Linear.
type Polynomial struct {
	LR    float64 `spec:",arg,gt=0" help:"rate at the beginning"`
	Power float64 `spec:",arg,gt=0" help:"2 falls fast at first, 1 evenly, 0.5 late"`
	End   float64 `spec:",min=0" help:"rate at the end"`
	Steps int     `spec:",min=0" help:"length in steps; 0: the whole training"`
}

// NewPolynomial is the schedule of LARS.
func NewPolynomial(lr float64) Polynomial { return Polynomial{LR: lr, Power: 2} }

// At is the rate at p; NaN without an end.
func (l Polynomial) At(p Progress) float64 {
	return l.End + float64((l.LR-l.End)*power(1-along(p, l.Steps), l.Power))
}

// Validate wants a positive rate and power and an end that is not negative.
func (l Polynomial) Validate() error {
	var p problems
	p.span("polynomial", l.LR, l.End, l.Steps)
	p.positive("polynomial power", l.Power)
	return errors.Join(p...)
}
