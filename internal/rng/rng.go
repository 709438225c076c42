// Package rng gives random numbers that are a function of what they are for: a seed, a purpose, a step and a position. Nothing is
// drawn from a stream, so there is no state to save, no order to keep and nothing that depends on the number of threads: a dropout
// mask is the same whether its rows are computed by one worker or by five, today or after a resume.
//
// A [Source] is one stream of 64-bit words that can be read at any place. Its words are those of SplitMix64 (Steele, Lea and Flood,
// "Fast splittable pseudorandom number generators", OOPSLA 2014), whose output function is a bijection of a counter, so that word i
// costs one mixing and no predecessor. Derived sources start at places that the same mixing scatters over all 2^64.
package rng

import (
	"math"
	"math/bits"
)

// golden is the increment of SplitMix64: 2^64 divided by the golden ratio, made odd.
const golden = 0x9e3779b97f4a7c15

// Source is a stream of random words addressed by position. The zero Source is valid. Sources are values; equal sources give equal
// numbers.
type Source struct{ state uint64 }

// New returns the source of a seed and a purpose, such as "init/dense1/weight" or "shuffle". Different purposes give unrelated numbers.
func New(seed uint64, purpose string) Source {
	// FNV-1a over the purpose, then mixed: the names are short and few, and only need to land apart.
	h := uint64(14695981039346656037)
	for i := 0; i < len(purpose); i++ {
		h ^= uint64(purpose[i])
		h *= 1099511628211
	}
	return Source{mix(seed+golden) ^ mix(h)}.At(0)
}

// At returns the source of one step, epoch or row of s: sources at different positions are unrelated.
func (s Source) At(position uint64) Source {
	return Source{mix(mix(s.state+golden) + golden*position)}
}

// Bits returns word i: 64 uniform bits.
func (s Source) Bits(i uint64) uint64 { return mix(s.state + golden*(i+1)) }

// Uniform returns number i, uniform in [0, 1) with 53 random bits.
func (s Source) Uniform(i uint64) float64 { return float64(float64(s.Bits(i)>>11) * 0x1p-53) }

// Below returns number i, uniform in 0 <= v < n. It panics when n is not positive.
func (s Source) Below(i uint64, n int) int {
	if n <= 0 {
		panic("rng: Below needs a positive bound")
	}
	// The high half of a 64 by 64 bit product; its bias is under n/2^64 and no n here comes near 2^40.
	high, _ := bits.Mul64(s.Bits(i), uint64(n))
	return int(high)
}

// Shuffle puts the numbers of order into a uniformly random order (Fisher and Yates, 1938), the same one for the same source and length.
func (s Source) Shuffle(order []int) {
	for i := len(order) - 1; i > 0; i-- {
		j := s.Below(uint64(i), i+1)
		order[i], order[j] = order[j], order[i]
	}
}

// Normal returns number i of the standard normal distribution, by inversion of its distribution function: one uniform number gives one
// normal number, so that positions stay independent. The relative error of the quantile is under 1.2e-9 (Acklam's rational
// approximation), far below what an initial weight or noise can notice.
func (s Source) Normal(i uint64) float64 {
	// (k + ½)/2^53 lies strictly inside (0, 1).
	return normalQuantile((float64(s.Bits(i)>>11) + 0.5) * 0x1p-53)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// normalQuantile inverts the standard normal distribution function for 0 < p < 1: P. J. Acklam, "An algorithm for computing the inverse
// normal cumulative distribution function" (2003). Products are converted explicitly so that no target fuses them and every target gives
// the same bits.
func normalQuantile(p float64) float64 {
	const tail = 0.02425
	switch {
	case p < tail:
		return tailQuantile(p)
	case p > 1-tail:
		return -tailQuantile(1 - p)
	}
	const (
		a0, a1, a2, a3, a4, a5 = -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00
		b0, b1, b2, b3, b4     = -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01
	)
	// Both polynomials are written out: nineteen normal numbers of twenty come by here.
	q := p - 0.5
	r := q * q
	above := float64((float64((float64((float64((float64(a0*r)+a1)*r)+a2)*r)+a3)*r)+a4)*r) + a5
	below := float64((float64((float64((float64((float64(b0*r)+b1)*r)+b2)*r)+b3)*r)+b4)*r) + 1
	return above * q / below
}

// tailQuantile is normalQuantile for small p.
func tailQuantile(p float64) float64 {
	c := [6]float64{-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00}
	d := [5]float64{7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1}
	q := math.Sqrt(-2 * ln(p))
	return horner(c[:], q) / horner(d[:], q)
}

func horner(coefficients []float64, x float64) float64 {
	sum := coefficients[0]
	for _, c := range coefficients[1:] {
		sum = float64(sum*x) + c
	}
	return sum
}

// ln is the natural logarithm for 0 < x < 1 by the series of the area tangent, which unlike math.Log has no assembly on any target.
func ln(x float64) float64 {
	fraction, exponent := math.Frexp(x)
	if fraction < math.Sqrt2/2 {
		fraction *= 2
		exponent--
	}
	z := (fraction - 1) / (fraction + 1)
	z2 := z * z
	sum := 0.0
	for k := 25; k >= 1; k -= 2 {
		sum = float64(sum*z2) + 1/float64(k)
	}
	return float64(2*z*sum) + float64(float64(exponent)*math.Ln2)
}
