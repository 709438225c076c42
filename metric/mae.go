package metric

import "math"

// MAE is the mean absolute error over all elements of the target. The interval is that of a mean of the rows' own mean absolute errors, normal
// approximation; it is NaN with one row.
type MAE struct {
	Unscale Unscale

	mean mean
}

// Info implements Metric.
func (*MAE) Info() Info {
	return Info{Name: "mae", Task: "regression", Doc: "mean absolute error"}
}

// Add implements Metric.
func (m *MAE) Add(b Batch) {
	r, ok := readResiduals(b, m.Unscale)
	if !ok {
		m.mean.misfit = true
		return
	}
	for i := range b.Rows {
		if b.leaves(i) {
			continue
		}
		s := 0.0
		for j := range r.width {
			p, y := r.at(i, j)
			s += math.Abs(p - y)
		}
		m.mean.add(s / float64(r.width))
	}
}

// Value implements Metric.
func (m *MAE) Value() (v, low, high float64) {
	v, low, high = m.mean.value()
	return v, max(0, low), high
}

// Reset implements Metric.
func (m *MAE) Reset() { m.mean = mean{} }

var _ Metric = (*MAE)(nil)
