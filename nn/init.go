package nn

import (
	"math"

	"github.com/descent-go/descent/engine"
)

// Initializers: how weights start. A weight of shape [outputs, inputs, rest...] has fan-in inputs·rest and fan-out outputs·rest. Where a weight's
// number depends on its place alone, any part of the numbers can be had without the others: then large weights are filled side by side.

var (
	_ engine.PartInit = Glorot{}
	_ engine.PartInit = He{}
	_ engine.PartInit = LeCun{}
	_ engine.PartInit = Uniform{}
	_ engine.PartInit = Normal{}
	_ engine.PartInit = TruncatedNormal{}
)

// fans are the fans of a weight. A shape of one axis has its size as both.
func fans(s engine.Shape) (in, out float64) {
	if len(s) < 2 {
		n := float64(s.Size())
		return n, n
	}
	rest := float64(s[2:].Size())
	return float64(s[1]) * rest, float64(s[0]) * rest
}

// spread fills w, which begins at place from, with numbers of mean 0 and the given variance, uniform or normal.
func spread(w []float64, from int, r engine.Rand, variance float64, normal bool, gain float64) {
	if gain == 0 {
		gain = 1
	}
	numbers := r.Row(0)
	if normal {
		sd := gain * math.Sqrt(variance)
		for i := range w {
			w[i] = sd * numbers.Normal(from+i)
		}
		return
	}
	limit := gain * math.Sqrt(3*variance)
	for i := range w {
		w[i] = limit * (float64(2*numbers.At(from+i)) - 1)
	}
}

// Glorot gives weights the variance 2 / (fan-in + fan-out), which keeps the size of signals and gradients between layers of a linear or tanh
// network (Glorot and Bengio 2010, equation 16). Uniform unless Normal.
type Glorot struct {
	Normal bool    `help:"normal instead of uniform"`
	Gain   float64 `spec:",min=0" help:"factor on every weight; 0 is 1"`
}

// Fill implements [engine.Init].
func (i Glorot) Fill(w []float64, s engine.Shape, r engine.Rand) { i.FillPart(w, 0, s, r) }

// FillPart implements [engine.PartInit].
func (i Glorot) FillPart(w []float64, from int, s engine.Shape, r engine.Rand) {
	in, out := fans(s)
	spread(w, from, r, 2/(in+out), i.Normal, i.Gain)
}

// fan is the fan-in, or the fan-out.
func fan(s engine.Shape, out bool) float64 {
	i, o := fans(s)
	if out {
		return o
	}
	return i
}

// He gives weights the variance 2 / fan-in, which keeps the size of signals through rectifiers (He et al. 2015, equation 10), or 2 / fan-out,
// which keeps that of gradients on their way back (equation 14). Normal, as in the paper, unless Uniform.
type He struct {
	Uniform bool    `help:"uniform instead of normal"`
	FanOut  bool    `help:"keep the size of gradients instead of signals: fan-out in place of fan-in"`
	Gain    float64 `spec:",min=0" help:"factor on every weight; 0 is 1"`
}

// Fill implements [engine.Init].
func (i He) Fill(w []float64, s engine.Shape, r engine.Rand) { i.FillPart(w, 0, s, r) }

// FillPart implements [engine.PartInit].
func (i He) FillPart(w []float64, from int, s engine.Shape, r engine.Rand) {
	spread(w, from, r, 2/fan(s, i.FanOut), !i.Uniform, i.Gain)
}

// LeCun gives weights the variance 1 / fan-in, or 1 / fan-out (LeCun et al., "Efficient backprop", 1998, section 4.6). Normal unless Uniform.
type LeCun struct {
	Uniform bool    `help:"uniform instead of normal"`
	FanOut  bool    `help:"fan-out in place of fan-in"`
	Gain    float64 `spec:",min=0" help:"factor on every weight; 0 is 1"`
}

// Fill implements [engine.Init].
func (i LeCun) Fill(w []float64, s engine.Shape, r engine.Rand) { i.FillPart(w, 0, s, r) }

// FillPart implements [engine.PartInit].
func (i LeCun) FillPart(w []float64, from int, s engine.Shape, r engine.Rand) {
	spread(w, from, r, 1/fan(s, i.FanOut), !i.Uniform, i.Gain)
}

// Uniform gives weights between Low and High.
type Uniform struct {
	Low  float64 `spec:",arg"`
	High float64 `spec:",arg"`
}

// Fill implements [engine.Init].
func (i Uniform) Fill(w []float64, s engine.Shape, r engine.Rand) { i.FillPart(w, 0, s, r) }

// FillPart implements [engine.PartInit].
func (i Uniform) FillPart(w []float64, from int, _ engine.Shape, r engine.Rand) {
	numbers := r.Row(0)
	for k := range w {
		w[k] = i.Low + float64((i.High-i.Low)*numbers.At(from+k))
	}
}

// Normal gives weights with a mean and a standard deviation.
type Normal struct {
	Mean float64
	SD   float64 `spec:"sd,arg,min=0" help:"standard deviation"`
}

// Fill implements [engine.Init].
func (i Normal) Fill(w []float64, s engine.Shape, r engine.Rand) { i.FillPart(w, 0, s, r) }

// FillPart implements [engine.PartInit].
func (i Normal) FillPart(w []float64, from int, _ engine.Shape, r engine.Rand) {
	numbers := r.Row(0)
	for k := range w {
		w[k] = i.Mean + float64(i.SD*numbers.Normal(from+k))
	}
}

// Constant gives every weight one value. For the weights of a hidden layer that is a fault: its units stay equal for ever.
type Constant float64

// Fill implements [engine.Init].
func (c Constant) Fill(w []float64, _ engine.Shape, _ engine.Rand) {
	for k := range w {
		w[k] = float64(c)
	}
}
