package metric

import (
	"math"

	"github.com/descent-go/descent/engine"
)

// How metrics of regression read a batch: output and target have the same elements, and each pair gives a prediction and a truth in original
// units.

type residuals struct {
	output, target engine.Tensor
	width          int // elements of a row
	unscale        Unscale
}

// readResiduals is false where output and target do not fit each other. An empty batch fits anything.
func readResiduals(b Batch, u Unscale) (r residuals, ok bool) {
	if b.Rows < 1 {
		return r, true
	}
	output, target, width, wants, ok := b.pair()
	return residuals{output, target, width, u}, ok && width == wants
}

// at is prediction and truth of element j of a row.
func (r *residuals) at(row, j int) (predicted, actual float64) {
	i := row*r.width + j
	predicted, actual = r.output.At(i), r.target.At(i)
	if r.unscale != nil {
		predicted, actual = r.unscale(j, predicted), r.unscale(j, actual)
	}
	return predicted, actual
}

// mean is a mean over rows of a number that each row has, with the interval of the normal approximation. Distances from the first number are
// summed, so that a small spread around a large mean keeps its digits.
type mean struct {
	rows         int
	pivot, d, dd float64
	misfit       bool
}

func (m *mean) add(x float64) {
	if m.rows == 0 {
		m.pivot = x
	}
	d := x - m.pivot
	m.rows++
	m.d += d
	m.dd += float64(d * d)
}

func (m *mean) value() (v, low, high float64) {
	if m.rows == 0 || m.misfit {
		return unknown()
	}
	n := float64(m.rows)
	v = m.pivot + m.d/n
	if m.rows < 2 {
		return v, math.NaN(), math.NaN()
	}
	half := float64(normal() * math.Sqrt(max(0, m.dd-m.d*m.d/n)/(n-1)/n))
	return v, v - half, v + half
}
