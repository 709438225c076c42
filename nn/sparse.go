package nn

import "github.com/descent-go/descent/engine"

// Sparse gives each unit of a weight [units, inputs...] normal weights from Nonzero of its inputs, chosen at random, and zeros from the
// others, so that the input of a unit does not grow with their number and units differ (Martens, "Deep learning via Hessian-free
// optimization", 2010, section 5: 15 with standard deviation 1, the values in files unless given; Sutskever et al. 2013 use it too). A unit
// with fewer inputs has no zeros. (PyTorch's sparse_ takes the share of zeros instead.)
type Sparse struct {
	Nonzero int     `spec:",arg,min=1" help:"weights of a unit that are not zero"`
	SD      float64 `spec:"sd,min=0" help:"standard deviation of these"`
}

// Fill implements [engine.Init].
func (i Sparse) Fill(w []float64, s engine.Shape, r engine.Rand) {
	units := 1
	if len(s) > 1 {
		units = s[0]
	}
	inputs := len(w) / units
	clear(w)
	for u := range units {
		row := w[u*inputs : (u+1)*inputs]
		count := max(0, min(i.Nonzero, inputs))
		taken := make(map[int]bool, count)
		// Floyd's sampling (Bentley and Floyd, "A sample of brilliance", 1987): every set of inputs is as likely.
		for k := range count {
			last := inputs - count + k
			at := int(r.At(u, 2*k) * float64(last+1))
			if taken[at] {
				at = last
			}
			taken[at] = true
			row[at] = i.SD * r.Normal(u, 2*k+1)
		}
	}
}
