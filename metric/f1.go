package metric

import "math"

// F1 is the mean over classes of the harmonic mean of precision and recall (macro F1), over the classes that have rows or were predicted. It
// has no interval.
type F1 struct{ tally Confusion }

// Info implements Metric.
func (*F1) Info() Info {
	return Info{Name: "f1", Task: "classification", Higher: true, Share: true, Doc: "mean over classes of the harmonic mean of precision and recall"}
}

// Add implements Metric.
func (m *F1) Add(b Batch) { m.tally.Add(b) }

// Value implements Metric.
func (m *F1) Value() (v, low, high float64) { return m.tally.F1(), math.NaN(), math.NaN() }

// Reset implements Metric.
func (m *F1) Reset() { m.tally.Reset() }

var _ Metric = (*F1)(nil)
