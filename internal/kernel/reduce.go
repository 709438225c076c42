// Reductions of a slice to one number. Sums are in float64 and have one tree
// (see Table.Sum): four interleaved sums over at most leaf values keep the adder
// busy, and halving above that keeps the rounding error logarithmic in the
// length.

package kernel

import "math"

// leaf is the number of values that are summed without halving.
const leaf = 512

// half returns where to cut n > leaf values: the smallest multiple of leaf that
// is at least half of them.
func half(n int) int {
	return ((n+1)/2 + leaf - 1) / leaf * leaf
}

func sum[T Float](x []T) float64 {
	if len(x) > leaf {
		h := half(len(x))
		return sum(x[:h]) + sum(x[h:])
	}
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x = x[4:] {
		s0 += float64(x[0])
		s1 += float64(x[1])
		s2 += float64(x[2])
		s3 += float64(x[3])
	}
	for _, v := range x {
		s0 += float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}

func dot[T Float](a, b []T) float64 {
	b = b[:len(a):len(b)]
	if len(a) > leaf {
		h := half(len(a))
		return dot(a[:h], b[:h]) + dot(a[h:], b[h:])
	}
	var s0, s1, s2, s3 float64
	for ; len(a) >= 4 && len(b) >= 4; a, b = a[4:], b[4:] {
		s0 += float64(float64(a[0]) * float64(b[0]))
		s1 += float64(float64(a[1]) * float64(b[1]))
		s2 += float64(float64(a[2]) * float64(b[2]))
		s3 += float64(float64(a[3]) * float64(b[3]))
	}
	for i, v := range a {
		s0 += float64(float64(v) * float64(b[i]))
	}
	return (s0 + s1) + (s2 + s3)
}

func sumSquares[T Float](x []T) float64 { return dot(x, x) }

func maximum[T Float](x []T) T {
	m := T(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func nonFinite[T Float](x []T) int {
	for i, v := range x {
		if v-v != 0 { // NaN for NaN and infinities
			return i
		}
	}
	return -1
}

// WithinBits is the logarithm of the magnitude below which [Table.Within] wants
// all values. A sum of 2^20 products of two such numbers is finite in float32,
// however it is rounded on the way.
const WithinBits = 50

func within[T Float](x []T) bool {
	for _, v := range x {
		if !(v < 1<<WithinBits && v > -1<<WithinBits) {
			return false
		}
	}
	return true
}
