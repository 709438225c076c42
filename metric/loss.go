package metric

import (
	"math"

	"github.com/descent-go/descent/internal/stats"
)

// Loss is the mean of the rows' losses, weighted by the rows' weights: sum w·l / sum w, what training minimizes.
//
// Its interval is that of a ratio of two sums, normal approximation: variance n/(n-1) · sum w²(l-mean)² / (sum w)². It is NaN with one row.
type Loss struct {
	rows       int
	pivot      float64 // the first loss: sums of distances from it keep their digits
	w, wl      float64 // sums of w, w·d with d = l - pivot
	ww, wwd, s float64 // sums of w², w²·d, w²·d²
}

// Info implements Metric.
func (*Loss) Info() Info { return Info{Name: "loss", Doc: "mean loss a row"} }

// Add implements Metric.
func (m *Loss) Add(b Batch) {
	for i := range b.Rows {
		if b.leaves(i) {
			continue
		}
		l, w := math.NaN(), 1.0
		if i < len(b.Loss) {
			l = b.Loss[i]
		}
		if i < len(b.Weight) {
			w = b.Weight[i]
		}
		if m.rows == 0 {
			m.pivot = l
		}
		d := l - m.pivot
		m.rows++
		m.w += w
		m.wl += float64(w * d) // conversions keep products from being fused: the same bits on every machine
		m.ww += float64(w * w)
		m.wwd += float64(w * w * d)
		m.s += float64(w * w * d * d)
	}
}

// Value implements Metric.
func (m *Loss) Value() (v, low, high float64) {
	if m.rows == 0 {
		return unknown()
	}
	d := m.wl / m.w
	v = m.pivot + d
	n := float64(m.rows)
	if m.rows < 2 {
		return v, math.NaN(), math.NaN()
	}
	variance := n / (n - 1) * max(0, m.s-float64(2*d*m.wwd)+float64(d*d*m.ww)) / (m.w * m.w)
	half := float64(normal() * math.Sqrt(variance))
	return v, v - half, v + half
}

// Reset implements Metric.
func (m *Loss) Reset() { *m = Loss{} }

func unknown() (v, low, high float64) { return math.NaN(), math.NaN(), math.NaN() }

// normal is the number of standard deviations to either side of a mean that Level asks for.
func normal() float64 { return stats.NormalQuantile((1 + Level) / 2) }

var _ Metric = (*Loss)(nil)
