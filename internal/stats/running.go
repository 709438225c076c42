// Package stats says how sure a number is: intervals for proportions and means, the bootstrap, paired comparisons,
// quantiles of samples and of two distributions. It knows nothing of training.
//
// Everything is a function of its arguments: randomness comes from a seed, and equal arguments give equal bits.
// Levels are confidence levels such as 0.95; a level that is not between 0 and 1 gives NaN bounds.
package stats

import "math"

// This file holds mean and variance of numbers that come one by one.

// Running is the mean and the spread of the numbers added so far, in Welford's form, which loses no digits when the
// mean is large against the spread (B. P. Welford, Technometrics 4, 1962). The zero value is empty. Its fields are all
// there is to it: whoever must survive a stop saves them.
type Running struct {
	N    int     // how many numbers
	Mean float64 // their mean, 0 when N is 0
	M2   float64 // the sum of squared distances from the mean
}

// Add takes in one number.
func (r *Running) Add(x float64) {
	r.N++
	d := x - r.Mean
	r.Mean += d / float64(r.N)
	r.M2 += float64(d * (x - r.Mean)) // the conversion keeps the product from being fused: same bits on every machine
}

// Merge takes in all that o has seen (T. F. Chan, G. H. Golub, R. J. LeVeque, 1979). Merging in another order gives
// the same result to rounding, not to the bit.
func (r *Running) Merge(o Running) {
	if o.N == 0 {
		return
	}
	a, b := float64(r.N), float64(o.N)
	d := o.Mean - r.Mean
	r.N += o.N
	r.Mean += float64(d * (b / (a + b)))
	r.M2 += o.M2 + float64(d*d*(a*b/(a+b)))
}

// Variance returns the unbiased sample variance (divisor N-1), 0 with fewer than two numbers.
func (r Running) Variance() float64 {
	if r.N < 2 {
		return 0
	}
	return r.M2 / float64(r.N-1)
}

// SD returns the square root of Variance.
func (r Running) SD() float64 { return math.Sqrt(r.Variance()) }
