package metric

import "github.com/descent-go/descent/internal/stats"

// Accuracy is the share of rows whose greatest logit is that of the true class, with its Wilson interval. Of equal logits the first counts.
// With several positions a row each position counts, and the interval, which takes them as independent, is too narrow.
type Accuracy struct {
	hits, rows int
	bad        bool
}

// Info implements Metric.
func (*Accuracy) Info() Info {
	return Info{Name: "accuracy", Task: "classification", Higher: true, Share: true, Doc: "share of rows that are predicted right"}
}

// Add implements Metric.
func (m *Accuracy) Add(b Batch) {
	l, ok := readLabels(b)
	m.bad = m.bad || !ok
	for i := range l.len() {
		if l.leaves(i) {
			continue
		}
		m.rows++
		if p := l.predicted(i); p >= 0 && p == l.actual(i) {
			m.hits++
		}
	}
}

// Value implements Metric.
func (m *Accuracy) Value() (v, low, high float64) {
	if m.bad {
		return unknown()
	}
	s := share(m.hits, m.rows)
	return s.Value, s.Low, s.High
}

// Counts is what the value comes from: rows that are predicted right, of all rows.
func (m *Accuracy) Counts() (hits, rows int) { return m.hits, m.rows }

// Reset implements Metric.
func (m *Accuracy) Reset() { *m = Accuracy{} }

// Share is a number from 0 to 1 with the bounds of its interval.
type Share struct{ Value, Low, High float64 }

// share is k of n with the Wilson interval; NaN, from 0 to 1 when n is 0.
func share(k, n int) Share {
	low, high := stats.Wilson(float64(k), float64(n), Level)
	return Share{float64(k) / float64(n), low, high}
}

var _ Metric = (*Accuracy)(nil)
