package metric

// BalancedAccuracy is the mean of the classes' recalls with its interval, as [Confusion.BalancedAccuracy] defines them: the number to look
// at where classes are of very different size. Classes without rows are left out.
type BalancedAccuracy struct{ tally Confusion }

// Info implements Metric.
func (*BalancedAccuracy) Info() Info {
	return Info{Name: "balanced_accuracy", Task: "classification", Higher: true, Share: true, Doc: "mean over classes of the share predicted right"}
}

// Add implements Metric.
func (m *BalancedAccuracy) Add(b Batch) { m.tally.Add(b) }

// Value implements Metric.
func (m *BalancedAccuracy) Value() (v, low, high float64) {
	s := m.tally.BalancedAccuracy()
	return s.Value, s.Low, s.High
}

// Reset implements Metric.
func (m *BalancedAccuracy) Reset() { m.tally.Reset() }

var _ Metric = (*BalancedAccuracy)(nil)
