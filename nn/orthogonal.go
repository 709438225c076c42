package nn

import (
	"math"

	"github.com/descent-go/descent/engine"
)

// Orthogonal gives a weight [outputs, inputs...], read as a matrix of outputs x inputs, rows that are orthonormal, or columns where there are
// fewer of them, times Gain: a square one keeps the length of every signal and gradient (Saxe, McClelland and Ganguli, "Exact solutions to
// the nonlinear dynamics of learning in deep linear neural networks", 2014, section 3). It is the Q of the QR decomposition of a matrix of
// normal numbers whose R has a positive diagonal, which makes it uniform among all orthogonal matrices (Mezzadri, "How to generate random
// matrices from the classical compact groups", 2007), as PyTorch's orthogonal_ is. A shape of one axis is one row. The work grows with the
// third power of the size: some seconds for 1024 x 1024.
type Orthogonal struct {
	Gain float64 `spec:",min=0" help:"factor on every weight; 0 is 1"`
}

// Fill implements [engine.Init].
func (i Orthogonal) Fill(w []float64, s engine.Shape, r engine.Rand) {
	rows := 1
	if len(s) > 1 {
		rows = s[0]
	}
	columns := len(w) / rows
	count, length := min(rows, columns), max(rows, columns)
	q := make([]float64, len(w)) // count vectors, one after the other
	for k := range q {
		q[k] = r.Normal(0, k)
	}
	orthonormalize(q, count, length)
	gain := i.Gain
	if gain == 0 {
		gain = 1
	}
	for v := range count {
		for k := range length {
			at := v*columns + k
			if rows > columns {
				at = k*columns + v
			}
			w[at] = gain * q[v*length+k]
		}
	}
}

// orthonormalize makes the vectors of q orthonormal by the method of Gram and Schmidt. What a vector has in common with those before it is
// taken away twice, which is enough for orthogonality to rounding (Giraud, Langou and Rozloznik, "The loss of orthogonality in the
// Gram-Schmidt orthogonalization process", 2005).
func orthonormalize(q []float64, count, length int) {
	for j := range count {
		v := q[j*length : (j+1)*length]
		for range 2 {
			for k := range j {
				u := q[k*length : (k+1)*length]
				subtract(v, inner(u, v), u)
			}
			toLengthOne(v)
		}
	}
}

func toLengthOne(v []float64) {
	length := math.Sqrt(inner(v, v))
	for i := range v {
		v[i] /= length
	}
}

// subtract is v -= a u.
func subtract(v []float64, a float64, u []float64) {
	for i, x := range u[:len(v)] {
		v[i] -= float64(a * x)
	}
}

// inner is the inner product, in four sums that the processor computes side by side.
func inner(a, b []float64) float64 {
	b = b[:len(a)]
	var s [4]float64
	for ; len(a) >= 4 && len(b) >= 4; a, b = a[4:], b[4:] {
		s[0] += float64(a[0] * b[0])
		s[1] += float64(a[1] * b[1])
		s[2] += float64(a[2] * b[2])
		s[3] += float64(a[3] * b[3])
	}
	for i, v := range a {
		s[0] += float64(v * b[i])
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}
