package nn

import (
	"math"

	"github.com/descent-go/descent/engine"
)

// TruncatedNormal is a [Normal] without its tails: a number more than two SD from the mean is drawn again. The standard deviation of what is
// left is 0.8796 SD; it is not scaled back to SD, as in PyTorch's trunc_normal_ (whose bounds are absolute, -2 and 2, unless given) and Keras'
// TruncatedNormal.
type TruncatedNormal struct {
	Mean float64
	SD   float64 `spec:"sd,arg,min=0" help:"standard deviation before the tails are cut off"`
}

// Fill implements [engine.Init].
func (i TruncatedNormal) Fill(w []float64, s engine.Shape, r engine.Rand) { i.FillPart(w, 0, s, r) }

// FillPart implements [engine.PartInit].
func (i TruncatedNormal) FillPart(w []float64, from int, _ engine.Shape, r engine.Rand) {
	numbers := r.Row(0)
	for k := range w {
		z := numbers.Normal(from + k)
		for try := 1; math.Abs(z) > 2; try++ {
			z = r.Normal(try, from+k) // one in 22 is drawn again
		}
		w[k] = i.Mean + float64(i.SD*z)
	}
}
