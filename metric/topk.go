package metric

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// TopK is the share of rows whose true class is among the K with the greatest logits, with its Wilson interval. Equal logits count in the
// order of classes, so that K = 1 is [Accuracy]. With K or fewer classes it is 1, but for rows with a NaN.
type TopK struct {
	K int // at least 1; 0 means 5

	hits, rows int
	bad        bool
}

// Info implements Metric.
func (m *TopK) Info() Info {
	return Info{Name: fmt.Sprintf("top%d_accuracy", m.k()), Task: "classification", Higher: true, Share: true,
		Doc: fmt.Sprintf("share of rows whose class is among the %d most likely", m.k())}
}

func (m *TopK) k() int {
	if m.K < 1 {
		return 5
	}
	return m.K
}

// Add implements Metric.
func (m *TopK) Add(b Batch) {
	l, ok := readLabels(b)
	m.bad = m.bad || !ok
	for i := range l.len() {
		if l.leaves(i) {
			continue
		}
		m.rows++
		actual, place := l.actual(i), -1
		if from, to := i*l.classes, (i+1)*l.classes; actual < 0 {
			continue
		} else if l.output.F32 != nil {
			place = rank(l.output.F32[from:to], actual)
		} else if l.output.F64 != nil {
			place = rank(l.output.F64[from:to], actual)
		}
		if place >= 0 && place < m.k() {
			m.hits++
		}
	}
}

// rank is the number of elements that come before element i in descending order; -1 if one is NaN.
func rank[T engine.Float](x []T, i int) int {
	before := 0
	for j, v := range x {
		if v != v {
			return -1
		}
		if v > x[i] || v == x[i] && j < i {
			before++
		}
	}
	return before
}

// Value implements Metric.
func (m *TopK) Value() (v, low, high float64) {
	if m.bad {
		return unknown()
	}
	s := share(m.hits, m.rows)
	return s.Value, s.Low, s.High
}

// Reset implements Metric.
func (m *TopK) Reset() { *m = TopK{K: m.K} }

var _ Metric = (*TopK)(nil)
