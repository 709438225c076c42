package metric

import "math"

// R2 is the coefficient of determination: 1 - sum (y-p)² / sum (y-mean y)², 1 for perfect predictions, 0 for always predicting the mean, below
// that for worse. With several elements a row it is the mean of the elements' own R2, so that units don't matter. A target that does not vary
// gives 1 where it is met exactly and 0 otherwise; one row gives NaN. scikit-learn's r2_score does the same.
//
// The interval is the delta method's for a ratio of two means, normal approximation: with ρ = 1 - R2 and t = (y-mean y)² the variance is
// sum ((y-p)² - ρt)² / (sum t)². Of several elements the half widths are averaged, which holds however they depend on each other.
type R2 struct {
	Unscale Unscale

	elements []moments
	rows     int
	bad      bool
}

// moments are the sums that R2 of one element needs, with d = y - pivot and e = (y-p)².
type moments struct {
	pivot                            float64
	d1, d2, d3, d4, e1, e2, ed1, ed2 float64
}

// Info implements Metric.
func (*R2) Info() Info {
	return Info{Name: "r2", Task: "regression", Higher: true, Doc: "share of the target's variance that is explained"}
}

// Add implements Metric.
func (m *R2) Add(b Batch) {
	r, ok := readResiduals(b, m.Unscale)
	if ok && r.width > 0 && m.elements == nil {
		m.elements = make([]moments, r.width)
	}
	if !ok || r.width > 0 && r.width != len(m.elements) {
		m.bad = true
		return
	}
	for i := range b.Rows {
		if b.leaves(i) {
			continue
		}
		for j := range m.elements {
			p, y := r.at(i, j)
			s := &m.elements[j]
			if m.rows == 0 {
				s.pivot = y
			}
			d, e := y-s.pivot, float64((y-p)*(y-p))
			s.d1 += d
			s.d2 += float64(d * d)
			s.d3 += float64(d * d * d)
			s.d4 += float64(d * d * d * d)
			s.e1 += e
			s.e2 += float64(e * e)
			s.ed1 += float64(e * d)
			s.ed2 += float64(e * d * d)
		}
		m.rows++
	}
}

// Value implements Metric.
func (m *R2) Value() (v, low, high float64) {
	if m.rows < 2 || m.bad {
		return unknown()
	}
	half := 0.0
	for i := range m.elements {
		r, sd := m.elements[i].r2(float64(m.rows))
		v += r
		half += float64(normal() * sd)
	}
	n := float64(len(m.elements))
	v, half = v/n, half/n
	return v, v - half, min(1, v+half)
}

// r2 is R2 of one element over n rows, with its standard deviation.
func (s *moments) r2(n float64) (r, sd float64) {
	mu := s.d1 / n
	t := s.d2 - float64(mu*s.d1)
	// What is left of a target that does not vary is rounding.
	if t <= 1e-14*s.d2 {
		if s.e1 == 0 {
			return 1, math.NaN()
		}
		return 0, math.NaN()
	}
	rho := s.e1 / t
	tt := s.d4 - float64(4*mu*s.d3) + float64(6*mu*mu*s.d2) - float64(3*mu*mu*mu*s.d1)
	et := s.ed2 - float64(2*mu*s.ed1) + float64(mu*mu*s.e1)
	return 1 - rho, math.Sqrt(max(0, s.e2-float64(2*rho*et)+float64(rho*rho*tt))) / t
}

// Reset implements Metric.
func (m *R2) Reset() {
	clear(m.elements)
	m.rows, m.bad = 0, false
}

var _ Metric = (*R2)(nil)
