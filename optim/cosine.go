package optim

import (
	"errors"
	"math"
)

// Cosine falls from LR to End along half a cosine (Loshchilov and Hutter 2016, arXiv 1608.03983, equation 5, without restarts):
//
//	lr = End + (LR-End) * (1 + cos(pi t/T)) / 2
//
// at step t of T. T is the number of steps of the training (what is left of it after a warm-up), or Steps where that is set; afterwards
// the rate stays at End. Without Steps in a training of open length the rate is not defined, and the step is refused.
type Cosine struct {
	LR    float64 `spec:",arg,gt=0" help:"rate at the beginning"`
	End   float64 `spec:",min=0" help:"rate at the end"`
	Steps int     `spec:",min=0" help:"length in steps; 0: the whole training"`
}

// At is the rate at p; NaN without an end.
func (c Cosine) At(p Progress) float64 {
	return c.End + float64((c.LR-c.End)*halfCosine(along(p, c.Steps)))
}

// Validate wants a positive rate and an end that is not negative.
func (c Cosine) Validate() error {
	var p problems
	p.span("cosine", c.LR, c.End, c.Steps)
	return errors.Join(p...)
}

// halfCosine is (1 + cos(pi x)) / 2 = cos²(pi x/2) for 0 <= x <= 1 by Taylor's series of the sine up to pi/4. math.Cos is compiled with
// fused operations on some targets, and rates must have the same bits on all.
func halfCosine(x float64) float64 {
	if x <= 0.5 {
		s := sine(x * math.Pi / 2)
		return 1 - float64(s*s)
	}
	s := sine((1 - x) * math.Pi / 2)
	return s * s
}

// sine is sin(y) for 0 <= y <= pi/4, to rounding: the first term left out is below 1e-19.
func sine(y float64) float64 {
	z := y * y
	term, sum := y, 0.0
	terms := [9]float64{}
	for k := range terms {
		terms[k] = term
		term *= -z / float64((2*k+2)*(2*k+3))
	}
	for k := len(terms) - 1; k >= 0; k-- {
		sum += terms[k] // smallest first
	}
	return sum
}
