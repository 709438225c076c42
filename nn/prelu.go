package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// PReLU is a [LeakyReLU] whose slopes a are learned: y = x where x > 0, a·x elsewhere (He et al., "Delving deep into rectifiers", 2015,
// equations 1 to 3). A row [C] or [C, rest...] has one slope a channel; with Single there is one for all. Parameter slope [C] or [1],
// initially 0.25, with the role norm, which is spared from weight decay: decay would pull a PReLU towards a ReLU, and the paper uses
// none. PyTorch has one slope unless told otherwise.
type PReLU struct {
	Single bool        `help:"one slope for all channels"`
	Init   engine.Init `help:"initial slopes; 0.25 if not given"`
}

// Build implements [Layer].
func (l PReLU) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "prelu", x)
	if !ok {
		return engine.Value{}
	}
	init := l.Init
	if init == nil {
		init = Constant(0.25)
	}
	slopes := 1
	if s := g.Type(v).Shape; !l.Single && len(s) > 0 {
		slopes = s[0]
	}
	return g.Apply(PReLUOp{}, v, g.Param("slope", engine.Shape{slopes}, engine.Norm, init))
}

// start is He et al. 2015, equation 15, with the slope that training begins at.
func (l PReLU) start() engine.Init {
	if c, ok := l.Init.(Constant); ok {
		return rectified(float64(c))
	}
	return rectified(0.25)
}

// rectified is how weights before a rectifier with a slope for negative inputs start: variance 2 / ((1 + slope²) fan-in).
func rectified(slope float64) engine.Init {
	return He{Gain: 1 / math.Sqrt(1+float64(slope*slope))}
}

// PReLUOp is the operation of [PReLU]: inputs x [C, rest...] and slope a, [C] or [1]. ∂L/∂x = δ where x > 0, a δ elsewhere; ∂L/∂a = Σ δ x over
// the elements with x <= 0 that the slope is for (He et al. 2015, equation 2). Nothing is saved: backward reads x and a.
type PReLUOp struct{}

// Type implements [engine.Op].
func (PReLUOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, fmt.Errorf("%d inputs; x and slope are wanted", len(in))
	}
	if in[0].Kind != engine.Real {
		return engine.Type{}, errors.New("its input is an index; numbers are wanted")
	}
	x, a := in[0].Shape, in[1].Shape
	if !in[1].Fixed || len(a) != 1 || a[0] != 1 && (len(x) == 0 || a[0] != x[0]) {
		return engine.Type{}, fmt.Errorf("slope is %v, the input %v; a parameter of one slope, or one a channel, is wanted", in[1], x)
	}
	return engine.Type{Shape: x}, nil
}

// Code implements [engine.Op].
func (PReLUOp) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	each := in[0].Shape.Size() / in[1].Shape[0]
	return engine.Code{F32: prelu[float32]{each}, F64: prelu[float64]{each}}
}

type prelu[T engine.Float] struct{ each int } // elements of a row that share a slope

func (b prelu[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true}
}

// next is the slope after slope c; the slopes begin anew with each row.
func next(c, slopes int) int {
	if c++; c < slopes {
		return c
	}
	return 0
}

func (b prelu[T]) Forward(s *engine.Step[T]) {
	c, slopes := 0, s.In[1]
	for from := 0; from < len(s.Out); from += b.each {
		for i := from; i < from+b.each; i++ {
			v := s.In[0][i]
			if !(v > 0) {
				v *= slopes[c]
			}
			s.Out[i] = v
		}
		c = next(c, len(slopes))
	}
}

func (b prelu[T]) Backward(s *engine.Step[T]) {
	c, slopes, grad := 0, s.In[1], s.GradIn[1]
	if grad != nil && s.First[1] {
		clear(grad)
	}
	for from := 0; from < len(s.GradOut); from += b.each {
		sum := T(0)
		for i := from; i < from+b.each; i++ {
			d := s.GradOut[i]
			if v := s.In[0][i]; !(v > 0) {
				sum += T(d * v)
				d *= slopes[c]
			}
			put(s, 0, i, d)
		}
		if grad != nil {
			grad[c] += sum
		}
		c = next(c, len(slopes))
	}
}
