package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// Dropout sets each input to zero with probability Rate while training and multiplies the others by 1 / (1 - Rate), so that nothing
// changes at evaluation ("inverted" scaling; Srivastava et al., "Dropout", JMLR 2014, section 10, scale the weights afterwards instead).
// Before the first layer it drops inputs, for which the paper used 0.2. Any shape; the result has the same. The mask is a function of
// seed, layer, step and row, so backward computes it again instead of keeping it.
type Dropout struct {
	Rate float64 `spec:",arg,min=0,lt=1" help:"share of inputs set to zero"`
}

// Build implements [Layer].
func (l Dropout) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if !(l.Rate >= 0 && l.Rate < 1) {
		g.Fail(fmt.Errorf("dropout: rate is %v; 0 <= rate < 1 is wanted", l.Rate))
		return engine.Value{}
	}
	return unary(g, l, x)
}

// Type implements [engine.Op].
func (Dropout) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (l Dropout) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	n := in[0].Shape.Size()
	return engine.Code{F32: newDropout[float32](l.Rate, n), F64: newDropout[float64](l.Rate, n)}
}

type dropout[T engine.Float] struct {
	drop  uint64 // a word below it drops
	scale T
	n     int
}

func newDropout[T engine.Float](rate float64, n int) dropout[T] {
	return dropout[T]{drop: uint64(rate * 0x1p53), scale: T(1 / (1 - rate)), n: n}
}

func (b dropout[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: true, ForgetsOut: true}
}

func (b dropout[T]) Forward(s *engine.Step[T]) {
	if !s.Mode.Random() {
		copy(s.Out, s.In[0])
		return
	}
	for r := range s.Rows {
		mask := s.Rand.Row(s.Row + r)
		x, y := s.In[0][r*b.n:(r+1)*b.n], s.Out[r*b.n:(r+1)*b.n]
		for i, v := range x {
			if mask.Bits(i)>>11 < b.drop {
				y[i] = 0
			} else {
				y[i] = v * b.scale
			}
		}
	}
}

func (b dropout[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] == nil {
		return
	}
	random := s.Mode.Random()
	for r := range s.Rows {
		mask := s.Rand.Row(s.Row + r)
		dx, dy := s.GradIn[0][r*b.n:(r+1)*b.n], s.GradOut[r*b.n:(r+1)*b.n]
		for i, d := range dy {
			switch {
			case !random:
			case mask.Bits(i)>>11 < b.drop:
				d = 0
			default:
				d *= b.scale
			}
			if s.First[0] {
				dx[i] = d
			} else {
				dx[i] += T(d)
			}
		}
	}
}
