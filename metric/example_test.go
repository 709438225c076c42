package metric_test

import (
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/metric"
)

// Within is a metric of one's own: the share of predictions that are off by at most Limit, in the target's own unit.
type Within struct {
	Limit   float64
	Unscale metric.Unscale

	hits, rows float64
}

func (m *Within) Info() metric.Info {
	return metric.Info{Name: "within_10", Task: "regression", Higher: true, Share: true, Doc: "share of predictions off by at most 10"}
}

func (m *Within) Add(b metric.Batch) {
	output, target := b.Values(metric.Output), b.Values(metric.Target)
	for i := range b.Rows {
		off := m.value(output, i) - m.value(target, i)
		if off >= -m.Limit && off <= m.Limit {
			m.hits++
		}
		m.rows++
	}
}

func (m *Within) value(t engine.Tensor, i int) float64 {
	if m.Unscale == nil {
		return t.At(i)
	}
	return m.Unscale(0, t.At(i))
}

func (m *Within) Value() (v, low, high float64) { return m.hits / m.rows, 0, 1 }

func (m *Within) Reset() { m.hits, m.rows = 0, 0 }

// A registered metric is told by every evaluation of its task, and --until takes its name.
func ExampleRegister() {
	err := metric.Register(func(u metric.Unscale) metric.Metric { return &Within{Limit: 10, Unscale: u} })
	fmt.Println(err)
	m, err := metric.New("within_10", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	values := map[string]engine.Tensor{
		metric.Output: {Shape: engine.Shape{4, 1}, F64: []float64{100, 205, 290, 400}},
		metric.Target: {Shape: engine.Shape{4, 1}, F64: []float64{103, 200, 320, 409}},
	}
	m.Add(metric.Batch{Rows: 4, Values: func(name string) engine.Tensor { return values[name] }})
	v, _, _ := m.Value()
	fmt.Println(v)
	fmt.Println(metric.Register(func(metric.Unscale) metric.Metric { return &metric.Accuracy{} }))
	// Output:
	// <nil>
	// 0.75
	// registering metric "accuracy": the name is taken
}
