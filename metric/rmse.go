package metric

import "math"

// RMSE is the root of the mean squared error over all elements of the target (with several elements a row: of the whole, not a mean of the
// elements' own roots). The interval's bounds are the roots of those of the mean squared error, which is a mean over rows in normal
// approximation; it is NaN with one row.
type RMSE struct {
	Unscale Unscale

	mean mean
}

// Info implements Metric.
func (*RMSE) Info() Info {
	return Info{Name: "rmse", Task: "regression", Doc: "root of the mean squared error"}
}

// Add implements Metric.
func (m *RMSE) Add(b Batch) {
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
			s += float64((p - y) * (p - y))
		}
		m.mean.add(s / float64(r.width))
	}
}

// Value implements Metric.
func (m *RMSE) Value() (v, low, high float64) {
	v, low, high = m.mean.value()
	return math.Sqrt(max(0, v)), math.Sqrt(max(0, low)), math.Sqrt(high)
}

// Reset implements Metric.
func (m *RMSE) Reset() { m.mean = mean{} }

var _ Metric = (*RMSE)(nil)
