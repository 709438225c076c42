package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// LeakyReLU is y = x where x > 0 and Slope·x elsewhere; its derivative is 1 or Slope (Maas, Hannun and Ng, "Rectifier nonlinearities
// improve neural network acoustic models", 2013, equation 2; 0.01 there, in PyTorch, and in files unless given; Keras has 0.3; with 0 it is a [ReLU]). With a
// positive Slope the result has the sign of x and backward reads it; otherwise it reads x. Any shape; the result has the same.
type LeakyReLU struct {
	Slope float64 `spec:",arg" help:"factor on negative inputs"`
}

// Build implements [Layer].
func (l LeakyReLU) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if math.IsNaN(l.Slope) || math.IsInf(l.Slope, 0) {
		g.Fail(fmt.Errorf("leaky_relu: slope is %v; a finite number is wanted", l.Slope))
		return engine.Value{}
	}
	return unary(g, l, x)
}

// Type implements [engine.Op].
func (LeakyReLU) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (l LeakyReLU) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: leaky(float32(l.Slope)), F64: leaky(l.Slope)}
}

// start is He et al. 2015, equation 15.
func (l LeakyReLU) start() engine.Init { return rectified(l.Slope) }

func leaky[T engine.Float](slope T) pointwise[T] {
	back := func(dx, sign, dy []T, add bool) {
		for i, d := range dy {
			if !(sign[i] > 0) {
				d = T(d * slope)
			}
			if add {
				d += dx[i]
			}
			dx[i] = d
		}
	}
	b := pointwise[T]{forward: func(dst, x []T) {
		for i, v := range x[:len(dst)] {
			if !(v > 0) {
				v *= slope
			}
			dst[i] = v
		}
	}}
	if slope > 0 {
		b.fromOut = back
	} else {
		b.fromIn = back
	}
	return b
}
