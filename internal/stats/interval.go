package stats

import (
	"fmt"
	"math"
)

// This file holds the intervals that have a formula: a proportion, a mean, a mean of paired differences.

// Wilson returns the score interval of a proportion of k successes in n trials (E. B. Wilson, Journal of the American
// Statistical Association 22, 1927). Unlike k/n ± a multiple of the standard error it stays within 0 and 1 and does
// not shrink to a point at k = 0 or k = n. Weighted counts may be fractions; k is taken to lie within 0 and n. With
// n = 0 nothing is known: 0, 1.
func Wilson(k, n, level float64) (low, high float64) {
	z := critical(level, NormalQuantile)
	if math.IsNaN(z) || math.IsNaN(k) || math.IsNaN(n) {
		return math.NaN(), math.NaN()
	}
	z2 := z * z / n
	if n <= 0 || math.IsInf(z2, 1) {
		return 0, 1
	}
	k = min(max(k, 0), n)
	p := k / n
	center := (p + float64(z2/2)) / (1 + z2)
	half := float64(z / (1 + z2) * math.Sqrt((float64(p*(1-p))+float64(z2/4))/n))
	// Rounding must not carry the bounds over p or 1.
	high = min(1, max(p, center+half))
	// center-half would lose its digits for small k: the two roots multiply to p²/(1+z²/n).
	low = min(p, p*p/((1+z2)*(center+half)))
	return low, high
}

// Interval is a mean of N numbers with the bounds of its confidence interval. SD is the standard deviation of the
// numbers (divisor N-1), not of the mean.
//
// With N = 1 nothing is known about the spread: SD is 0 and Low = High = Mean, so that the interval prints and stores
// like any other. Whoever judges by the width of an interval looks at N first. With N = 0 all is zero.
type Interval struct {
	Mean, SD, Low, High float64
	N                   int
}

// Mean returns the mean of x with its Student-t interval: right for few normally distributed numbers, such as one
// result a seed.
func Mean(x []float64, level float64) Interval {
	var r Running
	for _, v := range x {
		r.Add(v)
	}
	i := Interval{Mean: r.Mean, SD: r.SD(), N: r.N}
	half := 0.0
	if t := critical(level, func(p float64) float64 { return StudentQuantile(p, float64(max(1, r.N-1))) }); r.N > 1 || math.IsNaN(t) {
		half = t * i.SD / math.Sqrt(float64(r.N))
	}
	i.Low, i.High = i.Mean-half, i.Mean+half
	return i
}

// Difference compares two treatments that were tried on the same cases, such as two optimizers on the same seeds.
type Difference struct {
	Interval         // the mean of a[i]-b[i] with its Student-t interval
	BootLow  float64 // the percentile bootstrap interval of the same mean: no normal distribution is assumed,
	BootHigh float64 // but with fewer than about ten pairs it is too narrow
	P        float64 // two-sided p value of the paired t-test of mean 0; 1 with one pair, where nothing can be tested
}

// pairedResamples is the number of resamples in Paired: the bounds of a 95 % interval then vary by about a fiftieth of its width from
// one seed to the next.
const pairedResamples = 10000

// Paired compares a[i] with b[i]. Unequal lengths and empty samples are errors.
func Paired(a, b []float64, level float64, seed uint64) (Difference, error) {
	if len(a) != len(b) {
		return Difference{}, fmt.Errorf("paired comparison: %d values against %d, want as many of each; drop the cases that only one side has", len(a), len(b))
	}
	if len(a) == 0 {
		return Difference{}, fmt.Errorf("paired comparison: no pairs, want at least 1")
	}
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	r := Difference{Interval: Mean(d, level), P: 1}
	r.BootLow, r.BootHigh = Bootstrap(d, average, pairedResamples, level, seed)
	if r.N > 1 && r.Mean != 0 {
		// Without spread the statistic is infinite and P is 0.
		r.P = 2 * studentTail(math.Abs(r.Mean)/(r.SD/math.Sqrt(float64(r.N))), float64(r.N-1))
	}
	return r, nil
}

// critical returns the quantile that leaves half of 1-level above it. Going through the lower tail keeps its digits.
func critical(level float64, quantile func(float64) float64) float64 {
	if !(level > 0 && level < 1) {
		return math.NaN()
	}
	return -quantile((1 - level) / 2)
}

func average(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
