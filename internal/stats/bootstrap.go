package stats

import (
	"math"
	"math/bits"
	"slices"
)

// This file holds what needs no formula for a distribution: sample quantiles and the bootstrap.

// Bootstrap returns the percentile interval of a statistic (B. Efron, Annals of Statistics 7, 1979): the statistic is
// computed on resamples samples of len(x) values drawn from x with replacement, and the bounds are quantiles of the
// results. The statistic may reorder the slice that it is given, and must not keep it. Each drawn position is a hash
// of seed, resample and place: equal arguments give equal bits, and the first resamples are the same whatever their
// number. Without values or resamples the bounds are NaN.
func Bootstrap(x []float64, statistic func([]float64) float64, resamples int, level float64, seed uint64) (low, high float64) {
	if len(x) == 0 || resamples <= 0 || !(level > 0 && level < 1) {
		return math.NaN(), math.NaN()
	}
	sample := make([]float64, len(x))
	values := make([]float64, resamples)
	for r := range values {
		stream := scramble(scramble(seed) + uint64(r))
		for i := range sample {
			// The high half of the product is uniform below len(x) but for a bias of len(x) / 2^64.
			at, _ := bits.Mul64(scramble(stream+uint64(i)), uint64(len(x)))
			sample[i] = x[at]
		}
		values[r] = statistic(sample)
	}
	tail := float64((1 - level) / 2)
	slices.Sort(values)
	return sortedQuantile(values, tail), sortedQuantile(values, 1-tail)
}

// scramble is one step of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014): the counter times the golden
// ratio, mixed until neighboring counters are unrelated.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Median returns the middle value, or the mean of the two middle ones. It leaves x as it is. An empty x and one with
// a NaN give NaN.
func Median(x []float64) float64 { return Quantile(x, 0.5) }

// Quantile returns the q-quantile of x for 0 <= q <= 1 by linear interpolation between order statistics, type 7 of
// R. J. Hyndman and Y. Fan (The American Statistician 50, 1996), the default of R and NumPy. It leaves x as it is. An
// empty x, one with a NaN, and a q outside the range give NaN.
func Quantile(x []float64, q float64) float64 {
	if len(x) == 0 || !(q >= 0 && q <= 1) {
		return math.NaN()
	}
	return sortedQuantile(slices.Sorted(slices.Values(x)), q)
}

// sortedQuantile is Quantile for values in ascending order, which has NaN first.
func sortedQuantile(x []float64, q float64) float64 {
	if math.IsNaN(x[0]) {
		return math.NaN()
	}
	at := float64(q * float64(len(x)-1))
	i := min(int(at), len(x)-1)
	low, high := x[i], x[min(i+1, len(x)-1)]
	if low == high { // interpolation would round
		return low
	}
	// A weight of 0 must not touch an infinite neighbor.
	f := at - float64(i)
	if f == 0 {
		return low
	}
	return float64(low*(1-f)) + float64(high*f)
}
