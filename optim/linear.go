package optim

import (
	"errors"
	"math"
)

// Linear goes from LR to End in a straight line:
//
//	lr = LR + (End-LR) * t/T
//
// at step t of T, as BERT (Devlin and others 2018, arXiv 1810.04805, appendix A.2) and word2vec have it; torch LinearLR writes the ends as
// factors of the rate, Optax has linear_schedule. T is the number of steps of the training (what is left of it after a warm-up), or Steps
// where that is set; afterwards the rate stays at End. Without Steps in a training of open length the rate is not defined, and the step is
// refused. End may be above LR.
type Linear struct {
	LR    float64 `spec:",arg,gt=0" help:"rate at the beginning"`
	End   float64 `spec:",arg,min=0" help:"rate at the end"`
	Steps int     `spec:",min=0" help:"length in steps; 0: the whole training"`
}

// At is the rate at p; NaN without an end.
func (l Linear) At(p Progress) float64 {
	return Polynomial{LR: l.LR, End: l.End, Power: 1, Steps: l.Steps}.At(p)
}

// Validate wants a positive rate and an end that is not negative.
func (l Linear) Validate() error {
	var p problems
	p.span("linear", l.LR, l.End, l.Steps)
	return errors.Join(p...)
}

// span adds what is wrong with a schedule that goes from one rate to another.
func (p *problems) span(what string, lr, end float64, steps int) {
	p.positive("learning rate", lr)
	p.notNegative(what+" end rate", end)
	if steps < 0 {
		p.addf("%s over %d steps: 0 (the whole training) or a positive number is wanted", what, steps)
	}
}

// along is how much of a span of so many steps, or of the whole training, is over: 0 to 1; NaN for a training of open length.
func along(p Progress, steps int) float64 {
	if steps == 0 {
		steps = p.Steps
	}
	if steps == 0 {
		return math.NaN()
	}
	return math.Min(1, float64(p.Step)/float64(steps))
}
